package cloud

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
)

const (
	maxBlocks    = 50_000 // of one blob, as Azure has it
	maxBlockList = 4 << 20
)

func (s *blobs) putBlock(w http.ResponseWriter, c *blobCall) *blobError {
	id := c.query.Get("blockid")
	if raw, err := base64.StdEncoding.DecodeString(id); err != nil || len(raw) == 0 || len(raw) > 64 {
		return badParameter("blockid")
	}
	got, refused := s.take(c)
	if refused != nil {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, b, refused := s.put(c)
	if refused == nil && len(b.Staged) >= maxBlocks {
		refused = &blobError{http.StatusConflict, "BlockCountExceedsLimit", "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks."}
	}
	if refused != nil {
		s.cloud.contents.release(got)
		return refused
	}
	k.Blobs[c.name] = b
	for i, x := range b.Staged {
		if x.ID == id {
			s.cloud.contents.release(x.content)
			b.Staged = append(b.Staged[:i], b.Staged[i+1:]...)
			break
		}
	}
	b.Staged = append(b.Staged, block{id, got})
	w.Header().Set("Content-Md5", got.MD5)
	w.Header().Set("X-Ms-Request-Server-Encrypted", "true")
	return s.done(w, nil, http.StatusCreated)
}

// putBlockList joins staged blocks. Those of the committed blob are cut from
// its bytes again, which the list of their sizes allows.
func (s *blobs) putBlockList(w http.ResponseWriter, c *blobCall) *blobError {
	wanted, refused := readBlockList(c.Body)
	if refused != nil {
		return refused
	}
	meta, refused := metadata(c.Header)
	if refused != nil {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, b, refused := s.put(c)
	if refused != nil {
		return refused
	}
	got, committed, refused := s.join(b, wanted)
	if refused != nil {
		return refused
	}
	s.replace(k, b, c.name, got, headers(c.Header, false), meta)
	b.Committed = committed
	return s.done(w, &b.stamp, http.StatusCreated)
}

type wantedBlock struct {
	XMLName xml.Name // Committed, Uncommitted or Latest
	ID      string   `xml:",chardata"`
}

func readBlockList(body io.Reader) ([]wantedBlock, *blobError) {
	bad := &blobError{http.StatusBadRequest, "InvalidXmlDocument", "XML specified is not syntactically valid."}
	data, err := io.ReadAll(io.LimitReader(body, maxBlockList+1))
	if err != nil || len(data) > maxBlockList {
		return nil, bad
	}
	var list struct {
		XMLName xml.Name      `xml:"BlockList"`
		Blocks  []wantedBlock `xml:",any"`
	}
	if xml.Unmarshal(data, &list) != nil {
		return nil, bad
	}
	if len(list.Blocks) > maxBlocks {
		return nil, &blobError{http.StatusBadRequest, "BlockListTooLong", "The block list may not contain more than 50,000 blocks."}
	}
	return list.Blocks, nil
}

func (s *blobs) join(b *blob, wanted []wantedBlock) (content, []block, *blobError) {
	in, err := s.cloud.contents.create()
	if err != nil {
		return content{}, nil, notTaken(err)
	}
	defer func() { _ = in.Close() }()
	var committed []block
	for _, x := range wanted {
		id := strings.TrimSpace(x.ID)
		found, from, skip := pick(b, x.XMLName.Local, id)
		if found == nil {
			return content{}, nil, &blobError{http.StatusBadRequest, "InvalidBlockList", "The specified block list is invalid."}
		}
		if err := s.copyPart(in, from, skip, found.Size); err != nil {
			return content{}, nil, notTaken(err)
		}
		committed = append(committed, block{id, content{Size: found.Size}})
	}
	got, err := in.commit()
	if err != nil {
		return content{}, nil, notTaken(err)
	}
	return got, committed, nil
}

// pick finds a block, the content it lies in and at which offset.
func pick(b *blob, where, id string) (found *block, from content, skip int64) {
	if where != "Committed" {
		for i := range b.Staged {
			if b.Staged[i].ID == id {
				return &b.Staged[i], b.Staged[i].content, 0
			}
		}
	}
	if where != "Uncommitted" {
		for i := range b.Committed {
			if b.Committed[i].ID == id {
				return &b.Committed[i], b.content, skip
			}
			skip += b.Committed[i].Size
		}
	}
	return nil, content{}, 0
}

func (s *blobs) copyPart(in io.Writer, from content, skip, size int64) error {
	f, err := s.cloud.contents.open(from)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(in, io.NewSectionReader(f, skip, size))
	return err
}

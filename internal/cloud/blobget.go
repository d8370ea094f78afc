package cloud

import (
	"encoding/xml"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// shown is what a read serves: a blob or one of its snapshots.
type shown struct {
	stamp
	content
	headers, meta map[string]string
	lease         lease
	blocks        int
	snapshot      bool
	file          *os.File
}

// look opens the content under the lock, so that no delete comes between.
func (s *blobs) look(c *blobCall) (*shown, *blobError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, b, refused := s.blob(c)
	if refused != nil {
		return nil, refused
	}
	x := &shown{stamp: b.stamp, content: b.content, headers: b.Headers, meta: b.Metadata, lease: b.Lease, blocks: len(b.Committed)}
	if at := c.query.Get("snapshot"); at != "" {
		x = nil
		for _, snap := range b.Snapshots {
			if snap.Time == at {
				x = &shown{stamp: snap.stamp, content: snap.content, headers: snap.Headers, meta: snap.Metadata, snapshot: true}
			}
		}
		if x == nil {
			return nil, noBlob()
		}
	}
	if refused := conditions(c.Request, &x.stamp); refused != nil {
		return nil, refused
	}
	if refused := x.lease.allows(c.Header.Get("X-Ms-Lease-Id"), false, "Blob", s.cloud.now()); refused != nil && !x.snapshot {
		return nil, refused
	}
	var err error
	if x.file, err = s.cloud.contents.open(x.content); err != nil {
		s.cloud.log.Error("a blob's content is missing", "error", err)
		return nil, &blobError{http.StatusInternalServerError, "InternalError", "The server encountered an internal error. Please retry the request."}
	}
	return x, nil
}

// getBlob is Get Blob, Get Blob Properties and Get Blob Metadata.
func (s *blobs) getBlob(w http.ResponseWriter, c *blobCall) *blobError {
	x, refused := s.look(c)
	if refused != nil {
		return refused
	}
	defer func() { _ = x.file.Close() }()
	x.describe(w.Header(), s, c)
	if c.query.Get("comp") == "metadata" {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	from, size, partial, refused := byteRange(c.Request, x.Size)
	if refused != nil {
		w.Header().Set("Content-Range", "bytes */"+itoa(x.Size))
		return refused
	}
	w.Header().Set("Content-Length", itoa(size))
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		w.Header().Set("Content-Range", "bytes "+itoa(from)+"-"+itoa(from+size-1)+"/"+itoa(x.Size))
		if sum := w.Header().Get(contentMD5); sum != "" { // of the whole, and not of what is sent
			w.Header().Set("X-Ms-Blob-Content-Md5", sum)
			w.Header().Del(contentMD5)
		}
	}
	w.WriteHeader(status)
	if c.Method != http.MethodHead {
		_, _ = io.Copy(w, io.NewSectionReader(x.file, from, size)) // a client that left needs no more
	}
	return nil
}

func (x *shown) describe(h http.Header, s *blobs, c *blobCall) {
	x.set(h)
	for name, value := range x.headers {
		h.Set(name, value)
	}
	h.Set("Content-Type", contentType(x.headers))
	setMeta(h, x.meta)
	h.Set("Accept-Ranges", "bytes")
	h.Set("X-Ms-Blob-Type", "BlockBlob")
	h.Set("X-Ms-Creation-Time", x.Created.UTC().Format(http.TimeFormat))
	h.Set("X-Ms-Server-Encrypted", "true")
	if c.Method == http.MethodHead {
		h.Set("X-Ms-Access-Tier", "Hot")
		h.Set("X-Ms-Access-Tier-Inferred", "true")
	}
	if !x.snapshot {
		x.lease.set(h, s.cloud.now())
	}
}

// byteRange reads x-ms-range or Range: one range with a start, as Azure takes
// it. Whatever else stands there is ignored, as RFC 9110 section 14.2 allows.
func byteRange(r *http.Request, size int64) (from, length int64, partial bool, refused *blobError) {
	text := r.Header.Get("X-Ms-Range")
	if text == "" {
		text = r.Header.Get("Range")
	}
	spec, ok := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	if r.Method == http.MethodHead || !ok || !dash || err != nil || from < 0 {
		return 0, size, false, nil
	}
	end := size - 1
	if last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < from {
			return 0, size, false, nil
		}
		end = min(end, n)
	}
	if from >= size {
		return 0, 0, false, &blobError{http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The range specified is invalid for the current size of the resource."}
	}
	return from, end - from + 1, true, nil
}

func (s *blobs) blockList(w http.ResponseWriter, c *blobCall) *blobError {
	k, refused := s.container(c, c.container)
	if refused != nil {
		return refused
	}
	b := k.Blobs[c.name]
	if b == nil {
		return noBlob()
	}
	type entry struct {
		Name string
		Size int64
	}
	entries := func(blocks []block) (out []entry) {
		for _, x := range blocks {
			out = append(out, entry{x.ID, x.Size})
		}
		return out
	}
	var out struct {
		XMLName     xml.Name `xml:"BlockList"`
		Committed   []entry  `xml:"CommittedBlocks>Block"`
		Uncommitted []entry  `xml:"UncommittedBlocks>Block"`
	}
	kind := strings.ToLower(c.query.Get("blocklisttype"))
	if kind != "uncommitted" {
		out.Committed = entries(b.Committed)
	}
	if kind == "uncommitted" || kind == "all" {
		out.Uncommitted = entries(b.Staged)
	}
	writeXML(w, c.Request, http.StatusOK, out)
	return nil
}

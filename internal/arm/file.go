package arm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

const (
	stateFormat = "ostiary-emulated-arm"
	maxState    = 256 << 20 // bytes
)

// stateFile is Config.File's content.
type stateFile struct {
	Format       string      `json:"format"`
	Subscription string      `json:"subscription"`
	Version      uint64      `json:"version"`
	Records      []savedItem `json:"records"`
}

type savedItem struct {
	ID    string    `json:"id"`
	Type  string    `json:"type"`
	Seq   uint64    `json:"seq"`
	Nonce string    `json:"nonce,omitempty"`
	ETag  string    `json:"etag,omitempty"`
	Ready time.Time `json:"ready,omitzero"`
	Keys  [2]string `json:"keys,omitzero"`
	Body  doc       `json:"body"`
}

// save writes the whole state beside the file and renames it over, so that a
// crash leaves the old state or the new one.
func (s *Server) save() error {
	if s.cfg.File == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(s.cfg.File), filepath.Base(s.cfg.File)+".*") // readable by its owner alone
	if err != nil {
		return err
	}
	_, err = f.Write(s.encoded())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.cfg.File)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// encoded is the stateFile. Records never change, so that each is encoded once
// and a save costs a copy.
func (s *Server) encoded() []byte {
	var b bytes.Buffer
	head := encode(stateFile{Format: stateFormat, Subscription: s.cfg.Subscription, Version: s.version, Records: []savedItem{}})
	b.Write(bytes.TrimSuffix(head, []byte("]}")))
	for i, r := range s.all(func(*record) bool { return true }) {
		if r.saved == nil {
			r.saved = encode(savedItem{r.id, r.typ, r.seq, r.nonce, r.etag, r.ready, r.keys, r.doc})
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(r.saved)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func (s *Server) load() error {
	if s.cfg.File == "" {
		return nil
	}
	f, err := os.Open(s.cfg.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unreadable := fault.New(fault.Unavailable, "the emulated Resource Manager's state cannot be read").At(s.cfg.File)
	if err != nil {
		return unreadable.Because(err)
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return unreadable.Because(err)
	}
	var state stateFile
	if err := json.Unmarshal(raw, &state); err != nil || state.Format != stateFormat || len(raw) > maxState {
		return fault.New(fault.Invalid, "no state of the emulated Resource Manager").At(s.cfg.File).
			Fix("remove the file to begin anew").Because(err)
	}
	if state.Subscription != s.cfg.Subscription {
		return fault.New(fault.Conflict, "the state is of another subscription, "+clip(state.Subscription)).At(s.cfg.File).
			Fix("configure that subscription, or remove the file to begin anew")
	}
	for _, i := range state.Records {
		if i.Body == nil {
			i.Body = doc{}
		}
		s.swap(fold(i.ID), &record{id: i.ID, typ: i.Type, seq: i.Seq, doc: i.Body, nonce: i.Nonce, etag: i.ETag, ready: i.Ready, keys: i.Keys})
		s.seq = max(s.seq, i.Seq)
	}
	s.version = state.Version
	return nil
}

// bytes are n random bytes. A source that fails is the system's, and then
// nothing is safe: zeros follow, in an emulator.
func (s *Server) bytes(n int) string {
	b := make([]byte, n)
	_, _ = io.ReadFull(s.cfg.Rand, b)
	return string(b)
}

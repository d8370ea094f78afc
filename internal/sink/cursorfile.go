package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// cursorFile is the path of a cursor's file, for a destination that cannot
// keep the cursor itself.
type cursorFile string

// storedCursor is what the file holds, as JSON.
type storedCursor struct {
	Version int    `json:"v"`
	Log     string `json:"log"`
	Cursor
}

const (
	cursorVersion = 1
	maxCursor     = 4 << 20 // bytes of the file: maxOpen indices of 20 digits, and room
)

// read gives the zero cursor where there is no file.
func (c cursorFile) read(log string) (Cursor, error) {
	f, err := os.Open(string(c))
	if errors.Is(err, fs.ErrNotExist) {
		return Cursor{}, nil
	}
	if err != nil {
		return Cursor{}, c.fault(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxCursor+1))
	if err != nil {
		return Cursor{}, c.fault(err)
	}
	stored, err := parseCursor(data)
	if err == nil && stored.Log != log {
		err = errors.New("it is of another log")
	}
	if err != nil {
		return Cursor{}, fault.New(fault.Invalid, "not the cursor of this log").At(string(c)).
			Fix("restore the file, or delete it to deliver the whole log again").Because(err)
	}
	return stored.Cursor, nil
}

// parseCursor is strict: a cursor that is wrong would leave calls out.
func parseCursor(data []byte) (storedCursor, error) {
	var s storedCursor
	if len(data) > maxCursor {
		return s, errors.New("over 4 MiB")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, errors.New("more than one value")
	}
	if s.Version != cursorVersion {
		return s, errors.New("of another version")
	}
	if s.From > s.Next || len(s.Open) > 0 && s.Open[0] < s.From {
		return s, errors.New("it needs what is not before it")
	}
	for i, open := range s.Open {
		if open >= s.Next || i > 0 && open <= s.Open[i-1] {
			return s, errors.New("its open entries are out of order")
		}
	}
	return s, nil
}

// write replaces the file whole. Should a power loss bring the file before
// back, some entries come twice.
func (c cursorFile) write(log string, next Cursor) error {
	data, err := json.Marshal(storedCursor{cursorVersion, log, next})
	if err != nil {
		return err
	}
	if err := pki.WriteFile(string(c), data, 0o600); err != nil {
		return c.fault(err)
	}
	return nil
}

func (c cursorFile) fault(err error) error {
	return fault.New(fault.Unavailable, "the sink's cursor cannot be kept").At(string(c)).
		Fix("mend the disk or the permissions").Because(err)
}

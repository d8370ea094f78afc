package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxID bounds a call's id, in bytes. A UUID has 36.
const maxID = 64

// decodeRecord reads a payload strictly: an unknown field, a missing half or
// another version is an error.
func decodeRecord(payload []byte) (Record, error) {
	var r Record
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		var v struct {
			V int `json:"v"`
		}
		if json.Unmarshal(payload, &v) == nil && v.V > RecordVersion {
			return Record{}, versionError(v.V)
		}
		return Record{}, fmt.Errorf("%w: %w", errRecord, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errRecord
	}
	if r.Version < 1 || r.Version > RecordVersion {
		return Record{}, versionError(r.Version)
	}
	if r.ID == "" || len(r.ID) > maxID || !r.Kind.holds(r.Call != nil, r.Result != nil, r.Forget != nil) {
		return Record{}, errRecord
	}
	return r, nil
}

// holds says whether a record of this kind has just these halves.
func (k Kind) holds(call, result, forget bool) bool {
	switch k {
	case Intent:
		return call && !result && !forget
	case Outcome:
		return !call && result && !forget
	case Refusal:
		return call && result && !forget
	case Forgotten:
		return !call && !result && forget
	}
	return false
}

var (
	errRecord    = errors.New("sound, but not the record of a call")
	errNewRecord = errors.New("sound, but a record of another version")
)

func versionError(v int) error {
	return fmt.Errorf("%w: version %d, and this build reads 1 to %d", errNewRecord, v, RecordVersion)
}

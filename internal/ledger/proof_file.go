package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/ostiary/ostiary/internal/fault"
)

// MaxProof bounds a proof's file, in bytes.
const MaxProof = 16 << 20

// maxPath bounds a leaf's path, in hashes: a tree is at most 62 levels high.
const maxPath = 62

// Encode makes the proof's file.
func (p Proof) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(p, "", "  ")
	if err == nil && len(data) >= MaxProof {
		return nil, fault.New(fault.TooLarge, "the proof would have over 16 MiB")
	}
	return append(data, '\n'), err
}

// ParseProof reads a proof's file, strictly: fault.Invalid if anything is
// missing, unknown or out of bounds. It checks no hash and no signature.
func ParseProof(data []byte) (Proof, error) {
	if len(data) > MaxProof {
		return Proof{}, fault.New(fault.TooLarge, "a proof of over 16 MiB")
	}
	malformed := fault.New(fault.Invalid, "not a proof of a call").Fix("make one with ledger prove")
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var p Proof
	if err := d.Decode(&p); err != nil {
		return Proof{}, malformed.Because(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Proof{}, malformed
	}
	if p.Format != proofFormat {
		return Proof{}, fault.New(fault.Invalid, "not a proof of a version that this build reads")
	}
	if p.Call == "" || len(p.Call) > maxID || len(p.Checkpoint) > maxCheckpoint || len(p.Leaves) == 0 || len(p.Leaves) > maxLeaves {
		return Proof{}, malformed
	}
	for _, l := range p.Leaves {
		if len(l.Path) > maxPath || len(l.Record) > MaxPayload || (l.Record == "") == (l.Hash == nil) {
			return Proof{}, malformed
		}
	}
	return p, nil
}

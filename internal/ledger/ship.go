package ledger

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
)

// ID is the identity of the log in a directory, 32 hexadecimal digits. It is
// in every segment and checkpoint, and no two logs share it.
func ID(dir string) (string, error) {
	_, id, err := readVerifier(disk{}, dir)
	return id.String(), err
}

// Item is an entry of a ledger's log: a record, or a piece of a body.
type Item struct {
	Index  uint64
	Record Record // if Piece is nil
	Piece  *Piece
}

// Piece is a piece of a body, as it lies in the log.
type Piece struct {
	ID      string // of the call
	Part    Part
	Subject string // the pseudonym that it is sealed under; empty if it is in clear
	Payload []byte // for OpenPieces; may be kept
}

// ReadItems is Read with pieces.
func ReadItems(dir string, from uint64, visit func(Item) error) error {
	return ReadLog(dir, from, items(visit))
}

// FollowItems is Follow with pieces.
func FollowItems(ctx context.Context, dir string, from uint64, every time.Duration, visit func(Item) error) error {
	return follow(ctx, dir, from, every, items(visit))
}

func items(visit func(Item) error) func(uint64, []byte) error {
	record := decoding(func(index uint64, r Record) error { return visit(Item{Index: index, Record: r}) })
	return func(index uint64, payload []byte) error {
		p, err := parsePiece(payload)
		if err != nil {
			return record(index, payload) // which passes a damaged piece over
		}
		whole := Piece{ID: p.id, Part: p.part, Payload: append([]byte(nil), payload...)}
		if p.sealed {
			whole.Subject = p.subject.String()
		}
		return visit(Item{Index: index, Piece: &whole})
	}
}

// OpenPieces opens one body whose pieces were collected in the log's order,
// with the key files of the log's directory and an auditor's identity; nil
// opens only what is in clear. Pieces of a body that was given up may stand
// before them. Its faults are those of KeptBody.
func OpenPieces(dir string, payloads [][]byte, identity *seal.Identity) ([]byte, error) {
	_, log, err := readVerifier(disk{}, dir)
	if err != nil {
		return nil, err
	}
	s, err := lastStrand(log, payloads)
	if err != nil {
		return nil, err
	}
	return s.open(log, func(subject pseudonym, key seal.KeyID) (*seal.Key, error) {
		if _, err := readKeyFile(disk{}, dir, subject, key); errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.NotFound, "the key of the body is gone: its subject was forgotten").At(subjectDir(dir, subject))
		}
		return auditorKey(dir, 0, subject, key, identity)
	})
}

// lastStrand is the body that pieces of one part end in.
func lastStrand(log logID, payloads [][]byte) (*strand, error) {
	a := &assembly{log: log, parts: map[Part][]*strand{}}
	for _, p := range payloads {
		if err := a.add(p); err != nil {
			return nil, err
		}
	}
	for _, strands := range a.parts {
		if s := strands[len(strands)-1]; s.whole() {
			return s, nil
		}
	}
	return nil, damagedBody("", errCutOff)
}

package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/ledger"
)

// The protocol: POST add-checkpoint takes
//
//	old <size of the checkpoint that the witness has, in decimal>
//	<hashes of the consistency proof, base64, one a line>
//	<an empty line>
//	<the checkpoint, a signed note>
//
// and answers 200 with the cosignature, as note signature lines. GET
// <hex SHA-256 of the log's name>/checkpoint gives what it cosigned last.
const (
	addPath     = "/add-checkpoint"
	latestPath  = "/checkpoint"
	sizeType    = "text/x.tlog.size" // of the body of a 409: the size it has
	maxProof    = 63                 // hashes
	maxRequest  = ledger.MaxCheckpoint + maxProof*45 + 64
	maxSizeText = 20 // digits
)

// addition is the body of add-checkpoint.
type addition struct {
	old   uint64
	proof tlog.TreeProof
	note  []byte
}

func (a addition) encode() []byte {
	b := fmt.Appendf(nil, "old %d\n", a.old)
	for _, h := range a.proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), a.note...)
}

var errRequest = errors.New("not the body of add-checkpoint")

// parseAddition reads a body strictly: encode gives back what it accepts.
func parseAddition(data []byte) (a addition, err error) {
	line, rest, ok := bytes.Cut(data, []byte("\n"))
	size, isOld := bytes.CutPrefix(line, []byte("old "))
	if !ok || !isOld {
		return a, errRequest
	}
	if a.old, err = parseSize(size); err != nil {
		return a, err
	}
	for {
		line, rest, ok = bytes.Cut(rest, []byte("\n"))
		if !ok || len(a.proof) > maxProof {
			return a, errRequest
		}
		if len(line) == 0 {
			break
		}
		h, err := tlog.ParseHash(string(line))
		if err != nil || h.String() != string(line) {
			return a, errRequest
		}
		a.proof = append(a.proof, h)
	}
	if len(a.proof) > maxProof {
		return a, errRequest
	}
	a.note = rest
	return a, nil
}

// parseSize reads a size in its one spelling.
func parseSize(text []byte) (uint64, error) {
	if len(text) > maxSizeText {
		return 0, errRequest
	}
	n, err := strconv.ParseUint(string(text), 10, 62)
	if err != nil || strconv.FormatUint(n, 10) != string(text) {
		return 0, errRequest
	}
	return n, nil
}

// place is where a witness keeps a log: the hash of the log's name.
func place(log note.Verifier) string {
	sum := sha256.Sum256([]byte(log.Name()))
	return hex.EncodeToString(sum[:])
}

var errExtends = errors.New("it does not extend the checkpoint seen before")

// extends checks that a checkpoint extends the one of size old and the given
// root. From size 0 on everything does, and the proof must be empty.
func extends(c ledger.Checkpoint, old uint64, root tlog.Hash, proof tlog.TreeProof) error {
	if c.Size == 0 && c.Root != sha256.Sum256(nil) {
		return errExtends
	}
	if old == 0 {
		if len(proof) > 0 {
			return errExtends
		}
		return nil
	}
	if old > c.Size || tlog.CheckTree(proof, int64(c.Size), c.Root, int64(old), root) != nil { //nolint:gosec // under 2^62
		return errExtends
	}
	return nil
}

package ledger

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
)

// checkpoint is a signed statement of how many entries a log has and what the
// root of their tree is. The text is that of C2SP's tlog-checkpoint, so that
// witnesses of other people's making can read it:
//
//	ostiary/log/<log id in hex>
//	<size in decimal>
//	<root in base64>
type checkpoint struct {
	size uint64
	root tlog.Hash
}

const (
	originPrefix  = "ostiary/log/"
	maxCheckpoint = 64 << 10 // bytes; a witness may add signatures
)

func (c checkpoint) text(origin string) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, c.size, c.root)
}

// sign makes the note.
func (c checkpoint) sign(signer note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.text(signer.Name())}, signer)
}

// openCheckpoint reads a note that v's key signed for the log of v's name.
func openCheckpoint(msg []byte, v note.Verifier) (checkpoint, error) {
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return checkpoint{}, err
	}
	return parseCheckpoint(n.Text, v.Name())
}

// parseCheckpoint reads the text of a checkpoint, in its one spelling.
func parseCheckpoint(text, origin string) (c checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 {
		return checkpoint{}, errCheckpoint
	}
	c.size, err = strconv.ParseUint(lines[1], 10, 64)
	if err != nil || c.size > maxIndex {
		return checkpoint{}, errCheckpoint
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return checkpoint{}, errCheckpoint
	}
	c.root = tlog.Hash(root)
	if text != c.text(origin) { // one spelling only
		return checkpoint{}, errCheckpoint
	}
	return c, nil
}

var errCheckpoint = fault.New(fault.Invalid, "signed, but not a checkpoint of this log")

// readCheckpoint reads the checkpoint file of a log.
func readCheckpoint(fsys FS, dir, verifier string) (checkpoint, error) {
	path := join(dir, checkpointName)
	v, _, err := parseVerifier(verifier)
	if err != nil {
		return checkpoint{}, err
	}
	msg, err := fsys.ReadFile(path, 0, maxCheckpoint)
	if err != nil {
		return checkpoint{}, unavailable("cannot read the log's checkpoint", path, err)
	}
	c, err := openCheckpoint(msg, v)
	if err != nil {
		return checkpoint{}, fault.New(fault.Unavailable, "the log's checkpoint is not one that its key signed").At(path).
			Fix("restore the file from a copy; without it nobody can tell whether entries were cut off").Because(err)
	}
	return c, nil
}

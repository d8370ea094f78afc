package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
)

// SignedTree is a checkpoint that a log's writer has signed, and how the log's
// tree grew to it.
type SignedTree struct {
	Size   uint64
	Note   []byte
	Growth Growth // since the checkpoint told of before; empty for the first

	Key    string // the public key, the line of checkpoint.pub
	Header []byte // of a segment that would begin here, for Rebuild.Resume
}

// announce tells of a checkpoint over the tree as it is.
func (l *Log) announce(msg []byte) {
	if l.cfg.Signed == nil {
		return
	}
	l.cfg.Signed(SignedTree{
		Size: l.tree.size, Note: msg, Growth: l.grown, Key: l.keys.verifier, Header: l.header().encode(),
	})
	l.grown = growthAt(l.tree.size)
}

// announceOld tells of the checkpoint that was there before this start.
func (l *Log) announceOld() error {
	if l.cfg.Signed == nil {
		return nil
	}
	msg, err := l.cfg.FS.ReadFile(join(l.cfg.Directory, checkpointName), 0, maxCheckpoint)
	if err == nil {
		l.announce(msg)
	}
	return err
}

// Checkpoint is what a signed checkpoint states.
type Checkpoint struct {
	Size      uint64
	Root      tlog.Hash
	Text      string           // what was signed
	Log       note.Signature   // of the log
	Witnesses []note.Signature // of the given witnesses, valid
}

// MaxCheckpoint bounds a checkpoint, in bytes.
const MaxCheckpoint = maxCheckpoint

// OpenCheckpoint reads a checkpoint, in the text of C2SP's tlog-checkpoint
// without extension lines, that the log's key signed; the key's name must be
// the log's. Signatures of the witnesses are checked where there are any: one
// that is false is an error, one that is missing is not. Errors of package
// note tell an unsigned note from a malformed one.
func OpenCheckpoint(msg []byte, log note.Verifier, witnesses ...note.Verifier) (Checkpoint, error) {
	if len(msg) > maxCheckpoint {
		return Checkpoint{}, fault.New(fault.TooLarge, "a checkpoint of over 64 KiB")
	}
	n, err := note.Open(msg, note.VerifierList(append(slices.Clone(witnesses), log)...))
	if err != nil {
		return Checkpoint{}, err
	}
	c := Checkpoint{Text: n.Text}
	for _, sig := range n.Sigs {
		if sig.Name == log.Name() && sig.Hash == log.KeyHash() {
			c.Log = sig
		} else {
			c.Witnesses = append(c.Witnesses, sig)
		}
	}
	if len(c.Witnesses) == len(n.Sigs) {
		return Checkpoint{}, &note.UnverifiedNoteError{Note: n}
	}
	signed, err := parseCheckpoint(n.Text, log.Name())
	c.Size, c.Root = signed.size, signed.root
	return c, err
}

// Lock takes a directory for one process alone, as the writer of a log does;
// fault.Conflict if another has it. The kernel drops the lock with the process.
func Lock(dir string) (io.Closer, error) { return lockDirectory(dir) }

// Verifier reads the public key of a log in a directory.
func Verifier(dir string) (note.Verifier, error) {
	text, _, err := readVerifier(disk{}, dir)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// NewestCheckpoint is the log's own latest checkpoint in a directory.
func NewestCheckpoint(dir string) (msg []byte, err error) {
	path := join(dir, checkpointName)
	msg, err = disk{}.ReadFile(path, 0, maxCheckpoint)
	if err != nil {
		return nil, unavailable("cannot read the log's checkpoint", path, err)
	}
	return msg, nil
}

// Checkpoints that witnesses cosigned lie beside the log, one file a witness.
const (
	witnessedPrefix = "checkpoint.witnessed-"
	maxWitnessed    = 64 // files that are read
)

// WitnessedFile is the name of the file in a log's directory that keeps the
// newest checkpoint which this witness cosigned.
func WitnessedFile(witness note.Verifier) string {
	return fmt.Sprintf("%s%08x", witnessedPrefix, witness.KeyHash())
}

// Witnessed is a checkpoint of a log that somebody outside has seen, or why
// there is none where there should be.
type Witnessed struct {
	From string // who or what has it, for reports
	Note []byte // as the log signed it; nil if there is none
	Err  error  // why there is none
}

// held is a checkpoint that a log must fit.
type held struct {
	checkpoint
	from string
}

// What a witness's checkpoint tells of a log.
var (
	errForked  = errors.New("not what a witness has seen signed: they were altered, and the log was signed anew")
	errUnwound = errors.New("missing, although a witness has seen them signed: the log was cut off or put back to an earlier state")
	errUnheld  = errors.New("cannot be held to the witness's checkpoint, for others that it covers are damaged or missing")
	errWitness = errors.New("no checkpoint of this log")
	errUnseen  = fmt.Errorf("%w: another log lies here, or it was never witnessed", errWitness)
)

// holdTo takes up the checkpoints that lie beside the log and those given.
func (s *scan) holdTo(fsys FS, dir string, report *LogReport, against []Witnessed) error {
	kept, err := readWitnessed(fsys, dir)
	if err != nil {
		return err
	}
	v, _, err := parseVerifier(report.Key)
	if err != nil {
		return err
	}
	for _, w := range append(kept, against...) {
		c, err := w.open(v)
		if err != nil {
			report.add(Problem{Witness: w.From, err: err}.worded())
			continue
		}
		s.held = append(s.held, held{c, w.From})
		report.Witnessed = max(report.Witnessed, c.size)
	}
	slices.SortStableFunc(s.held, func(a, b held) int { return cmp.Compare(a.size, b.size) })
	return nil
}

func (w Witnessed) open(v note.Verifier) (checkpoint, error) {
	switch {
	case w.Err != nil:
		return checkpoint{}, fmt.Errorf("%w: %w", errWitness, w.Err)
	case w.Note == nil:
		return checkpoint{}, errUnseen
	}
	c, err := openCheckpoint(w.Note, v)
	if err != nil {
		return checkpoint{}, fmt.Errorf("%w: what it has is not signed by this log's key: %w", errWitness, err)
	}
	return c, nil
}

// readWitnessed reads the cosigned checkpoints that lie beside a log.
func readWitnessed(fsys FS, dir string) ([]Witnessed, error) {
	found, err := list(fsys, dir)
	if err != nil {
		return nil, err
	}
	var kept []Witnessed
	for name := range found.others {
		if !strings.HasPrefix(name, witnessedPrefix) || strings.HasSuffix(name, temporary) {
			continue
		}
		if len(kept) == maxWitnessed {
			return nil, fault.New(fault.Invalid, "too many checkpoints of witnesses beside the log").At(dir).Fix("keep those of witnesses in use")
		}
		msg, err := fsys.ReadFile(join(dir, name), 0, maxCheckpoint)
		if err != nil {
			return nil, unavailable("cannot read a checkpoint", join(dir, name), err)
		}
		kept = append(kept, Witnessed{From: name, Note: msg})
	}
	slices.SortFunc(kept, func(a, b Witnessed) int { return strings.Compare(a.From, b.From) })
	return kept, nil
}

// hold compares the tree with the checkpoints of its size. Of several that do
// not fit only the first is told: what follows a changed entry differs too.
func (s *scan) hold() {
	for len(s.held) > 0 && s.held[0].size <= s.tree.size {
		h := s.held[0]
		s.held = s.held[1:]
		switch {
		case s.agreed == noCheckpoint:
		case h.size < s.tree.size && h.size > 0: // where damage hid the tree
			s.report(Problem{First: s.agreed, Last: h.size - 1, Witness: h.from, err: errUnheld}.worded(), nil)
		case h.size == s.tree.size && h.root != s.tree.root():
			s.report(Problem{First: s.agreed, Last: h.size - 1, Witness: h.from, err: errForked}.worded(), nil)
			s.agreed = noCheckpoint
		default:
			s.agreed = h.size
		}
	}
}

// finishHeld deals with checkpoints over more than the log has: what is missing
// keeps what is left behind the last one that fitted from being proven.
func (s *scan) finishHeld() {
	if len(s.held) == 0 {
		return
	}
	h := s.held[len(s.held)-1]
	tell := func(first, end uint64, what error) {
		if first < end {
			s.report(Problem{First: first, Last: end - 1, Witness: h.from, err: what}.worded(), nil)
		}
	}
	if s.agreed != noCheckpoint {
		tell(s.agreed, min(s.next, h.size), errUnheld)
	}
	tell(s.next, h.size, errUnwound)
}

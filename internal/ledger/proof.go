package ledger

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
)

// Proof shows, without the log, what the log's records say of a call.
type Proof struct {
	Format     string `json:"format"` // proofFormat
	Call       string `json:"call"`
	Key        string `json:"key"`        // the log's public key: compare it with a copy kept elsewhere
	Checkpoint string `json:"checkpoint"` // the signed note that the leaves are under
	Leaves     []Leaf `json:"leaves"`     // in order
}

// Leaf is one entry of the log and its path to the checkpoint's root.
type Leaf struct {
	Index  uint64      `json:"index"`
	Record string      `json:"record,omitempty"` // the record, byte for byte
	Hash   *tlog.Hash  `json:"hash,omitempty"`   // in its place for a piece of a body: the leaf's hash
	Path   []tlog.Hash `json:"path"`             // the inclusion proof of RFC 6962, section 2.1.1
}

const (
	proofFormat = "ostiary/proof/v1"
	maxLeaves   = 1024 // of a call: its records and the pieces of its bodies
)

// Prove collects what a log says of a call, each entry with its path to a
// signed checkpoint: the newest that a witness cosigned, if it covers the
// call, else the log's own latest. It reads the whole log and needs no lock
// and no key. A call that is not there is fault.NotFound; one that no
// checkpoint covers yet is fault.Unavailable.
func Prove(dir, id string) (Proof, error) {
	key, _, err := readVerifier(disk{}, dir)
	if err != nil {
		return Proof{}, err
	}
	signed, err := provable(dir, key)
	if err != nil {
		return Proof{}, err
	}
	c := collector{id: []byte(id)}
	for _, s := range signed {
		c.cuts = append(c.cuts, s.size)
	}
	if err := c.read(dir); err != nil {
		return Proof{}, err
	}
	if len(c.leaves) == 0 {
		return Proof{}, fault.New(fault.NotFound, "no record of this call").At(dir).Fix("the id is what the client got as x-ostiary-call-id")
	}
	last := c.leaves[len(c.leaves)-1].Index
	for _, s := range signed {
		if last < s.size {
			p := Proof{Format: proofFormat, Call: id, Key: key, Checkpoint: string(s.note)}
			p.Leaves, err = c.prove(s.checkpoint)
			return p, err
		}
	}
	return Proof{}, fault.New(fault.Unavailable, fmt.Sprintf("entry %d is under no checkpoint yet", last)).At(dir).Fix("try again in a few seconds")
}

// provenUnder is a checkpoint that a proof may lead to.
type provenUnder struct {
	checkpoint
	note []byte
}

// provable is the checkpoints to choose from: cosigned ones, the newest first,
// then the log's own.
func provable(dir, key string) ([]provenUnder, error) {
	v, _, err := parseVerifier(key)
	if err != nil {
		return nil, err
	}
	own, err := readCheckpoint(disk{}, dir, key)
	if err != nil {
		return nil, err
	}
	msg, err := NewestCheckpoint(dir)
	if err != nil {
		return nil, err
	}
	kept, err := readWitnessed(disk{}, dir)
	if err != nil {
		return nil, err
	}
	var all []provenUnder
	for _, w := range kept {
		if c, err := openCheckpoint(w.Note, v); err == nil && c.size <= own.size {
			all = append(all, provenUnder{c, w.Note})
		}
	}
	slices.SortStableFunc(all, func(a, b provenUnder) int { return cmp.Compare(b.size, a.size) })
	// The writer may have signed anew between the two reads: the note decides.
	own, err = openCheckpoint(msg, v)
	return append(all, provenUnder{own, msg}), err
}

// collector gathers a call's leaves and the ranges of the tree between them in
// one pass.
type collector struct {
	id     []byte
	cuts   []uint64 // sizes that a range must end at
	found  map[uint64]Leaf
	leaves []Leaf
	ranges []Growth // without gaps; each leaf found has one of its own
}

func (c *collector) read(dir string) error {
	c.found = map[uint64]Leaf{}
	r, err := newReader(disk{}, dir, 0, func(index uint64, payload []byte) error {
		if leaf, ok := c.leaf(index, payload); ok {
			c.found[index] = leaf
		}
		if len(c.found) > maxLeaves {
			return fault.New(fault.TooLarge, "the call has more entries than a proof may have").At(dir)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.scan.leaf = c.grow
	return r.drain()
}

// leaf says whether an entry is of the call.
func (c *collector) leaf(index uint64, payload []byte) (Leaf, bool) {
	if !bytes.Contains(payload, c.id) {
		return Leaf{}, false
	}
	if isPiece(payload) {
		p, err := parsePiece(payload)
		hash := tlog.RecordHash(payload)
		return Leaf{Index: index, Hash: &hash}, err == nil && p.id == string(c.id)
	}
	r, err := decodeRecord(payload)
	sound := err == nil && utf8.Valid(payload) // or JSON would not carry it unchanged
	return Leaf{Index: index, Record: string(payload)}, sound && r.ID == string(c.id)
}

// grow takes the next leaf of the tree.
func (c *collector) grow(index uint64, hash tlog.Hash) {
	leaf, ours := c.found[index]
	if ours {
		c.leaves = append(c.leaves, leaf)
	}
	n := len(c.ranges)
	if n == 0 || ours || c.afterLeaf() || slices.Contains(c.cuts, index) {
		c.ranges = append(c.ranges, growthAt(index))
		n++
	}
	c.ranges[n-1].push(hash)
}

// afterLeaf says whether the last range is that of a leaf found.
func (c *collector) afterLeaf() bool {
	n := len(c.leaves)
	return n > 0 && c.ranges[len(c.ranges)-1].From == c.leaves[n-1].Index
}

// prove gives every leaf its path to a checkpoint, which covers all of them.
func (c *collector) prove(signed checkpoint) ([]Leaf, error) {
	wrong := fault.New(fault.No, "the log does not fit its checkpoint").Fix("see what ledger verify says")
	if len(c.ranges) == 0 || c.ranges[0].From != 0 {
		return nil, wrong
	}
	before, next := Growth{}, 0
	for i, g := range c.ranges {
		if next < len(c.leaves) && c.leaves[next].Index == g.From {
			after := growthAt(g.To)
			for _, later := range c.ranges[i+1:] {
				if later.To <= signed.size {
					after = after.Join(later)
				}
			}
			if after.To != signed.size {
				return nil, wrong
			}
			path, err := inclusion(before, after)
			if err != nil {
				return nil, wrong.Because(err)
			}
			c.leaves[next].Path = path
			next++
		}
		if g.To <= signed.size {
			before = before.Join(g)
		}
	}
	if before.To != signed.size || before.Root() != signed.root {
		return nil, wrong
	}
	return c.leaves, nil
}

// Proven is what a proof shows.
type Proven struct {
	Log       string           `json:"log"`              // the log's name
	Size      uint64           `json:"size"`             // entries that the checkpoint covers
	Call      Record           `json:"call"`             // both halves of the call; no result if its outcome is not in the proof
	Entries   []uint64         `json:"entries"`          // indices of the records
	Pieces    []uint64         `json:"pieces,omitempty"` // entries that the proof says hold its bodies; only their hashes are shown
	Witnesses []note.Signature `json:"-"`                // valid cosignatures of the given witnesses
}

// Check holds a proof to the log's public key, got from elsewhere, and finds
// which of the witnesses cosigned its checkpoint. A proof that does not hold
// is fault.No. It shows that these records stand in the log that was signed;
// it does not show that the log has no further record of the call.
func (p Proof) Check(log note.Verifier, witnesses ...note.Verifier) (Proven, error) {
	signed, err := OpenCheckpoint([]byte(p.Checkpoint), log, witnesses...)
	if err != nil {
		return Proven{}, fault.New(fault.No, "the proof's checkpoint is not signed by this key").
			Fix("check it with the key of the log that it is from").Because(err)
	}
	proven := Proven{Log: log.Name(), Size: signed.Size, Witnesses: signed.Witnesses}
	var calls Calls
	for i, leaf := range p.Leaves {
		if i > 0 && leaf.Index <= p.Leaves[i-1].Index {
			return Proven{}, broken(leaf, "out of order")
		}
		if err := leaf.check(signed); err != nil {
			return Proven{}, err
		}
		if leaf.Hash != nil {
			proven.Pieces = append(proven.Pieces, leaf.Index)
			continue
		}
		r, err := decodeRecord([]byte(leaf.Record))
		if err != nil || r.ID != p.Call {
			return Proven{}, broken(leaf, "not a record of this call")
		}
		proven.Entries = append(proven.Entries, leaf.Index)
		whole, ok := calls.Add(r)
		if !ok {
			whole = r
		}
		proven.Call = whole
	}
	if len(proven.Entries) == 0 {
		return Proven{}, fault.New(fault.No, "the proof holds no record of the call")
	}
	return proven, nil
}

func broken(leaf Leaf, what string) error {
	return fault.New(fault.No, "the proof does not hold: "+what).At(fmt.Sprintf("entry %d", leaf.Index))
}

// check follows a leaf's path to the root.
func (l Leaf) check(signed Checkpoint) error {
	hash := tlog.RecordHash([]byte(l.Record))
	if l.Hash != nil {
		hash = *l.Hash
	}
	if l.Index >= signed.Size || l.Index > math.MaxInt64 {
		return broken(l, "the checkpoint does not cover it")
	}
	if tlog.CheckRecord(l.Path, int64(signed.Size), signed.Root, int64(l.Index), hash) != nil { //nolint:gosec // at most maxIndex
		return broken(l, "it is not what the checkpoint signed")
	}
	return nil
}

package ledger

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// history is a log as somebody wants it to be: blocks of entries.
type history struct {
	id     logID
	signer note.Signer
	public string
	blocks [][]string
	per    int // blocks of a segment
}

func newHistory(t *testing.T) history {
	t.Helper()
	var id logID
	_, _ = rand.Read(id[:])
	private, public, err := note.GenerateKey(rand.Reader, originPrefix+id.String())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return history{id: id, signer: signer, public: public}
}

// of is another history in the same log's name.
func (h history) of(blocks [][]string) history { h.blocks = blocks; return h }

func (h history) entries() []string { return slices.Concat(h.blocks...) }

// sizes is where a checkpoint can have been signed: behind each block.
func (h history) sizes() []int {
	var all []int
	n := 0
	for _, b := range h.blocks {
		n += len(b)
		all = append(all, n)
	}
	return all
}

func (h history) leaves() []tlog.Hash {
	var all []tlog.Hash
	for _, p := range h.entries() {
		all = append(all, tlog.RecordHash([]byte(p)))
	}
	return all
}

// checkpoint is signed over the first entries.
func (h history) checkpoint(t *testing.T, size int) []byte {
	t.Helper()
	c := checkpoint{size: uint64(size), root: newRoot(h.leaves()[:size])}
	msg, err := c.sign(h.signer)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func newRoot(leaves []tlog.Hash) tlog.Hash {
	tr := newTree()
	for _, l := range leaves {
		tr.push(l)
	}
	return tr.root()
}

// write puts the log's files in a directory, all checksums, chain and tree as
// they should be.
func (h history) write(m *memFS, dir string) {
	for path := range m.names {
		if strings.HasSuffix(path, segmentSuffix) {
			delete(m.names, path)
		}
	}
	put := func(name string, data []byte) { m.names[join(dir, name)] = &inode{cached: data} }
	put(verifierName, []byte(h.public+"\n"))
	var chain tlog.Hash
	tr := newTree()
	var name string
	var file []byte
	for i, payloads := range h.blocks {
		if i%h.per == 0 {
			if name != "" {
				put(name, file)
			}
			name, file = segmentName(tr.size), segmentHeader{h.id, tr.size, chain, tr.peaks}.encode()
		}
		buf := make([]byte, blockHeader)
		var leaves []tlog.Hash
		for _, p := range payloads {
			buf = appendEntry(buf, []byte(p), entryCRC([]byte(p)))
			leaves = append(leaves, tlog.RecordHash([]byte(p)))
		}
		buf = sealBlock(buf, h.id, tr.size, len(payloads), chain)
		chain = chainHash(buf[:blockHeader], leaves)
		for _, l := range leaves {
			tr.push(l)
		}
		file = append(file, buf...)
	}
	put(name, file)
}

// firstChange is the first entry that two histories do not share.
func firstChange(a, b []string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

// trial is one log, what a forger makes of it, and what is known of it
// elsewhere.
type trial struct {
	*testing.T
	rnd  *mathrand.Rand
	real history
	m    *memFS
	dir  string

	signed    int         // size of the log's own checkpoint
	witnessed []int       // sizes of the checkpoints that a witness has
	against   []Witnessed // and they themselves
}

func newTrial(t *testing.T, seed uint64, base history) *trial {
	tr := &trial{T: t, rnd: mathrand.New(mathrand.NewPCG(seed, 5)), real: base, m: newMemFS(), dir: "log"}
	tr.real.per = 1 + tr.rnd.IntN(4)
	n := 0
	for range 3 + tr.rnd.IntN(10) {
		tr.real.blocks = append(tr.real.blocks, tr.block(&n))
	}
	tr.real.write(tr.m, tr.dir)
	sizes := tr.real.sizes()
	tr.signed = sizes[1+tr.rnd.IntN(len(sizes)-1)]
	tr.m.names[join(tr.dir, checkpointName)] = &inode{cached: tr.real.checkpoint(t, tr.signed)}
	for range 1 + tr.rnd.IntN(4) {
		tr.witnessed = append(tr.witnessed, sizes[tr.rnd.IntN(len(sizes))])
	}
	slices.Sort(tr.witnessed)
	tr.witnessed = slices.Compact(tr.witnessed)
	for _, size := range tr.witnessed {
		tr.against = append(tr.against, Witnessed{From: "elsewhere", Note: tr.real.checkpoint(t, size)})
	}
	return tr
}

// block is one to five entries that no other history has.
func (tr *trial) block(n *int) []string {
	var b []string
	for range 1 + tr.rnd.IntN(5) {
		b = append(b, fmt.Sprintf("entry %d %x %s", *n, tr.rnd.Uint64(), strings.Repeat("é", tr.rnd.IntN(8))))
		*n++
	}
	return b
}

func (tr *trial) last() int { return tr.witnessed[len(tr.witnessed)-1] }

// place is a random entry before a bound, as block and position.
func (tr *trial) place(before int) (block, at int) {
	i := tr.rnd.IntN(before)
	for block = range tr.real.blocks {
		if i < len(tr.real.blocks[block]) {
			return block, i
		}
		i -= len(tr.real.blocks[block])
	}
	tr.Fatal("no such entry")
	return 0, 0
}

// change is what forgers do to the entries, the first of them before a bound.
func (tr *trial) change(before int) (kind string, blocks [][]string) {
	for _, b := range tr.real.blocks {
		blocks = append(blocks, slices.Clone(b))
	}
	b, i := tr.place(before)
	fresh := 0
	switch tr.rnd.IntN(10) {
	case 0:
		kind, blocks[b][i] = "entry edited", blocks[b][i][1:]+"!"
	case 1:
		kind, blocks[b][i] = "entry emptied", ""
	case 2:
		kind, blocks[b] = "entry deleted", slices.Delete(blocks[b], i, i+1)
		blocks = slices.DeleteFunc(blocks, func(b []string) bool { return len(b) == 0 })
	case 3:
		kind, blocks = "block deleted", slices.Delete(blocks, b, b+1)
	case 4:
		kind, blocks[b] = "entry put in", slices.Insert(blocks[b], i, tr.block(&fresh)[0])
	case 5:
		kind, blocks[b] = "entry repeated", slices.Insert(blocks[b], i, blocks[b][i])
	case 6:
		c, j := tr.place(len(tr.real.entries()))
		kind = "entries swapped"
		blocks[b][i], blocks[c][j] = blocks[c][j], blocks[b][i]
	case 7:
		c := tr.rnd.IntN(len(blocks))
		kind = "blocks swapped"
		blocks[b], blocks[c] = blocks[c], blocks[b]
	case 8:
		kind, blocks = "the end cut off", blocks[:b]
	case 9:
		kind, blocks = "rolled back and grown anew", blocks[:b]
		for range 1 + tr.rnd.IntN(12) {
			blocks = append(blocks, tr.block(&fresh))
		}
	}
	return kind, blocks
}

// named wants a problem over an entry, and returns it.
func (tr *trial) named(kind string, entry int, r LogReport) Problem {
	tr.Helper()
	i := slices.IndexFunc(r.Problems, func(p Problem) bool { return p.First <= uint64(entry) && uint64(entry) <= p.Last })
	if i < 0 {
		tr.Fatalf("%s: entry %d is not named (signed %d, witnessed %v): %v", kind, entry, tr.signed, tr.witnessed, r.Problems)
	}
	return r.Problems[i]
}

func (tr *trial) verify() LogReport {
	tr.Helper()
	r, err := verify(tr.m, tr.dir, nil, nil, tr.against...)
	if err != nil {
		tr.Fatal(err)
	}
	return r
}

// forgeWithoutKey writes another history, whole in itself, under the old
// checkpoint.
func (tr *trial) forgeWithoutKey() string {
	kind, blocks := tr.change(max(tr.signed, tr.last()))
	first := firstChange(tr.real.entries(), slices.Concat(blocks...))
	if len(blocks) == 0 || first >= max(tr.signed, tr.last()) {
		return ""
	}
	forged := tr.real.of(blocks)
	forged.write(tr.m, tr.dir)
	r := tr.verify()
	if end := len(forged.entries()); end < tr.signed && tr.last() <= first {
		// The one checkpoint that covers the change is over more than there is:
		// what is missing is named, for nothing is signed of what is left.
		first = end
	}
	tr.named(kind, first, r)
	return "without the key: " + kind
}

// forgeWithKey signs the other history too. Only a witness tells, and several
// checkpoints tell between which sizes the first change is.
func (tr *trial) forgeWithKey() string {
	kind, blocks := tr.change(tr.last())
	forged := tr.real.of(blocks)
	first := firstChange(tr.real.entries(), forged.entries())
	if len(blocks) == 0 || first >= tr.last() {
		return ""
	}
	forged.write(tr.m, tr.dir)
	total := len(forged.entries())
	tr.m.names[join(tr.dir, checkpointName)] = &inode{cached: forged.checkpoint(tr.T, total)}
	p := tr.named(kind, first, tr.verify())
	below, above := 0, 0
	for _, size := range slices.Backward(tr.witnessed) {
		if size > first {
			above = size
		}
	}
	for _, size := range tr.witnessed {
		if size <= first {
			below = size
		}
	}
	if above <= total && (p.First != uint64(below) || p.Last != uint64(above-1)) {
		tr.Fatalf("%s: entry %d is between the witnessed sizes %d and %d: %v", kind, first, below, above, p)
	}
	if p.Witness != "elsewhere" {
		tr.Fatalf("%s: no witness is named: %v", kind, p)
	}
	if r, err := verify(tr.m, tr.dir, nil, nil); err != nil || !r.OK() {
		tr.Fatalf("%s: not a perfect forgery, so this shows nothing: %v", kind, r.Problems)
	}
	return "with the key: " + kind
}

// forgeBlock edits an entry and makes the checksums of its block fit.
func (tr *trial) forgeBlock() string {
	b, i := tr.place(max(tr.signed, tr.last()))
	data := tr.m.file(tr.T, tr.dir, tr.segmentOf(b)).cached
	text := []byte(tr.real.blocks[b][i])
	at := strings.Index(string(data), string(text))
	data[at+tr.rnd.IntN(len(text))] ^= 1 << tr.rnd.IntN(8)
	block := strings.LastIndex(string(data[:at]), blockMagic)
	reseal(data, block)
	tr.named("entry edited, checksums made to fit", tr.index(b, i), tr.verify())
	return "checksums made to fit"
}

// forgeFiles moves segments about.
func (tr *trial) forgeFiles() string {
	found, err := list(tr.m, tr.dir)
	if err != nil {
		tr.Fatal(err)
	}
	k := tr.rnd.IntN(len(found.segments))
	first := int(found.segments[k])
	if first >= max(tr.signed, tr.last()) {
		return ""
	}
	path := func(k int) string { return join(tr.dir, segmentName(found.segments[k])) }
	kind := "segment deleted"
	if other := tr.rnd.IntN(len(found.segments)); other == k {
		delete(tr.m.names, path(k))
	} else {
		kind = "segments swapped"
		tr.m.names[path(k)], tr.m.names[path(other)] = tr.m.names[path(other)], tr.m.names[path(k)]
		first = int(found.segments[min(k, other)])
	}
	tr.named(kind, first, tr.verify())
	return kind
}

// forgeBytes flips bits without mending anything.
func (tr *trial) forgeBytes() string {
	b, i := tr.place(len(tr.real.entries()))
	data := tr.m.file(tr.T, tr.dir, tr.segmentOf(b)).cached
	index := uint64(tr.index(b, i))
	for _, p := range places(data) {
		if p.first <= index && index <= p.last && p.from >= p.block && tr.rnd.IntN(2) == 0 {
			data[p.from+tr.rnd.IntN(p.to-p.from)] ^= 1 << tr.rnd.IntN(8)
			tr.named("bit flipped", int(p.first), tr.verify())
			return "bit flipped"
		}
	}
	return ""
}

// rollBack puts the whole directory back to what it was, checkpoint and all.
func (tr *trial) rollBack() string {
	keep := tr.rnd.IntN(len(tr.real.blocks))
	earlier := tr.real.of(tr.real.blocks[:keep])
	size := len(earlier.entries())
	if keep == 0 || size >= tr.last() {
		return ""
	}
	earlier.write(tr.m, tr.dir)
	tr.m.names[join(tr.dir, checkpointName)] = &inode{cached: earlier.checkpoint(tr.T, size)}
	if p := tr.named("rolled back", size, tr.verify()); p.First != uint64(size) || p.Last != uint64(tr.last()-1) || p.err != errUnwound {
		tr.Fatalf("rolled back to %d, witnessed %d: %v", size, tr.last(), p)
	}
	return "rolled back"
}

func (tr *trial) segmentOf(block int) string {
	first := len(slices.Concat(tr.real.blocks[:block-block%tr.real.per]...))
	return segmentName(uint64(first))
}

func (tr *trial) index(block, at int) int { return len(slices.Concat(tr.real.blocks[:block]...)) + at }

// TestTamperedLogs forges logs at random: 200 of them, or 10,000 with
// OSTIARY_TORTURE=1. Every forgery must be found, and the first entry that
// differs named.
func TestTamperedLogs(t *testing.T) {
	rounds := 200
	if os.Getenv("OSTIARY_TORTURE") == "1" {
		rounds = 10_000
	}
	base := newHistory(t)
	done := map[string]int{}
	for round, seed := 0, uint64(1); round < rounds; seed++ {
		tr := newTrial(t, seed, base)
		if seed%16 == 0 {
			if r := tr.verify(); !r.OK() || r.Witnessed != uint64(tr.last()) {
				t.Fatalf("seed %d: nothing was changed: %+v", seed, r)
			}
		}
		forge := []func() string{
			tr.forgeWithKey, tr.forgeWithKey, tr.forgeWithKey, tr.forgeWithoutKey, tr.forgeWithoutKey,
			tr.rollBack, tr.forgeBlock, tr.forgeFiles, tr.forgeBytes,
		}[seed%9]
		kind := forge()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		if kind == "" { // nothing was changed that anybody has signed
			continue
		}
		done[kind]++
		round++
	}
	if len(done) < 24 {
		t.Errorf("only these kinds were tried: %v", done)
	}
	t.Logf("all of %d found: %v", rounds, done)
}

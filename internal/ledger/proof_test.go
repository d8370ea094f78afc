package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
)

// rangeOf is the growth over some leaves, one push a leaf.
func rangeOf(leaves []tlog.Hash, from, to int) Growth {
	g := growthAt(uint64(from))
	for _, leaf := range leaves[from:to] {
		g.push(leaf)
	}
	return g
}

func someLeaves(n int) []tlog.Hash {
	leaves := make([]tlog.Hash, n)
	for i := range leaves {
		leaves[i] = tlog.RecordHash(fmt.Append(nil, "leaf ", i))
	}
	return leaves
}

// reference is the root of RFC 6962, section 2.1, by its definition.
func reference(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(reference(leaves[:k]), reference(leaves[k:]))
}

// TestGrowthProvesEveryTree makes every proof between sizes up to 70, out of
// ranges that were gathered in one, two or three pieces.
func TestGrowthProvesEveryTree(t *testing.T) {
	leaves := someLeaves(70)
	for n := 1; n <= len(leaves); n++ {
		root := reference(leaves[:n])
		if rangeOf(leaves, 0, n).Root() != root {
			t.Fatalf("root of %d leaves", n)
		}
		for m := 0; m <= n; m++ {
			before, since := rangeOf(leaves, 0, m), rangeOf(leaves, m, n)
			split := m + rand.IntN(n-m+1)
			if joined := rangeOf(leaves, m, split).Join(rangeOf(leaves, split, n)); !reflect.DeepEqual(joined.nodes, since.nodes) && len(since.nodes) > 0 {
				t.Fatalf("%d–%d joined at %d is %v, want %v", m, n, split, joined, since)
			}
			if len(since.nodes) > 124 || before.Join(since).Root() != root {
				t.Fatalf("root of %d leaves, joined at %d", n, m)
			}
			proof, err := Consistency(before, since)
			if err != nil {
				t.Fatalf("%d to %d: %v", m, n, err)
			}
			if m > 0 {
				if err := tlog.CheckTree(proof, int64(n), root, int64(m), reference(leaves[:m])); err != nil {
					t.Fatalf("%d to %d: %v", m, n, err)
				}
			}
			if m == n {
				continue
			}
			path, err := inclusion(before, rangeOf(leaves, m+1, n))
			if err != nil || tlog.CheckRecord(path, int64(n), root, int64(m), leaves[m]) != nil {
				t.Fatalf("leaf %d of %d: %v", m, n, err)
			}
		}
	}
	if _, err := Consistency(growthAt(3), growthAt(4)); err == nil {
		t.Error("proved from ranges with a gap")
	}
}

func TestGrowReadsAnyRange(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, LogConfig{Directory: dir, SegmentSize: 500})
	var leaves []tlog.Hash
	for i := range 25 {
		p := fmt.Sprintf("payload %d", i)
		mustAppend(t, l, p)
		leaves = append(leaves, tlog.RecordHash([]byte(p)))
	}
	defer mustClose(t, l) // a writer may be at work
	for from := range 26 {
		for to := from; to <= 25; to++ {
			before, since, err := Grow(t.Context(), dir, uint64(from), uint64(to))
			if err != nil {
				t.Fatalf("%d–%d: %v", from, to, err)
			}
			if before.To != uint64(from) || before.From != 0 || since.From != uint64(from) || since.To != uint64(to) {
				t.Fatalf("%d–%d: got %d–%d and %d–%d", from, to, before.From, before.To, since.From, since.To)
			}
			if to > 0 && before.Join(since).Root() != reference(leaves[:to]) {
				t.Fatalf("%d–%d: wrong root", from, to)
			}
		}
	}
	for _, c := range [][2]uint64{{0, 26}, {25, 26}, {26, 26}, {50, 60}} {
		if _, _, err := Grow(t.Context(), dir, c[0], c[1]); fault.KindOf(err) != fault.No {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// TestSignedTellsHowTheTreeGrew follows a log over two lives.
func TestSignedTellsHowTheTreeGrew(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	var told []SignedTree
	c := quiet(m, dir)
	c.Signed = func(s SignedTree) { told = append(told, s) }
	var leaves []tlog.Hash
	n := 0
	life := func(entries int) {
		l := mustOpen(t, c)
		for range entries {
			p := fmt.Sprintf("payload %d", n)
			mustAppend(t, l, p)
			leaves = append(leaves, tlog.RecordHash([]byte(p)))
			n++
		}
		mustClose(t, l)
	}
	life(5)
	life(0)
	life(8)
	sizes := []uint64{}
	whole := Growth{}
	for _, s := range told {
		sizes = append(sizes, s.Size)
		if s.Growth.From == whole.To {
			whole = whole.Join(s.Growth)
		}
		v, _, err := parseVerifier(strings.TrimSpace(string(m.names[join(dir, verifierName)].cached)))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := OpenCheckpoint(s.Note, v)
		if err != nil || signed.Size != s.Size || s.Size > 0 && (signed.Root != reference(leaves[:s.Size]) || whole.Root() != signed.Root) {
			t.Errorf("size %d: %+v, %v", s.Size, signed, err)
		}
	}
	if !slices.Equal(sizes, []uint64{0, 5, 5, 5, 13}) && !slices.Equal(sizes, []uint64{0, 0, 5, 5, 5, 13}) {
		t.Errorf("told of %v", sizes)
	}
}

// provenLedger has three calls: whole, refused, and without an outcome.
func provenLedger(t *testing.T) (dir string, whole, refused, open string) {
	t.Helper()
	dir = t.TempDir()
	l := openLedger(t, dir)
	whole, refused, open = l.NewID(), l.NewID(), l.NewID()
	if err := errors.Join(
		l.Intent(t.Context(), whole, sampleCall()),
		l.Intent(t.Context(), open, sampleCall()),
		l.Refusal(t.Context(), refused, sampleCall(), Result{End: noon, Status: 403, ErrorCode: "denied"}),
		l.Outcome(t.Context(), whole, sampleResult()),
	); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	return dir, whole, refused, open
}

func proofOf(t *testing.T, dir, id string) Proof {
	t.Helper()
	p, err := Prove(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseProof(data)
	if err != nil || !reflect.DeepEqual(back, p) {
		t.Fatalf("the proof does not come back: %v", err)
	}
	return back
}

func TestProveAndCheck(t *testing.T) {
	dir, whole, refused, open := provenLedger(t)
	log, err := Verifier(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id      string
		entries []uint64
		line    string
	}{
		{whole, []uint64{0, 3}, "Sample Person One (research)  chat/completions  gpt-4o  200  12+34 tokens"},
		{refused, []uint64{2}, "403 denied"},
		{open, []uint64{1}, "no outcome"},
	} {
		proven, err := proofOf(t, dir, c.id).Check(log)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(proven.Entries, c.entries) || proven.Size != 4 || proven.Log != log.Name() || proven.Call.ID != c.id ||
			!strings.Contains(Line(proven.Call), c.line) || len(proven.Pieces) > 0 {
			t.Errorf("%s: %+v", c.id, proven)
		}
	}
	if _, err := Prove(dir, "0197c1f0-7c1e-7d3a-b0d4-3f8a5d0c9e11"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a call that is not there: %v", err)
	}
}

// TestProofShowsPiecesByHash proves a call whose request is kept.
func TestProofShowsPiecesByHash(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir)
	id := l.NewID()
	p := piece{part: Request, last: true, stream: [16]byte{1}, id: id, body: []byte("a prompt")}
	if _, err := l.log.Append(t.Context(), append(p.header(), p.body...)); err != nil {
		t.Fatal(err)
	}
	if err := l.Intent(t.Context(), id, sampleCall()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	log, err := Verifier(dir)
	if err != nil {
		t.Fatal(err)
	}
	proof := proofOf(t, dir, id)
	if data, _ := proof.Encode(); strings.Contains(string(data), "a prompt") {
		t.Error("the proof holds the body")
	}
	proven, err := proof.Check(log)
	if err != nil || !slices.Equal(proven.Pieces, []uint64{0}) || !slices.Equal(proven.Entries, []uint64{1}) {
		t.Errorf("%+v, %v", proven, err)
	}
}

// TestProofPrefersAWitnessedCheckpoint keeps an older cosigned checkpoint
// beside the log, and proves what it covers and what it does not.
func TestProofPrefersAWitnessedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir)
	first := l.NewID()
	if err := l.Intent(t.Context(), first, sampleCall()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	old, err := os.ReadFile(join(dir, checkpointName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(join(dir, witnessedPrefix+"00000001"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	l = openLedger(t, dir)
	second := l.NewID()
	if err := l.Intent(t.Context(), second, sampleCall()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	log, err := Verifier(dir)
	if err != nil {
		t.Fatal(err)
	}
	for id, size := range map[string]uint64{first: 1, second: 2} {
		if proven, err := proofOf(t, dir, id).Check(log); err != nil || proven.Size != size {
			t.Errorf("proven at size %d, want %d: %v", proven.Size, size, err)
		}
	}
}

func TestProveWaitsForACheckpoint(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(Config{Directory: dir, CheckpointEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, l)
	id := l.NewID()
	if err := l.Intent(t.Context(), id, sampleCall()); err != nil {
		t.Fatal(err)
	}
	if _, err := Prove(dir, id); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "under no checkpoint yet") {
		t.Errorf("%v", err)
	}
}

// TestForgedProofs changes each part of a proof that holds.
func TestForgedProofs(t *testing.T) {
	dir, whole, refused, _ := provenLedger(t)
	otherDir, _, _, _ := provenLedger(t)
	log, err := Verifier(dir)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := Verifier(otherDir)
	if err != nil {
		t.Fatal(err)
	}
	hash := tlog.RecordHash([]byte("x"))
	for name, forge := range map[string]func(p *Proof){
		"record edited":             func(p *Proof) { p.Leaves[1].Record = strings.Replace(p.Leaves[1].Record, "12", "21", 1) },
		"record of another call":    func(p *Proof) { p.Leaves = proofOf(t, dir, refused).Leaves },
		"leaf at another index":     func(p *Proof) { p.Leaves[0].Index = 1 },
		"leaf beyond the log":       func(p *Proof) { p.Leaves[1].Index = 4 },
		"leaf far beyond the log":   func(p *Proof) { p.Leaves[1].Index = 1 << 63 },
		"leaf twice":                func(p *Proof) { p.Leaves = append(p.Leaves, p.Leaves[1]) },
		"leaves swapped":            func(p *Proof) { slices.Reverse(p.Leaves) },
		"path cut":                  func(p *Proof) { p.Leaves[0].Path = p.Leaves[0].Path[1:] },
		"path longer":               func(p *Proof) { p.Leaves[0].Path = append(p.Leaves[0].Path, hash) },
		"path edited":               func(p *Proof) { p.Leaves[0].Path[0][0] ^= 1 },
		"nothing but a hash":        func(p *Proof) { p.Leaves = []Leaf{{Index: 0, Hash: &hash, Path: p.Leaves[0].Path}} },
		"another call's name":       func(p *Proof) { p.Call = refused },
		"checkpoint edited":         func(p *Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n4\n", "\n5\n", 1) },
		"another log's checkpoint":  func(p *Proof) { p.Checkpoint = proofWith(t, otherDir).Checkpoint },
		"no signature":              func(p *Proof) { p.Checkpoint, _, _ = strings.Cut(p.Checkpoint, "—") },
		"checkpoint of other words": func(p *Proof) { p.Checkpoint = "hello\n\n— x AAAAAAA=\n" },
	} {
		p := proofOf(t, dir, whole)
		if _, err := p.Check(log); err != nil {
			t.Fatal(err)
		}
		forge(&p)
		if _, err := p.Check(log); fault.KindOf(err) != fault.No {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := proofOf(t, dir, whole).Check(stranger); fault.KindOf(err) != fault.No {
		t.Errorf("checked by another log's key: %v", err)
	}
}

func proofWith(t *testing.T, dir string) Proof {
	t.Helper()
	var id string
	if err := Read(dir, 0, func(_ uint64, r Record) error { id = r.ID; return nil }); err != nil {
		t.Fatal(err)
	}
	return proofOf(t, dir, id)
}

func TestProofFilesRefused(t *testing.T) {
	dir, whole, _, _ := provenLedger(t)
	good, err := proofOf(t, dir, whole).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(s string) string{
		"empty":          func(string) string { return "" },
		"another format": func(s string) string { return strings.Replace(s, "proof/v1", "proof/v2", 1) },
		"unknown field":  func(s string) string { return strings.Replace(s, `"call"`, `"x":1,"call"`, 1) },
		"two of them":    func(s string) string { return s + s },
		"no leaves":      func(s string) string { i := strings.Index(s, `"leaves"`); return s[:i] + `"leaves":[]}` },
		"short hash":     func(s string) string { return strings.Replace(s, `="`, `"`, 1) },
		"too large":      func(s string) string { return s + strings.Repeat(" ", MaxProof) },
	} {
		if _, err := ParseProof([]byte(change(string(good)))); fault.KindOf(err) != fault.Invalid && fault.KindOf(err) != fault.TooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParseProof wants that what is accepted comes back, and that checking it
// with a stranger's key never says yes.
func FuzzParseProof(f *testing.F) {
	hash := tlog.RecordHash([]byte("x"))
	seed, err := Proof{
		Format: proofFormat, Call: "id", Key: "k", Checkpoint: "ostiary/log/x\n1\n" + hash.String() + "\n\n— x AAAAAAA=\n",
		Leaves: []Leaf{{Index: 0, Record: "{}", Path: []tlog.Hash{hash}}, {Index: 1, Hash: &hash, Path: []tlog.Hash{}}},
	}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"format":"ostiary/proof/v1","call":"x","leaves":[{"index":18446744073709551615,"record":"x","path":null}]}`))
	_, public, err := note.GenerateKey(zeroes{}, originPrefix+strings.Repeat("0", 32))
	if err != nil {
		f.Fatal(err)
	}
	key, err := note.NewVerifier(public)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProof(data)
		if err != nil {
			return
		}
		if _, err := p.Check(key); err == nil {
			t.Error("a proof without a signature holds")
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseProof(again); err != nil || !reflect.DeepEqual(back.Leaves, p.Leaves) {
			t.Errorf("%s comes back as %s: %v", data, again, err)
		}
	})
}

// zeroes is randomness for a key that nobody uses.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestProvesWithPrunedEntries proves what is left of a log of which the older
// entries are hashes only, and holds it to checkpoints from before.
func TestProvesWithPrunedEntries(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	var ids []string
	var told []SignedTree
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(Config{
			Directory: dir, FS: m, SegmentSize: 2000, Retention: Retention{Size: 5000},
			Signed: func(s SignedTree) { told = append(told, s) },
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			ids = append(ids, l.NewID())
			if err := l.Intent(t.Context(), ids[i], sampleCall()); err != nil {
				t.Fatal(err)
			}
			if i%10 == 0 {
				time.Sleep(6 * time.Second) // one tick
			}
		}
		time.Sleep(11 * time.Second)
		mustClose(t, l)
	})
	for path, n := range m.names {
		if err := os.WriteFile(path, n.cached, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log, err := Verifier(dir)
	if err != nil {
		t.Fatal(err)
	}
	if proven, err := proofOf(t, dir, ids[39]).Check(log); err != nil || proven.Size != 40 {
		t.Errorf("%+v, %v", proven, err)
	}
	if _, err := Prove(dir, ids[0]); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a pruned call: %v", err)
	}
	newest, err := OpenCheckpoint(told[len(told)-1].Note, log)
	if err != nil {
		t.Fatal(err)
	}
	for from := range uint64(41) {
		before, since, err := Grow(t.Context(), dir, from, 40)
		if err != nil || before.Join(since).Root() != newest.Root {
			t.Fatalf("from %d: %v", from, err)
		}
	}
	var against []Witnessed
	for _, s := range told {
		against = append(against, Witnessed{From: "elsewhere", Note: s.Note})
	}
	if len(against) < 5 {
		t.Fatalf("only %d checkpoints", len(against))
	}
	if r, err := VerifyLog(dir, against...); err != nil || !r.OK() || r.Witnessed != 40 || r.Pruned == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

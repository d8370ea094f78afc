package ledger

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

// crashed is a log of 200 entries whose writer was killed: no checkpoint
// covers it, and its last segment has many blocks of one to five entries. ends
// are the offsets in the last segment at which blocks end, and entries how
// many entries the log has there.
func crashed(t *testing.T) (m *memFS, dir, last string, ends []int, entries []int) {
	t.Helper()
	m, dir = newMemFS(), t.TempDir()
	c := quiet(m, dir)
	c.SegmentSize = 10600
	l := mustOpen(t, c)
	for n := 0; n < 200; {
		var payloads []string
		for range 1 + n%5 {
			payloads = append(payloads, fmt.Sprintf("payload %d %s", n, strings.Repeat("x", n%11)))
			n++
		}
		appendTogether(t, l, payloads...)
	}
	image := m.snapshot()
	mustClose(t, l)
	found, err := list(image, dir)
	if err != nil || len(found.segments) < 2 {
		t.Fatalf("%d segments, %v", len(found.segments), err)
	}
	first := found.segments[len(found.segments)-1]
	last = segmentName(first)
	data := image.file(t, dir, last).cached
	at, n := headerSize(first), int(first)
	ends, entries = []int{at}, []int{n}
	for at < len(data) {
		n += int(binary.LittleEndian.Uint32(data[at+8:]))
		at += int(binary.LittleEndian.Uint32(data[at+4:]))
		ends, entries = append(ends, at), append(entries, n)
	}
	if len(ends) < 6 {
		t.Fatalf("only %d blocks in the last segment", len(ends))
	}
	return image, dir, last, ends, entries
}

// reopens opens an image and wants want entries kept, the rest of the last
// segment in quarantine, and a log that works.
func reopens(t *testing.T, img *memFS, dir string, want int, torn string) {
	t.Helper()
	l, err := OpenLog(quiet(img, dir))
	if err != nil {
		t.Fatal(err)
	}
	if l.Len() != uint64(want) {
		t.Fatalf("%d entries, want %d", l.Len(), want)
	}
	if n := readSize(t, img, dir); n != uint64(want) {
		t.Fatalf("the checkpoint after recovery covers %d of %d", n, want)
	}
	mustAppend(t, l, "after")
	mustClose(t, l)
	got, err := img.entriesOf(dir)
	if err != nil || len(got) != want+1 || got[want] != "after" {
		t.Fatalf("%d entries read, want %d; %v", len(got), want+1, err)
	}
	for i, p := range got[:want] {
		if !strings.HasPrefix(p, fmt.Sprintf("payload %d ", i)) {
			t.Fatalf("entry %d is %q", i, p)
		}
	}
	r := verified(t, img, dir)
	if !r.OK() || len(r.Quarantined) > 1 || (len(r.Quarantined) == 1) != (torn != "") {
		t.Fatalf("verify: %v, quarantined %v", r.Problems, r.Quarantined)
	}
	if torn != "" && string(img.file(t, dir, r.Quarantined[0]).durable) != torn {
		t.Fatal("the quarantine file does not hold what was torn")
	}
}

// TestTruncatedAnywhere cuts the last segment at every byte.
func TestTruncatedAnywhere(t *testing.T) {
	t.Parallel()
	m, dir, last, ends, entries := crashed(t)
	whole := m.file(t, dir, last).cached
	block := 0
	for cut := range whole {
		img := m.snapshot()
		img.names[join(dir, last)].cached = whole[:cut:cut]
		if cut < ends[0] { // headers are durable before the file has its name
			if _, err := OpenLog(quiet(img, dir)); fault.KindOf(err) != fault.Unavailable {
				t.Fatalf("cut in the header at %d: %v", cut, err)
			}
			continue
		}
		if block+1 < len(ends) && cut >= ends[block+1] {
			block++
		}
		if cut%5 == 0 || cut-ends[block] < 2 { // the whole of it, now and then
			if r := verified(t, img, dir); r.OK() != (cut == ends[block]) || !r.OK() && !r.Problems[0].Torn {
				t.Fatalf("cut at %d: verify says %v", cut, r.Problems)
			}
			reopens(t, img, dir, entries[block], string(whole[ends[block]:cut]))
			continue
		}
		l, err := OpenLog(quiet(img, dir))
		if err != nil || l.Len() != uint64(entries[block]) {
			t.Fatalf("cut at %d: %d entries, %v", cut, l.Len(), err)
		}
		mustClose(t, l)
	}
}

// TestTornAnywhere damages each byte of the last block, which is torn, and of
// the one before, which was acknowledged.
func TestTornAnywhere(t *testing.T) {
	t.Parallel()
	m, dir, last, ends, entries := crashed(t)
	n := len(ends)
	whole := m.file(t, dir, last).cached
	for at := ends[n-3]; at < len(whole); at++ {
		img := m.snapshot()
		img.names[join(dir, last)].cached[at] ^= 0x40
		if at >= ends[n-2] {
			reopens(t, img, dir, entries[n-2], string(img.names[join(dir, last)].cached[ends[n-2]:]))
			continue
		}
		where := fmt.Sprintf("%s, byte ", last)
		if _, err := OpenLog(quiet(img, dir)); fault.KindOf(err) != fault.Unavailable ||
			!strings.Contains(err.Error(), where) || !strings.Contains(err.Error(), "entr") {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

// TestOnlyTheVeryEndIsTorn damages the last block of the segment before the
// last: with no checkpoint over it, it was acknowledged all the same.
func TestOnlyTheVeryEndIsTorn(t *testing.T) {
	m, dir, _, _, _ := crashed(t)
	data := m.file(t, dir, segmentName(0)).cached
	data[len(data)-10] ^= 1
	if r := verified(t, m, dir); r.OK() || r.Problems[0].Torn {
		t.Errorf("verify: %v", r.Problems)
	}
	if _, err := OpenLog(quiet(m, dir)); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
}

// TestSignedTailIsNotTorn damages the last block after a clean Close: it was
// acknowledged, and the checkpoint proves it.
func TestSignedTailIsNotTorn(t *testing.T) {
	m, dir := sampleLog(t)
	n := m.file(t, dir, segmentName(11))
	n.cached[len(n.cached)-10] ^= 1
	_, err := OpenLog(quiet(m, dir))
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "entry 13: the entry's checksum") {
		t.Error(err)
	}
	n.cached = n.cached[:len(n.cached)-1]
	if _, err := OpenLog(quiet(m, dir)); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "entries 12–13: the file ends") {
		t.Error(err)
	}
}

// TestTornTwice tears at one place again and again: no quarantine file is
// overwritten.
func TestTornTwice(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	mustClose(t, mustOpen(t, quiet(m, dir)))
	for i := range 3 {
		n := m.file(t, dir, segmentName(0))
		n.cached = fmt.Appendf(n.cached, "torn %d", i)
		mustClose(t, mustOpen(t, quiet(m, dir)))
	}
	r := verified(t, m, dir)
	if !r.OK() || len(r.Quarantined) != 3 {
		t.Fatalf("%+v", r)
	}
	for i, name := range r.Quarantined {
		if got := string(m.file(t, dir, name).cached); got != fmt.Sprintf("torn %d", i) {
			t.Errorf("%s holds %q", name, got)
		}
	}
}

// TestTornTailIsSafeFirst wants the quarantine file durable before the segment
// that holds the same bytes is replaced.
func TestTornTailIsSafeFirst(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	mustClose(t, mustOpen(t, quiet(m, dir)))
	if above := "syncdir " + filepath.Base(filepath.Dir(dir)); !slices.Contains(m.calls, above) {
		t.Errorf("a new log's directory is not durable itself: %q", m.calls)
	}
	n := m.file(t, dir, segmentName(0))
	n.cached = append(n.cached, "torn"...)
	m.calls = nil
	mustClose(t, mustOpen(t, quiet(m, dir)))
	aside := quarantined + "00000000000000000000-76"
	want := []string{"create " + aside, "write " + aside, "sync " + aside, "syncdir " + filepath.Base(dir), "rename " + segmentName(0)}
	for _, call := range m.calls {
		if call == want[0] {
			if want = want[1:]; len(want) == 0 {
				return
			}
		}
	}
	t.Errorf("calls %q: %q is missing or late", m.calls, want[0])
}

// TestLiveTailIsAtTheEnd has a block cut short, beside a writer, where another
// segment follows.
func TestLiveTailIsAtTheEnd(t *testing.T) {
	m, dir, _, _, _ := crashed(t)
	_, id, err := readVerifier(m, dir)
	if err != nil {
		t.Fatal(err)
	}
	data := append(m.file(t, dir, segmentName(0)).cached, blockMagic...)
	for _, last := range []bool{true, false} {
		problems := 0
		s := newScan(id)
		s.live = true
		s.report = func(Problem, []byte) { problems++ }
		s.file(0, data, last)
		if (problems == 0) != last {
			t.Errorf("last segment %t: %d problems", last, problems)
		}
	}
}

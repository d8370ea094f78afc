package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// imaged is a log in memory, and where each of its entries stands.
type imaged struct {
	fs    *memFS
	dir   string
	files []string // segments
	where map[uint64]entryPlace
	tail  int // where the last block begins in the last segment
}

type entryPlace struct {
	file     string
	from, to int
	payload  string
}

// imageLog makes a log of several segments with blocks of one to eight entries
// of 20 to 900 bytes. A log that is not closed has no checkpoint over it.
func imageLog(t *testing.T, seed uint64, closed bool) imaged {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	m, dir := newMemFS(), t.TempDir()
	c := quiet(m, dir)
	c.SegmentSize = 12 << 10
	l := mustOpen(t, c)
	for n := 0; n < 100; {
		var payloads []string
		for range 1 + rng.IntN(8) {
			payloads = append(payloads, fmt.Sprintf("entry %d of log %d %s", n, seed, strings.Repeat("x", rng.IntN(60)*rng.IntN(16))))
			n++
		}
		appendTogether(t, l, payloads...)
	}
	img := imaged{fs: m.snapshot(), dir: dir, where: map[uint64]entryPlace{}}
	mustClose(t, l)
	if closed {
		img.fs = m.snapshot()
	}
	found, err := list(img.fs, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range found.segments {
		name := segmentName(first)
		img.files = append(img.files, name)
		data := img.fs.file(t, dir, name).cached
		for _, p := range places(data) {
			if p.from >= p.block+blockHeader && p.to-p.from > trailer && p.first == p.last && p.block > 0 {
				img.where[p.first] = entryPlace{name, p.from, p.to, string(data[p.from+entryHeader : p.to])}
			}
			img.tail = p.block
		}
	}
	if len(img.where) < 100 || len(img.files) < 3 {
		t.Fatalf("%d entries in %d segments", len(img.where), len(img.files))
	}
	return img
}

// damage changes a copy of an image at random, and says how.
func (img imaged) damage(rng *rand.Rand, signed bool) (m *memFS, how string) {
	m = img.fs.snapshot()
	which := rng.IntN(len(img.files))
	path := join(img.dir, img.files[which])
	data := m.names[path].cached
	bound := len(data)
	if last := which == len(img.files)-1; last && !signed {
		bound = img.tail // what is torn there cannot be told from what was never acknowledged
	}
	block := func() []byte {
		at := rng.IntN(max(bound/sector, 1)) * sector
		return data[at:min(at+sector, bound)]
	}
	switch kind := rng.IntN(6); {
	case kind == 0 && bound == len(data):
		how = "torn"
		m.names[path].cached = data[:rng.IntN(len(data))/sector*sector]
	case kind == 1 && bound == len(data):
		how = "a segment missing"
		delete(m.names, path)
	case kind == 2:
		how = "sectors dropped"
		for range 1 + rng.IntN(3) {
			clear(block())
		}
	case kind == 3:
		how = "sectors swapped"
		for range 1 + rng.IntN(2) {
			a, b := block(), block()
			n := min(len(a), len(b))
			was := bytes.Clone(a[:n])
			copy(a, b[:n])
			copy(b, was)
		}
	default:
		how = "bits flipped"
		for range 1 + rng.IntN(4) {
			data[rng.IntN(bound)] ^= 1 << rng.IntN(8)
		}
	}
	return m, how
}

// TestDamagedImages damages logs at random: 100,000 of them in the long form.
// All damage is found. After a repair every entry that was acknowledged and
// not damaged is there, and verify names the others for ever.
func TestDamagedImages(t *testing.T) {
	t.Parallel()
	rounds := torture(t, 200, 100_000)
	const logs = 20
	for n := range logs {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			signed := n%4 > 0
			img := imageLog(t, uint64(n), signed)
			hows := map[string]int{}
			for i := range rounds / logs {
				rng := rand.New(rand.NewPCG(uint64(n), uint64(i)))
				m, how := img.damage(rng, signed)
				if img.same(m) {
					continue // a swap of equal sectors
				}
				hows[how]++
				if err := img.check(t, m); err != nil {
					t.Fatalf("log %d, round %d, %s: %v", n, i, how, err)
				}
			}
			if rounds/logs > 100 && len(hows) < 5 {
				t.Errorf("only %v", hows)
			}
		})
	}
}

func (img imaged) same(m *memFS) bool {
	return maps.EqualFunc(img.fs.names, m.names, func(a, b *inode) bool { return bytes.Equal(a.cached, b.cached) })
}

// check opens, verifies and repairs a damaged image.
func (img imaged) check(t *testing.T, m *memFS) error {
	r, err := verify(m, img.dir, nil, nil)
	if err != nil || r.OK() {
		return fmt.Errorf("verify finds nothing: %w", err)
	}
	if l, err := OpenLog(quiet(m.snapshot(), img.dir)); err == nil {
		_ = l.Close() // an opening does not look everywhere
	} else if fault.KindOf(err) == fault.Internal {
		return err
	}
	if _, err := RepairLog(quiet(m, img.dir)); err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	return img.repaired(t, m)
}

// repaired wants every undamaged entry readable, and every other named.
func (img imaged) repaired(t *testing.T, m *memFS) error {
	l, err := OpenLog(quiet(m, img.dir))
	if err != nil {
		return fmt.Errorf("after the repair: %w", err)
	}
	mustAppend(t, l, "after the repair")
	mustClose(t, l)
	there, err := m.indexed(img.dir)
	if err != nil {
		return fmt.Errorf("reading after the repair: %w", err)
	}
	found := slices.Sorted(maps.Values(there))
	if !slices.Contains(found, "after the repair") {
		return errors.New("the log does not go on")
	}
	r, err := verify(m, img.dir, nil, nil)
	if err != nil {
		return err
	}
	for _, p := range r.Problems {
		if !p.Repaired {
			return fmt.Errorf("after the repair: %v", p)
		}
	}
	for index, e := range img.where {
		if there[index] == e.payload {
			continue
		}
		if _, got := slices.BinarySearch(found, e.payload); !got && img.intact(m, e) {
			return fmt.Errorf("entry %d was not damaged and is lost; problems %v", index, r.Problems)
		}
		if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.First <= index && index <= p.Last }) {
			return fmt.Errorf("verify does not name entry %d as lost: %v", index, r.Problems)
		}
	}
	return nil
}

// intact says whether an entry's bytes were undamaged, as a quarantined copy
// or the segment itself shows.
func (img imaged) intact(m *memFS, e entryPlace) bool {
	was := img.fs.names[join(img.dir, e.file)].cached[e.from:e.to]
	for _, name := range []string{e.file, quarantined + strings.TrimSuffix(e.file, segmentSuffix) + "-0"} {
		if n, ok := m.names[join(img.dir, name)]; ok && len(n.cached) >= e.to && bytes.Equal(n.cached[e.from:e.to], was) {
			return true
		}
	}
	return false
}

// indexed reads a log back, with its indices.
func (m *memFS) indexed(dir string) (map[uint64]string, error) {
	all := map[uint64]string{}
	r, err := newReader(m, dir, 0, func(index uint64, payload []byte) error {
		all[index] = string(payload)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, r.drain()
}

package ledger

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/ostiary/ostiary/internal/fault"
)

// far is a domain elsewhere that can be away, as docs/ledger.md asks of one.
type far struct {
	Domain
	fs   *memFS
	dir  string
	away bool
	has  [][]byte
	next uint64
}

func (f *far) Commit(block []byte) error {
	if err := f.Domain.Commit(block); err != nil {
		return err
	}
	if f.away {
		return errInjected
	}
	return readBlocks(f.fs, f.dir, f.next, func(b []byte) error {
		h, err := ParseBlock(b)
		if err != nil || h.First != f.next {
			return errors.Join(err, errMissing)
		}
		f.has, f.next = append(f.has, bytes.Clone(b)), h.Next()
		return nil
	})
}

// TestDomainCatchesUp takes a domain away in the middle: the entry is refused,
// and when it is back it gets every block, in order.
func TestDomainCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, dir := newMemFS(), t.TempDir()
		f := &far{fs: m, dir: dir}
		c := quiet(m, dir)
		c.SegmentSize = 600
		c.Domain = func(own Domain) Domain { f.Domain = own; return f }
		l := mustOpen(t, c)
		mustAppend(t, l, "one", "two")
		f.away = true
		if _, err := l.Append(t.Context(), []byte("three")); !errors.Is(err, errInjected) {
			t.Fatal(err)
		}
		if err := l.Close(); !errors.Is(err, errInjected) {
			t.Error(err)
		}
		if f.next != 2 {
			t.Errorf("%d entries are elsewhere", f.next)
		}
		f.away = false
		l = mustOpen(t, c)
		n := l.Len() // with three, which was refused
		mustAppend(t, l, "four", "five")
		mustClose(t, l)
		if f.next != n+2 {
			t.Errorf("%d entries are elsewhere, of %d", f.next, n+2)
		}
		var here [][]byte
		if err := readBlocks(m, dir, 0, func(b []byte) error { here = append(here, bytes.Clone(b)); return nil }); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(bytes.Join(here, nil), bytes.Join(f.has, nil)) {
			t.Error("elsewhere are other blocks than here")
		}
	})
}

func TestReadBlocksFromAnywhere(t *testing.T) {
	m, dir := sampleLog(t)
	for from := range uint64(15) {
		first, next := uint64(0), uint64(0)
		err := readBlocks(m, dir, from, func(b []byte) error {
			h, err := ParseBlock(b)
			if err != nil || next > 0 && h.First != next {
				t.Errorf("from %d: block %+v after %d, %v", from, h, next, err)
			}
			if next == 0 {
				first = h.First
			}
			next = h.Next()
			return nil
		})
		if err != nil || from < 14 && (first > from || next != 14) || from == 14 && next != 0 {
			t.Errorf("from %d: %d to %d, %v", from, first, next, err)
		}
	}
	data := m.file(t, dir, segmentName(0)).cached
	data[len(data)/2] ^= 1
	if err := readBlocks(m, dir, 0, func([]byte) error { return nil }); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
	pruned, dir := prunedLog(t, nil)
	if err := readBlocks(pruned, dir, 0, func([]byte) error { return nil }); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
}

func TestParseBlockIsStrict(t *testing.T) {
	m, dir := sampleLog(t)
	var block []byte
	_ = readBlocks(m, dir, 13, func(b []byte) error { block = bytes.Clone(b); return nil })
	if h, err := ParseBlock(block); err != nil || h.First != 12 || h.Count != 2 || len(h.Log) != 32 {
		t.Fatalf("%+v %v", h, err)
	}
	for at := range block {
		block[at] ^= 1
		if h, err := ParseBlock(block); err == nil && at >= 32 { // the id is the caller's to compare
			t.Errorf("byte %d: %+v", at, h)
		}
		block[at] ^= 1
		if _, err := ParseBlock(block[:at]); err == nil {
			t.Errorf("%d bytes of a block pass", at)
		}
	}
	if _, err := ParseBlock(append(block, 0)); err == nil {
		t.Error("a block and a byte pass")
	}
}

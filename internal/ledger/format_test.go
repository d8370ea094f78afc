package ledger

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func sampleBlock(first uint64, payloads ...string) []byte {
	b := newBatch(first, nil)
	for _, p := range payloads {
		b.add([]byte(p), tlog.RecordHash([]byte(p)), entryCRC([]byte(p)))
	}
	return sealBlock(b.buf, logID{7}, first, len(payloads), tlog.Hash{9})
}

// TestBlockBounds has headers whose checksum fits and whose fields do not.
func TestBlockBounds(t *testing.T) {
	le := binary.LittleEndian
	good := sampleBlock(5, "one", "two")
	if b, err := parseBlock(good, logID{7}); err != nil || b.first != 5 || b.last() != 6 || b.prev != (tlog.Hash{9}) || len(b.bytes) != len(good) {
		t.Fatal(b, err)
	}
	for name, c := range map[string]struct {
		change func(b []byte)
		want   error
	}{
		"magic":          {func(b []byte) { b[0] ^= 1 }, errBlock},
		"no entries":     {func(b []byte) { le.PutUint32(b[8:], 0) }, errBlock},
		"too many":       {func(b []byte) { le.PutUint32(b[8:], maxEntries+1) }, errBlock},
		"too short":      {func(b []byte) { le.PutUint32(b[4:], minBlock-1) }, errBlock},
		"too long":       {func(b []byte) { le.PutUint32(b[4:], maxBlock+1) }, errBlock},
		"reserved bytes": {func(b []byte) { b[12] = 1 }, errBlock},
		"huge index":     {func(b []byte) { le.PutUint64(b[32:], maxIndex+1) }, errBlock},
		"another log":    {func(b []byte) { b[16] ^= 1 }, errForeign},
		"cut off":        {func(b []byte) { le.PutUint32(b[4:], uint32(len(b)+1)) }, errShort},
	} {
		b := slices.Clone(good)
		c.change(b)
		le.PutUint32(b[72:], crc(b[:72]))
		if _, err := parseBlock(b, logID{7}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFindBlockSkipsWhatIsPast(t *testing.T) {
	data := slices.Concat([]byte("garbage\x93BLK"), sampleBlock(3, "old"), sampleBlock(8, "new"))
	for next, want := range map[uint64]int{0: 11, 3: 11, 4: 11 + len(sampleBlock(3, "old")), 8: 11 + len(sampleBlock(3, "old")), 9: -1} {
		if at := findBlock(data, 0, logID{7}, next); at != want {
			t.Errorf("from entry %d: %d, want %d", next, at, want)
		}
	}
}

func TestBatchBounds(t *testing.T) {
	b := newBatch(0, nil)
	for range maxEntries {
		if !b.fits(0) {
			t.Fatalf("full with %d entries", len(b.leaves))
		}
		b.add(nil, tlog.Hash{}, 0)
	}
	if b.fits(0) {
		t.Error("more entries than a block may have")
	}
}

package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

// TestRepair damages one entry in each segment in turn, and in two at once.
// The log does not open, a repair makes it open, and only what was damaged is
// lost, for ever.
func TestRepair(t *testing.T) {
	for _, damaged := range [][]int{{3}, {8}, {12}, {13}, {3, 13}, {6, 7}, {0, 1, 2}} {
		t.Run(fmt.Sprint(damaged), func(t *testing.T) {
			m, dir := sampleLog(t)
			segments := map[string]bool{}
			for _, i := range damaged {
				first := []uint64{11, 7, 0}[slices.IndexFunc([]int{11, 7, 0}, func(f int) bool { return i >= f })]
				data := m.file(t, dir, segmentName(first)).cached
				data[bytes.Index(data, fmt.Appendf(nil, "payload %d ", i))] ^= 4
				segments[segmentName(first)] = true
			}
			whole := m.snapshot()
			done, err := RepairLog(quiet(m, dir))
			if err != nil || len(done.SetAside) != len(segments) {
				t.Fatalf("repair: %+v, %v", done, err)
			}
			for name := range segments {
				copied := quarantined + strings.TrimSuffix(name, segmentSuffix) + "-0"
				if !bytes.Equal(m.file(t, dir, copied).durable, whole.file(t, dir, name).cached) {
					t.Errorf("%s is no copy of the damaged segment", copied)
				}
			}
			for range 2 { // and after going on
				wantLost(t, m, dir, damaged)
				l := mustOpen(t, quiet(m, dir))
				mustAppend(t, l, "and on")
				mustClose(t, l)
			}
			again, err := RepairLog(quiet(m, dir))
			if err != nil || len(again.SetAside) > 0 {
				t.Errorf("a second repair: %+v, %v", again, err)
			}
		})
	}
}

// wantLost wants all of the sample's entries but these.
func wantLost(t *testing.T, m *memFS, dir string, damaged []int) {
	t.Helper()
	r := verified(t, m, dir)
	if r.OK() || r.Lost != uint64(len(damaged)) || r.Root == "" {
		t.Errorf("verify: %+v", r)
	}
	for _, p := range r.Problems {
		if !p.Repaired || p.err == errLost && !slices.Contains(damaged, int(p.First)) {
			t.Errorf("verify: %v", p)
		}
	}
	if c, err := readCheckpoint(m, dir, r.Key); err != nil || c.root.String() != r.Root {
		t.Errorf("the checkpoint is not over the tree as it is: %+v, %v", c, err)
	}
	there, err := m.indexed(dir)
	if err != nil {
		t.Error(err)
	}
	for i := range 14 {
		p, ok := there[uint64(i)]
		if lost := slices.Contains(damaged, i); ok == lost || ok && !strings.HasPrefix(p, fmt.Sprintf("payload %d ", i)) {
			t.Errorf("entry %d reads %q", i, p)
		}
	}
}

// TestRepairIsNoForger refuses what was altered so that it fits, and what is
// not the log's.
func TestRepairIsNoForger(t *testing.T) {
	other, otherDir := sampleLog(t)
	for name, change := range map[string]func(m *memFS, dir string){
		"chained anew": func(m *memFS, dir string) {
			data := m.file(t, dir, segmentName(0)).cached
			at := bytes.Index(data, []byte("payload 3"))
			data[at] = 'P'
			reseal(data, bytes.LastIndex(data[:at], []byte(blockMagic)))
			rechain(t, m, dir)
		},
		"peaks edited": func(m *memFS, dir string) {
			data := m.file(t, dir, segmentName(7)).cached
			h, _, err := parseSegmentHeader(data)
			if err != nil {
				t.Fatal(err)
			}
			h.peaks[1][0] ^= 1
			copy(data, h.encode())
		},
		"another log's segment": func(m *memFS, dir string) {
			m.names[join(dir, segmentName(0))] = other.file(t, otherDir, segmentName(0))
		},
		"a foreign file": func(m *memFS, dir string) {
			m.names[join(dir, segmentName(99))] = &inode{cached: []byte("no segment, and nothing like one")}
		},
		"another version": func(m *memFS, dir string) {
			data := m.file(t, dir, segmentName(7)).cached
			data[8] = 2
			size := headerSize(7)
			withCRC(data[: size-trailer : size])
		},
		"no checkpoint": func(m *memFS, dir string) { delete(m.names, join(dir, checkpointName)) },
		"no key":        func(m *memFS, dir string) { delete(m.names, join(dir, keyName)) },
	} {
		t.Run(name, func(t *testing.T) {
			m, dir := sampleLog(t)
			change(m, dir)
			before := m.snapshot()
			if done, err := RepairLog(quiet(m, dir)); err == nil || fault.KindOf(err) == fault.Internal {
				t.Errorf("repair: %+v, %v", done, err)
			}
			for path, n := range before.names {
				if now := m.names[path]; now == nil || !bytes.Equal(n.cached, now.cached) {
					t.Errorf("changed %s", path)
				}
			}
		})
	}
}

// TestRepairBesideAWriter is refused.
func TestRepairBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, LogConfig{Directory: dir})
	defer l.Close()
	if _, err := RepairLog(LogConfig{Directory: dir}); fault.KindOf(err) != fault.Conflict {
		t.Error(err)
	}
}

// TestRepairWhereNoLogIs makes none.
func TestRepairWhereNoLogIs(t *testing.T) {
	m := newMemFS()
	if _, err := RepairLog(quiet(m, t.TempDir())); fault.KindOf(err) != fault.NotFound || len(m.names) > 0 {
		t.Error(err)
	}
}

// TestFaultAtEveryCallOfARepair cuts a repair off at its k-th changing call,
// for every k. What a power loss leaves can be repaired.
func TestFaultAtEveryCallOfARepair(t *testing.T) {
	t.Parallel()
	for i, kind := range []faultKind{eio, enospc, short, powerLoss} {
		for k := 1; ; k++ {
			m, dir := sampleLog(t)
			for _, first := range []uint64{0, 11} {
				data := m.file(t, dir, segmentName(first)).cached
				data[len(data)-10] ^= 1
			}
			m = m.snapshot()
			m.failAt, m.fault = k, kind
			_, err := RepairLog(quiet(m, dir))
			if m.ops < k {
				if k < 12 {
					t.Fatalf("only %d calls", k)
				}
				break
			}
			call := m.calls[k-1]
			if err == nil {
				t.Errorf("%s at %s: the repair says nothing", kind, call)
			}
			if !tortured() && k%4 != i {
				continue // one kind a call, by turns
			}
			m.failAt = 0
			m.anyImage(k/4, func(how string, img *memFS) {
				if _, err := RepairLog(quiet(img, dir)); err != nil {
					t.Fatalf("%s at %s, then %s: %v", kind, call, how, err)
				}
				wantLost(t, img, dir, []int{6, 13})
			})
		}
	}
}

// TestRepairedIsSealed forges an entry that a repair kept by its own checksum,
// and makes every checksum fit: the note does not.
func TestRepairedIsSealed(t *testing.T) {
	m, dir := sampleLog(t)
	data := m.file(t, dir, segmentName(0)).cached
	data[bytes.Index(data, []byte("payload 3 "))] ^= 4
	if _, err := RepairLog(quiet(m, dir)); err != nil {
		t.Fatal(err)
	}
	n := m.file(t, dir, restName(0))
	at := bytes.Index(n.cached, []byte("payload 2 "))
	payload := n.cached[at : at+int(n.cached[at-entryHeader])]
	payload[0] = 'P'
	copy(n.cached[at-entryHeader:], appendEntry(nil, payload, entryCRC(payload)))
	n.cached = withCRC(n.cached[:len(n.cached)-trailer])
	r := verified(t, m, dir)
	if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return !p.Repaired && p.File == restName(0) }) {
		t.Errorf("verify: %v", r.Problems)
	}
	if there, err := m.indexed(dir); err == nil {
		t.Errorf("read %v", there)
	}
}

package ledger

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
)

// sampleLog is three segments with commits of one to four entries.
func sampleLog(t *testing.T) (m *memFS, dir string) {
	t.Helper()
	m, dir = newMemFS(), t.TempDir()
	c := quiet(m, dir)
	c.SegmentSize = 500
	l := mustOpen(t, c)
	n := 0
	for _, group := range []int{1, 4, 2, 1, 3, 1, 2} {
		var payloads []string
		for range group {
			payloads = append(payloads, fmt.Sprintf("payload %d %s", n, strings.Repeat("é", n%5)))
			n++
		}
		appendTogether(t, l, payloads...)
	}
	mustClose(t, l)
	if r := verified(t, m, dir); !r.OK() || r.Segments != 3 || r.Entries != 14 {
		t.Fatalf("the sample: %+v", r)
	}
	return m, dir
}

func verified(t *testing.T, m *memFS, dir string) LogReport {
	t.Helper()
	r, err := verify(m, dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// place is what stands at a range of bytes of a segment, worked out from the
// documented format alone.
type place struct {
	from, to    int
	first, last uint64
	block       int // where the block begins
}

func places(data []byte) (all []place) {
	le := binary.LittleEndian
	at := int(le.Uint32(data[12:]))
	start := le.Uint64(data[32:])
	all = append(all, place{0, at, start, start, 0})
	for at < len(data) {
		end := at + int(le.Uint32(data[at+4:]))
		first := le.Uint64(data[at+32:])
		last := first + uint64(le.Uint32(data[at+8:])) - 1
		all = append(all, place{at, at + 76, first, last, at}, place{end - 4, end, first, last, at})
		block := at
		at += 76
		for index := first; index <= last; index++ {
			next := at + 8 + int(le.Uint32(data[at:]))
			all = append(all, place{at, next, index, index, block})
			at = next
		}
		at = end
	}
	return all
}

// TestEveryFlippedByteIsNamed flips a bit of each byte of each segment, and
// wants a problem that names the entry; or the block, where a header is
// hit.
func TestEveryFlippedByteIsNamed(t *testing.T) {
	t.Parallel()
	m, dir := sampleLog(t)
	found, err := list(m, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, segment := range found.segments {
		name := segmentName(segment)
		data := m.file(t, dir, name).cached
		for _, p := range places(data) {
			for at := p.from; at < p.to; at++ {
				mask := byte(1) << (at % 8)
				data[at] ^= mask
				r := verified(t, m, dir)
				if !slices.ContainsFunc(r.Problems, func(q Problem) bool {
					return q.File == name && q.First == p.first && (q.Last == p.last || q.Last > p.last && at < p.from+4) &&
						q.Offset >= int64(p.block) && q.Offset <= int64(at)
				}) {
					t.Fatalf("byte %d of %s (entries %d–%d) ^ %#x: %v", at, name, p.first, p.last, mask, r.Problems)
				}
				if r.Problems[0].Torn {
					t.Fatalf("byte %d of %s was signed and is called torn: %v", at, name, r.Problems)
				}
				most := 1
				if p.from >= p.block+76 && at < p.from+4 {
					most = 4 // a length is hit, and with it the rest of the block
				}
				if len(r.Problems) > most {
					t.Fatalf("byte %d of %s: one flip gives %v", at, name, r.Problems)
				}
				data[at] ^= mask
			}
		}
	}
	if r := verified(t, m, dir); !r.OK() {
		t.Fatalf("put back: %v", r.Problems)
	}
}

// TestFlippedCheckpoint flips each byte of what the checkpoint signs.
func TestFlippedCheckpoint(t *testing.T) {
	m, dir := sampleLog(t)
	data := m.file(t, dir, checkpointName).cached
	for at := range bytes.Index(data, []byte("\n\n")) {
		data[at] ^= 1
		r := verified(t, m, dir)
		if len(r.Problems) != 1 || r.Problems[0].File != checkpointName || !strings.HasPrefix(r.Problems[0].String(), "checkpoint: ") {
			t.Errorf("byte %d: %v", at, r.Problems)
		}
		if _, err := OpenLog(quiet(m, dir)); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("byte %d: OpenLog says %v", at, err)
		}
		data[at] ^= 1
	}
}

// reseal makes the checksums of a block at an offset fit its content, as a
// forger would.
func reseal(data []byte, at int) {
	le := binary.LittleEndian
	end := at + int(le.Uint32(data[at+4:]))
	body := at + 76
	for range le.Uint32(data[at+8:]) {
		n := int(le.Uint32(data[body:]))
		le.PutUint32(data[body+4:], entryCRC(data[body+8:body+8+n]))
		body += 8 + n
	}
	le.PutUint32(data[at+72:], crc(data[at:at+72]))
	le.PutUint32(data[end-4:], crc(data[at:end-4]))
}

// rechain makes the chain of a whole log fit again, segment headers and all.
func rechain(t *testing.T, m *memFS, dir string) {
	t.Helper()
	found, err := list(m, dir)
	if err != nil {
		t.Fatal(err)
	}
	var chain tlog.Hash
	var tr tree
	for _, segment := range found.segments {
		data := m.file(t, dir, segmentName(segment)).cached
		h, at, err := parseSegmentHeader(data)
		if err != nil {
			t.Fatal(err)
		}
		h.chain, h.peaks = chain, tr.peaks
		copy(data, h.encode())
		for at < len(data) {
			b, err := parseBlock(data[at:], h.id)
			if err != nil {
				t.Fatal(err)
			}
			copy(data[at+40:], chain[:])
			reseal(data, at)
			var leaves []tlog.Hash
			eachEntry(b.bytes[76:], b.count, func(e framed) { leaves = append(leaves, tlog.RecordHash(e.payload)) })
			for _, l := range leaves {
				tr.push(l)
			}
			chain = b.chain(leaves)
			at += len(b.bytes)
		}
	}
}

// TestForgeries makes edits whose checksums fit.
func TestForgeries(t *testing.T) {
	edit := func(t *testing.T, m *memFS, dir string, segment uint64, text string) (data []byte, block int) {
		data = m.file(t, dir, segmentName(segment)).cached
		at := bytes.Index(data, []byte(text))
		block = bytes.LastIndex(data[:at], []byte(blockMagic))
		data[at] = 'P'
		reseal(data, block)
		return data, block
	}
	cut := func(m *memFS, dir string, segment uint64, from, to int) {
		n := m.names[join(dir, segmentName(segment))]
		n.cached = slices.Delete(n.cached, from, to)
	}
	for _, c := range []struct {
		name        string
		forge       func(t *testing.T, m *memFS, dir string)
		first, last uint64 // named by some problem
		says        error
		hidden      bool // from an opening, which does not look there
	}{
		{"entry edited", func(t *testing.T, m *memFS, dir string) { edit(t, m, dir, 0, "payload 3") }, 1, 4, errChain, true},
		{"last entry of a segment edited", func(t *testing.T, m *memFS, dir string) { edit(t, m, dir, 0, "payload 6") }, 5, 6, errChain, false},
		{"last entry of the log edited", func(t *testing.T, m *memFS, dir string) { edit(t, m, dir, 11, "payload 13") }, 0, 13, errRoot, false},
		{"edited and chained anew", func(t *testing.T, m *memFS, dir string) {
			edit(t, m, dir, 0, "payload 3")
			rechain(t, m, dir)
		}, 0, 13, errRoot, false},
		{"two entries swapped", func(t *testing.T, m *memFS, dir string) {
			data := m.file(t, dir, segmentName(0)).cached
			p := places(data)
			i := slices.IndexFunc(p, func(p place) bool { return p.first == 1 && p.last == 1 })
			a, b := p[i], p[i+1]
			swapped := append(bytes.Clone(data[b.from:b.to]), data[a.from:a.to]...)
			copy(data[a.from:], swapped)
			reseal(data, bytes.LastIndex(data[:a.from], []byte(blockMagic)))
		}, 1, 4, errChain, true},
		{"block deleted", func(t *testing.T, m *memFS, dir string) {
			data := m.file(t, dir, segmentName(0)).cached
			p := places(data)
			i := slices.IndexFunc(p, func(p place) bool { return p.first == 1 && p.last == 4 })
			cut(m, dir, 0, p[i].from, p[i+1].to)
		}, 1, 4, errMissing, true},
		{"block twice", func(t *testing.T, m *memFS, dir string) {
			n := m.file(t, dir, segmentName(0))
			p := places(n.cached)
			i := slices.IndexFunc(p, func(p place) bool { return p.first == 1 && p.last == 4 })
			n.cached = slices.Insert(n.cached, p[i+1].to, bytes.Clone(n.cached[p[i].from:p[i+1].to])...)
		}, 1, 4, errAgain, true},
		{"last block cut off", func(t *testing.T, m *memFS, dir string) {
			data := m.file(t, dir, segmentName(11)).cached
			at := bytes.LastIndex(data, []byte(blockMagic))
			cut(m, dir, 11, at, len(data))
		}, 12, 13, errCut, false},
		{"last segment deleted", func(t *testing.T, m *memFS, dir string) {
			delete(m.names, join(dir, segmentName(11)))
		}, 11, 13, errCut, false},
		{"middle segment deleted", func(t *testing.T, m *memFS, dir string) {
			delete(m.names, join(dir, segmentName(7)))
		}, 7, 10, errMissing, false},
		{"first segment deleted", func(t *testing.T, m *memFS, dir string) {
			delete(m.names, join(dir, segmentName(0)))
		}, 0, 6, errMissing, false},
		{"segments under each other's names", func(t *testing.T, m *memFS, dir string) {
			a, b := join(dir, segmentName(0)), join(dir, segmentName(7))
			m.names[a], m.names[b] = m.names[b], m.names[a]
		}, 0, 0, errName, false},
		{"another log's block put in", func(t *testing.T, m *memFS, dir string) {
			n := m.file(t, dir, segmentName(11))
			at := bytes.LastIndex(n.cached, []byte(blockMagic))
			n.cached[at+16] ^= 1
			reseal(n.cached, at)
		}, 12, 13, errForeign, false},
		{"another log's empty segment put in", func(t *testing.T, m *memFS, dir string) {
			m.names[join(dir, segmentName(14))] = &inode{cached: segmentHeader{first: 14, peaks: make([]tlog.Hash, 3)}.encode()}
		}, 14, 14, errForeign, false},
		{"an empty segment with another tree put in", func(t *testing.T, m *memFS, dir string) {
			key, id, err := readVerifier(m, dir)
			if err != nil {
				t.Fatal(key, err)
			}
			s := newScan(id)
			s.report = func(p Problem, _ []byte) { t.Fatal(p) }
			for _, first := range []uint64{0, 7, 11} {
				s.file(first, m.file(t, dir, segmentName(first)).cached, first == 11)
			}
			h := segmentHeader{id: id, first: 14, chain: s.chain, peaks: slices.Clone(s.tree.peaks)}
			h.peaks[0][0] ^= 1
			m.names[join(dir, segmentName(14))] = &inode{cached: h.encode()}
		}, 0, 13, errPeaks, false},
		{"bytes put in after a block's entries", func(t *testing.T, m *memFS, dir string) {
			n := m.file(t, dir, segmentName(0))
			p := places(n.cached)
			i := slices.IndexFunc(p, func(p place) bool { return p.first == 1 && p.last == 4 })
			start, end := p[i].from, p[i+1].from
			n.cached = slices.Insert(n.cached, end, 'x')
			binary.LittleEndian.PutUint32(n.cached[start+4:], uint32(end+5-start))
			reseal(n.cached, start)
		}, 1, 4, errFrames, true},
		{"garbage after a segment's last block", func(t *testing.T, m *memFS, dir string) {
			n := m.file(t, dir, segmentName(0))
			n.cached = append(n.cached, "garbage"...)
		}, 7, 7, errBlock, false},
		{"header edited", func(t *testing.T, m *memFS, dir string) {
			data := m.file(t, dir, segmentName(7)).cached
			h, _, err := parseSegmentHeader(data)
			if err != nil {
				t.Fatal(err)
			}
			h.peaks[1][0] ^= 1
			copy(data, h.encode())
		}, 0, 6, errPeaks, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, dir := sampleLog(t)
			c.forge(t, m, dir)
			r := verified(t, m, dir)
			if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.First == c.first && p.Last == c.last && p.err == c.says }) {
				t.Errorf("want entries %d–%d %q, got %v", c.first, c.last, c.says, r.Problems)
			}
			before := m.snapshot()
			l, err := OpenLog(quiet(m, dir))
			if (err == nil) != c.hidden || err != nil && fault.KindOf(err) == fault.Internal {
				t.Errorf("OpenLog says %v", err)
			}
			if err == nil {
				mustClose(t, l)
			}
			for path, n := range before.names {
				if !bytes.Equal(n.cached, m.names[path].cached) {
					t.Errorf("OpenLog changed %s", path)
				}
			}
		})
	}
}

// TestRollback puts back an earlier copy of the segments, whole and sound.
func TestRollback(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	l := mustOpen(t, quiet(m, dir))
	mustAppend(t, l, "one", "two")
	mustClose(t, l)
	earlier := m.snapshot()
	l = mustOpen(t, quiet(m, dir))
	mustAppend(t, l, "three")
	mustClose(t, l)
	name := join(dir, segmentName(0))
	m.names[name] = earlier.names[name]
	r := verified(t, m, dir)
	if len(r.Problems) != 1 || r.Problems[0].First != 2 || r.Problems[0].Last != 2 || r.Problems[0].err != errCut {
		t.Errorf("verify: %v", r.Problems)
	}
	if _, err := OpenLog(quiet(m, dir)); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "entry 2") {
		t.Errorf("OpenLog: %v", err)
	}
}

// TestForeignFiles wants a clear refusal that changes nothing.
func TestForeignFiles(t *testing.T) {
	other, otherDir := sampleLog(t)
	put := func(name, content string) func(m *memFS, dir string) {
		return func(m *memFS, dir string) { m.names[join(dir, name)] = &inode{cached: []byte(content)} }
	}
	version := func(v byte) func(m *memFS, dir string) {
		return func(m *memFS, dir string) { m.names[join(dir, segmentName(0))].cached[8] = v }
	}
	for name, c := range map[string]struct {
		change func(m *memFS, dir string)
		kind   fault.Kind
		says   string
	}{
		"text named as a segment": {put(segmentName(14), "notes about the log, of no interest to it, and long enough to be a header"), fault.Invalid, "not a segment"},
		"short file as a segment": {put(segmentName(14), "x"), fault.Unavailable, "header is damaged"},
		"empty segment":           {put(segmentName(14), ""), fault.Unavailable, "header is damaged"},
		"nearly a segment's name": {put("14.seg", "x"), fault.Invalid, "not the name of a segment"},
		"another log's segment": {func(m *memFS, dir string) {
			m.names[join(dir, segmentName(0))] = other.file(t, otherDir, segmentName(0))
		}, fault.Invalid, "another log"},
		"newer format":      {version(2), fault.Invalid, "version 2, and this build reads 1"},
		"older format":      {version(0), fault.Invalid, "version 0, and this build reads 1"},
		"another log's key": {func(m *memFS, dir string) { m.names[join(dir, keyName)] = other.file(t, otherDir, keyName) }, fault.Invalid, "public key is not that"},
		"key lost":          {func(m *memFS, dir string) { delete(m.names, join(dir, keyName)) }, fault.Conflict, "no checkpoint.key"},
		"key is nonsense":   {put(keyName, "PRIVATE+KEY+x"), fault.Invalid, "key cannot be used"},
		"checkpoint lost":   {func(m *memFS, dir string) { delete(m.names, join(dir, checkpointName)) }, fault.Unavailable, "checkpoint is missing"},
		"another log's checkpoint": {func(m *memFS, dir string) {
			m.names[join(dir, checkpointName)] = other.file(t, otherDir, checkpointName)
		}, fault.Unavailable, "not one that its key signed"},
		"segments lost":              {func(m *memFS, dir string) { *m = *only(m, dir, keyName, verifierName, checkpointName) }, fault.Unavailable, "missing"},
		"only a foreign checkpoint":  {func(m *memFS, dir string) { *m = *newMemFS(); put(checkpointName, "model weights")(m, dir) }, fault.Conflict, "choose a directory"},
		"only a quarantined tail":    {func(m *memFS, dir string) { *m = *newMemFS(); put(quarantined+"x", "x")(m, dir) }, fault.Conflict, "choose a directory"},
		"only a foreign temporary":   {func(m *memFS, dir string) { *m = *newMemFS(); put(checkpointName+temporary, "x")(m, dir) }, fault.Conflict, "choose a directory"},
		"only a lost commitment key": {func(m *memFS, dir string) { *m = *newMemFS(); put(commitmentName, "x")(m, dir) }, fault.Conflict, "choose a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			m, dir := sampleLog(t)
			c.change(m, dir)
			before := m.snapshot()
			_, err := OpenLog(quiet(m, dir))
			if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("OpenLog: %v", err)
			}
			for path, n := range before.names {
				if now := m.names[path]; now == nil || !bytes.Equal(n.cached, now.cached) {
					t.Errorf("OpenLog changed %s", path)
				}
			}
			if len(m.names) != len(before.names) {
				t.Error("OpenLog made files")
			}
		})
	}
}

// only is a file system with some of the files.
func only(m *memFS, dir string, names ...string) *memFS {
	c := newMemFS()
	for _, name := range names {
		c.names[join(dir, name)] = m.names[join(dir, name)]
	}
	return c
}

// TestOtherFilesAreLeftAlone puts files beside a log that are not its own.
func TestOtherFilesAreLeftAlone(t *testing.T) {
	m, dir := newMemFS(), t.TempDir()
	m.names[join(dir, "README")] = &inode{cached: []byte("about this disk")}
	m.names[join(dir, "README.tmp")] = &inode{cached: []byte("half of it")}
	l := mustOpen(t, quiet(m, dir))
	mustAppend(t, l, "one")
	mustClose(t, l)
	if string(m.file(t, dir, "README").cached) != "about this disk" || string(m.file(t, dir, "README.tmp").cached) != "half of it" {
		t.Error("a foreign file was touched")
	}
	if r := verified(t, m, dir); !r.OK() {
		t.Error(r.Problems)
	}
}

func TestVerifyWhereNoLogIs(t *testing.T) {
	for _, dir := range []string{t.TempDir(), join(t.TempDir(), "nowhere")} {
		if _, err := VerifyLog(dir); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%v", err)
		}
		if err := ReadLog(dir, 0, nil); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%v", err)
		}
	}
}

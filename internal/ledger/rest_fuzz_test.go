package ledger

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// FuzzRest signs arbitrary blocks as what is left of a segment. Whatever is
// taken is what would be written, and a scan goes through it without panic.
func FuzzRest(f *testing.F) {
	k, err := createKeys(newMemFS(), "dir")
	if err != nil {
		f.Fatal(err)
	}
	v, _, err := parseVerifier(k.verifier)
	if err != nil {
		f.Fatal(err)
	}
	r := rest{before: segmentHeader{id: k.id}, after: segmentHeader{id: k.id, first: 4, peaks: make([]tlog.Hash, 1)}, note: restNote{why: whyRepaired}}
	gap := restBlock{entries: []restEntry{{fate: lost}, {fate: kept, payload: []byte("one")}, {fate: pruned}, {fate: lost}}}
	f.Add(gap.encode(nil))
	header := sealBlock(make([]byte, blockHeader), k.id, 0, 4, tlog.Hash{})[:blockHeader]
	f.Add(restBlock{header: header, entries: gap.entries}.encode(nil))
	f.Add([]byte(gapMagic))
	f.Fuzz(func(t *testing.T, blocks []byte) {
		body := slices.Concat(r.before.encode(), blocks, r.after.encode())
		data, err := r.file(k.signer, body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseRest(data, k.id, v)
		if err != nil {
			return
		}
		again, err := got.encode(k.signer)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("a rest that would be written otherwise, %v", err)
		}
		s := newScan(k.id)
		s.key, s.report = v, func(p Problem, _ []byte) {
			if p.Last < p.First || p.String() == "" {
				t.Errorf("%+v", p)
			}
		}
		s.rest(0, data)
		s.finish()
		if s.next != 4 || !s.rooted {
			t.Errorf("the scan ends at %d", s.next)
		}
	})
}

// FuzzRestNote signs arbitrary texts: only the one spelling is accepted.
func FuzzRestNote(f *testing.F) {
	k, err := createKeys(newMemFS(), "dir")
	if err != nil {
		f.Fatal(err)
	}
	v, _, err := parseVerifier(k.verifier)
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range []restNote{
		{end: 1, why: whyRepaired}, {first: 7, end: 9, at: noon, why: whyPruned + "over the age of 1h0m0s"},
		{end: 1, why: whyRepaired + "; " + whyPruned + "x", replaced: &checkpoint{size: 3}},
	} {
		text := n.text("")
		f.Add(text)
		if msg, err := note.Sign(&note.Note{Text: n.text(v.Name())}, k.signer); err != nil {
			f.Fatal(err)
		} else if _, err := openRestNote(msg, v); err != nil {
			f.Errorf("%q: %v", text, err)
		}
	}
	f.Add(checkpoint{}.text(""))
	f.Fuzz(func(t *testing.T, text string) {
		text = v.Name() + text
		msg, err := note.Sign(&note.Note{Text: text}, k.signer)
		if err != nil {
			t.Skip("no note can hold this text")
		}
		n, err := openRestNote(msg, v)
		if err == nil && n.text(v.Name()) != text {
			t.Errorf("%q was taken for %q", text, n.text(v.Name()))
		}
		if _, err := openCheckpoint(msg, v); err == nil && strings.Contains(text, restTitle) {
			t.Errorf("%q passes as a checkpoint", text)
		}
	})
}

// FuzzSalvage damages a segment: what is salvaged has the right number of
// entries, each of which stands in the bytes.
func FuzzSalvage(f *testing.F) {
	id := logID{1, 2, 3}
	seg := segmentHeader{id: id}.encode()
	index := uint64(0)
	for _, group := range [][]string{{"one"}, {"two", "", "four"}, {"five"}} {
		b := newBatch(index, nil)
		for _, p := range group {
			index = b.add([]byte(p), tlog.RecordHash([]byte(p)), entryCRC([]byte(p))) + 1
		}
		seg = append(seg, sealBlock(b.buf, id, b.first, len(b.leaves), tlog.Hash{})...)
	}
	f.Add(seg, uint64(5))
	f.Add(seg[100:], uint64(3))
	f.Add(bytes.Replace(seg, []byte("two"), []byte("tow"), 1), uint64(9))
	f.Add(slices.Concat(seg[200:], seg[:200]), noCheckpoint)
	f.Fuzz(func(t *testing.T, data []byte, end uint64) {
		if end != noCheckpoint {
			end %= 1000
		}
		next := uint64(0)
		for _, b := range salvage(data, id, 0, end) {
			if b.first != next || len(b.entries) == 0 {
				t.Fatalf("a block at %d after %d", b.first, next)
			}
			next = b.end()
			for _, e := range b.entries {
				if e.fate == kept && !bytes.Contains(data, e.payload) || e.fate == pruned {
					t.Errorf("%+v", e)
				}
			}
		}
		if end != noCheckpoint && next != end {
			t.Errorf("%d entries of %d", next, end)
		}
	})
}

// FuzzSketch holds the short look at a record to the long one, for all that a
// writer writes: where a key is there twice, they may differ.
func FuzzSketch(f *testing.F) {
	call, result := sampleCall(), sampleResult()
	for _, r := range []Record{
		{1, Intent, "a", noon, &call, nil, nil}, {2, Outcome, "a", noon, nil, &result, nil}, {2, Refusal, "a", noon, &call, &result, nil},
		{2, Forgotten, "a", noon, nil, nil, &Forget{Subject: "s", Keys: 3}},
	} {
		payload, err := r.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
		if _, _, ok := sketch(payload); ok != (r.Kind != Forgotten) {
			f.Errorf("%s: %t", payload, ok)
		}
	}
	f.Add([]byte(`{"v":1,"kind":"intent","id":"\u0061","time":"","call":{}}`))
	f.Add([]byte(`{"v":1,"kind":"intent","id":"a","time":"","call":{"\\\"}":"\\"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		kind, id, ok := sketch(payload)
		r, err := decodeRecord(payload)
		if once, _ := r.encode(); !bytes.Equal(once, payload) {
			return
		}
		if ok && err == nil && (r.Kind != kind || r.ID != string(id)) {
			t.Errorf("%s %q, and decoded %s %q", kind, id, r.Kind, r.ID)
		}
	})
}

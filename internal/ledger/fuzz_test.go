package ledger

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// FuzzSegment scans arbitrary bytes as the one segment of a log. Whatever a
// scan finds nothing wrong with must be what a log would have written.
func FuzzSegment(f *testing.F) {
	id := logID{1, 2, 3}
	seg := segmentHeader{id: id}.encode()
	var chain tlog.Hash
	var index uint64
	for _, group := range [][]string{{"one"}, {"two", "", "four"}, {"five"}} {
		b := newBatch(index, nil)
		for _, p := range group {
			index = b.add([]byte(p), tlog.RecordHash([]byte(p)), entryCRC([]byte(p))) + 1
		}
		b.buf = sealBlock(b.buf, id, b.first, len(b.leaves), chain)
		chain = chainHash(b.buf[:blockHeader], b.leaves)
		seg = append(seg, b.buf...)
	}
	f.Add(seg)
	f.Add(seg[:len(seg)-1])
	f.Add(seg[:100])
	f.Add(slices.Concat(seg[:76], seg[200:]))
	f.Add(append(bytes.Clone(seg), "garbage"...))
	f.Add([]byte(segmentMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newScan(id)
		problems, entries := 0, 0
		s.report = func(p Problem, _ []byte) {
			problems++
			if p.Last < p.First || p.Offset < 0 || p.Offset > int64(len(data)) || p.String() == "" {
				t.Errorf("%+v", p)
			}
		}
		s.entry = func(_ uint64, p []byte) { entries++ }
		s.file(0, data, true)
		s.finish()
		if problems > 0 {
			return
		}
		if !s.rooted || uint64(entries) != s.tree.size || s.next != s.tree.size {
			t.Errorf("%d entries, tree of %d, next %d", entries, s.tree.size, s.next)
		}
		again := segmentHeader{id: id}.encode()
		for at := len(again); at < len(data); {
			b, err := parseBlock(data[at:], id)
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, blockHeader)
			eachEntry(b.bytes[blockHeader:len(b.bytes)-trailer], b.count, func(e framed) {
				buf = appendEntry(buf, e.payload, entryCRC(e.payload))
			})
			again = append(again, sealBlock(buf, id, b.first, b.count, b.prev)...)
			at += len(b.bytes)
		}
		if !bytes.Equal(again, data) {
			t.Error("a sound segment that a log would write otherwise")
		}
	})
}

// FuzzRecord decodes arbitrary payloads. What decodes must survive being
// written again, and print on one safe line.
func FuzzRecord(f *testing.F) {
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
	}
	f.Add([]byte(`{"v":3}`))
	f.Add([]byte(`{"v":1,"kind":"intent","id":"x","time":"2026-01-01T00:00:00+23:59","call":{}} `))
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := decodeRecord(payload)
		if err != nil {
			return
		}
		once, err := r.encode()
		if err != nil {
			return // a time that leaves the years 0 to 9999 when it becomes UTC
		}
		again, err := decodeRecord(once)
		if err != nil {
			t.Fatalf("%q: %v", once, err)
		}
		twice, err := again.encode()
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%q, then %q (%v)", once, twice, err)
		}
		for _, c := range Line(r) {
			if c < ' ' || c == 0x7f {
				t.Errorf("%q", Line(r))
			}
		}
	})
}

// FuzzCheckpoint signs arbitrary texts: only the one spelling of a checkpoint
// of this log is accepted, and nothing that the key did not sign.
func FuzzCheckpoint(f *testing.F) {
	k, err := createKeys(newMemFS(), "dir")
	if err != nil {
		f.Fatal(err)
	}
	v, _, err := parseVerifier(k.verifier)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("7", tlog.Hash{1}.String(), "")
	f.Add("07", tlog.Hash{1}.String(), "")
	f.Add("-1", "", "more\n")
	f.Add("18446744073709551615", tlog.Hash{1}.String(), "")
	f.Fuzz(func(t *testing.T, size, root, more string) {
		text := k.signer.Name() + "\n" + size + "\n" + root + "\n" + more
		if !strings.HasSuffix(text, "\n") {
			return
		}
		msg, err := note.Sign(&note.Note{Text: text}, k.signer)
		if err != nil {
			t.Skip("no note can hold this text")
		}
		c, err := openCheckpoint(msg, v)
		if err == nil && c.text(k.signer.Name()) != text {
			t.Errorf("%q was taken for %q", text, c.text(k.signer.Name()))
		}
		msg[len(k.signer.Name())] ^= 1 // the newline after the origin
		if _, err := openCheckpoint(msg, v); err == nil {
			t.Errorf("%q passed", msg)
		}
	})
}

// FuzzKeyFile parses arbitrary key files.
func FuzzKeyFile(f *testing.F) {
	m := newMemFS()
	if _, err := createKeys(m, "dir"); err != nil {
		f.Fatal(err)
	}
	f.Add(string(m.names[join("dir", keyName)].cached))
	f.Add("PRIVATE+KEY+a+b+c\n")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseKeys(text)
		if err == nil && k.signer.Name() != originPrefix+k.id.String() {
			t.Errorf("a key of %q for log %s", k.signer.Name(), k.id)
		}
	})
}

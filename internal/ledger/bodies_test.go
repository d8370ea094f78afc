package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
)

// Pieces that were altered, dropped, repeated, reordered, cut off or taken
// from another body never open, whatever the log around them says.
func TestPiecesOpenOnlyWhole(t *testing.T) {
	who := newIdentity(t)
	dir := t.TempDir()
	l := sealedTo(t, dir, BodyConfig{}, who)
	body := random(2*pieceSize + 100)
	pieces := map[string][][]byte{}
	one := record(t, l, full("somebody"), body, []byte("answer"), 10)
	two := record(t, l, full("somebody"), body, []byte("answer"), 10)
	err := ReadLog(dir, 0, func(_ uint64, payload []byte) error {
		if p, err := parsePiece(payload); err == nil && p.part == Request {
			pieces[p.id] = append(pieces[p.id], bytes.Clone(payload))
		}
		return nil
	})
	if err != nil || len(pieces[one]) != 3 {
		t.Fatal(len(pieces[one]), err)
	}
	whole := func() [][]byte {
		var c [][]byte
		for _, p := range pieces[one] {
			c = append(c, bytes.Clone(p))
		}
		return c
	}
	if got, err := l.OpenPieces(whole()); err != nil || !bytes.Equal(got, body) {
		t.Fatal(err)
	}
	last := func(p []byte) []byte { p[3] = 1; return p }
	for name, spoiled := range map[string][][]byte{
		"none":                nil,
		"the last missing":    whole()[:2],
		"cut off and marked":  {whole()[0], last(whole()[1])},
		"the first missing":   whole()[1:],
		"one missing":         {whole()[0], whole()[2]},
		"one twice":           {whole()[0], whole()[0], whole()[1], whole()[2]},
		"two exchanged":       {whole()[1], whole()[0], whole()[2]},
		"numbers exchanged":   exchanged(whole()),
		"more after the last": append(whole(), whole()[0]),
		"of another call":     {whole()[0], pieces[two][1], whole()[2]},
		"renamed":             renamed(whole(), one, two),
		"in clear":            unsealed(whole()),
	} {
		if got, err := l.OpenPieces(spoiled); err == nil || got != nil || fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for at := range pieceHead + 36 + 5 {
		spoiled := whole()
		for _, p := range spoiled {
			p[at] ^= 1
		}
		if got, err := l.OpenPieces(spoiled); err == nil {
			t.Errorf("byte %d of each altered: %d bytes opened", at, len(got))
		}
	}
}

func exchanged(p [][]byte) [][]byte {
	binary.LittleEndian.PutUint32(p[0][4:], 1)
	binary.LittleEndian.PutUint32(p[1][4:], 0)
	return [][]byte{p[1], p[0], p[2]}
}

func renamed(p [][]byte, from, to string) [][]byte {
	for i := range p {
		p[i] = bytes.Replace(p[i], []byte(from), []byte(to), 1)
	}
	return p
}

func unsealed(p [][]byte) [][]byte {
	for i := range p {
		p[i][1] = 0
	}
	return p
}

// A body in clear is held to its commitment, and a call that was recorded
// twice, the first time in vain, reads back as the second.
func TestBodyOfARepeatedCall(t *testing.T) {
	dir := t.TempDir()
	l := sealedTo(t, dir, BodyConfig{Clear: true})
	id, call := l.NewID(), full("somebody")
	old := l.Body(id, Response, call)
	_, _ = old.Write(random(pieceSize + 5)) // its end never comes
	w := l.Body(id, Response, call)
	_, _ = w.Write(random(pieceSize + 1))
	if err := l.Refusal(t.Context(), id, call, Result{Status: 503, Response: w.End()}); err != nil {
		t.Fatal(err)
	}
	k, err := OpenCall(dir, id, nil)
	if err != nil || !k.Response.Checked || !bytes.Equal(k.Response.Content, random(pieceSize+1)) {
		t.Errorf("%v, %v", err, k.Response.Err)
	}
	if k.Request.Err != nil || len(k.Request.Content) != 0 {
		t.Errorf("the request: %v", k.Request.Err)
	}
	a, err := findCall(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	wrong := a.result.Response
	wrong.Pieces++
	if _, _, err := a.open(Response, wrong, false, nil, l.key); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("more pieces recorded than are there: %v", err)
	}
	wrong = a.result.Response
	wrong.Commitment = newBodyHash(l.key, Response, id).Sum().Commitment
	if _, _, err := a.open(Response, wrong, false, nil, l.key); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("another commitment: %v", err)
	}
}

// What had come of an answer when the process ended is shown as partial.
func TestPartialAnswer(t *testing.T) {
	dir, who := t.TempDir(), newIdentity(t)
	l := sealedTo(t, dir, BodyConfig{}, who)
	id, call := l.NewID(), full("somebody")
	if err := l.Intent(t.Context(), id, call); err != nil {
		t.Fatal(err)
	}
	if k, err := OpenCall(dir, id, &who); err != nil || fault.KindOf(k.Response.Err) != fault.NotFound {
		t.Errorf("nothing yet: %v, %v", err, k.Response.Err)
	}
	a := l.Body(id, Response, call)
	_, _ = a.Write(random(2*pieceSize + 9))
	mustCloseLedger(t, l)
	k, err := OpenCall(dir, id, &who)
	if err != nil || !k.Response.Partial || !bytes.Equal(k.Response.Content, random(2*pieceSize + 9)[:2*pieceSize]) {
		t.Errorf("%v, %v: %d bytes", err, k.Response.Err, len(k.Response.Content))
	}
	if _, err := a.Write(random(2 * pieceSize)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a ledger that is closed takes a piece: %v", err)
	}
	if err := l.Outcome(t.Context(), id, Result{Response: a.End()}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("and the outcome: %v", err)
	}
}

// A call is found in whichever segment it stands, also where ids tell no time
// or a wrong one.
func TestFindCall(t *testing.T) {
	dir, who := t.TempDir(), newIdentity(t)
	l, err := Open(Config{Directory: dir, SegmentSize: 2000, Bodies: BodyConfig{Auditors: []seal.Recipient{who.Recipient()}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	timeless := []string{"plain", "fefefefe-fefe-7efe-befe-fefefefefefe", "00000000-0001-7000-8000-000000000000"}
	var ids []string
	refuse := func(id string) {
		call := full("somebody")
		w := l.Body(id, Request, call)
		_, _ = w.Write([]byte("question"))
		call.Request = w.End()
		if err := l.Refusal(t.Context(), id, call, Result{Status: 400}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, id := range timeless {
		refuse(id)
	}
	var last string
	for range 20 {
		last = record(t, l, full("somebody"), []byte("question"), []byte("answer"), 6)
		ids = append(ids, last)
	}
	for _, id := range timeless {
		refuse(id[:len(id)-1] + "9")
	}
	for _, id := range ids {
		if ok, err := opens(t, dir, id, &who); !ok {
			t.Errorf("%s: %v", id, err)
		}
	}
	if from, err := startOf(dir, last); from == 0 || err != nil {
		t.Errorf("the last call is looked for from entry %d on: %v", from, err)
	}
	if _, err := OpenCall(dir, l.NewID(), &who); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no such call: %v", err)
	}
	if _, err := OpenCall(t.TempDir(), last, &who); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no such ledger: %v", err)
	}
}

// spellings are the ways in which a text may stand on a disk.
func spellings(text string) map[string][]byte {
	all := map[string][]byte{
		"clear": []byte(text), "hex": []byte(hex.EncodeToString([]byte(text))),
		"HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(text)))),
	}
	escaped, _ := json.Marshal(text)
	all["json"] = bytes.Trim(escaped, `"`)
	var unicode strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		all["utf-16le"] = binary.LittleEndian.AppendUint16(all["utf-16le"], u)
		all["utf-16be"] = binary.BigEndian.AppendUint16(all["utf-16be"], u)
		unicode.WriteString(`\u` + hex.EncodeToString([]byte{byte(u >> 8), byte(u)}))
	}
	all["json, all escaped"] = []byte(unicode.String())
	for i := range 3 { // base64 looks different at each offset
		for name, enc := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "base64url": base64.URLEncoding} {
			s := enc.EncodeToString([]byte(strings.Repeat("x", i) + text + "xx"))
			all[name+string(rune('0'+i))] = []byte(s[4 : len(s)-8])
		}
	}
	return all
}

// search looks for a text in every file of a directory, in every spelling.
func search(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files++
		for name, spelled := range spellings(text) {
			if bytes.Contains(data, spelled) {
				found = append(found, filepath.Base(path)+": "+name)
			}
		}
		return err
	})
	if err != nil || files < 6 {
		t.Fatalf("%d files searched: %v", files, err)
	}
	slices.Sort(found)
	return found
}

// With sealed capture a canary is nowhere in the ledger's directory, however
// it is spelled, in requests, answers and refusals, small and large, whole and
// given up. In clear it is found: the search can find.
func TestCanaryIsSealed(t *testing.T) {
	const canary = `canary "9c41f7e2" <ä> prompt`
	who := newIdentity(t)
	for name, clear := range map[string]bool{"sealed": false, "clear": true} {
		dir := t.TempDir()
		var l *Ledger
		if clear {
			l = sealedTo(t, dir, BodyConfig{Clear: true})
		} else {
			l = sealedTo(t, dir, BodyConfig{ReadBack: 1}, who)
		}
		var ids []string
		for _, spelled := range spellings(canary) {
			padded := slices.Concat(random(pieceSize-len(spelled)-1), []byte{0}, spelled, []byte{0}, random(1000))
			ids = append(ids, record(t, l, full("somebody"), spelled, padded, 999))
		}
		id, call := l.NewID(), full("somebody")
		w := l.Body(id, Response, call)
		_, _ = w.Write(bytes.Repeat([]byte(canary), pieceSize/20))
		if err := l.Refusal(context.Background(), id, call, Result{Status: 503, Response: w.End()}); err != nil {
			t.Fatal(err)
		}
		given := l.Body(l.NewID(), Request, call)
		_, _ = given.Write(bytes.Repeat([]byte(canary), pieceSize/20))
		mustCloseLedger(t, l)
		found := search(t, dir, canary)
		if clear && len(found) < len(spellings(canary)) {
			t.Errorf("the search finds only %q", found)
		}
		if !clear && len(found) > 0 {
			t.Errorf("%s: %q", name, found)
		}
		for _, id := range ids {
			if ok, err := opens(t, dir, id, &who); !ok {
				t.Error(err)
			}
		}
	}
}

package ledger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456789, time.UTC)

func sampleCall() Call {
	return Call{
		Received: noon, Issuer: "key", Subject: "batch-job", Name: "Sample Person One", Workload: "research",
		Client: "192.0.2.7:40000", Operation: "chat/completions", APIVersion: "2024-10-21", Deployment: "gpt-4o",
		Stream: true, Backend: "east", Decision: "grant research", Request: Body{Bytes: 12, Commitment: "x"}, Correlation: "c-1",
	}
}

func sampleResult() Result {
	return Result{
		FirstByte: noon.Add(time.Second), End: noon.Add(2500 * time.Millisecond), Status: 200, Model: "gpt-4o-2024-11-20",
		FinishReasons: []string{"stop"}, Usage: Usage{Prompt: 12, Completion: 34, Total: 46}, Response: Body{Bytes: 99}, UpstreamID: "u-1",
	}
}

func openLedger(t *testing.T, dir string) *Ledger {
	t.Helper()
	l, err := Open(Config{Directory: dir, Now: func() time.Time { return noon.In(time.FixedZone("", 3600)) }})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRecordsComeBack(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir)
	a, b, c := l.NewID(), l.NewID(), l.NewID()
	refused := Result{End: noon, Status: 403, ErrorCode: "denied"}
	if err := errors.Join(
		l.Intent(t.Context(), a, sampleCall()),
		l.Intent(t.Context(), b, sampleCall()),
		l.Refusal(t.Context(), c, sampleCall(), refused),
		l.Outcome(t.Context(), a, sampleResult()),
	); err != nil {
		t.Fatal(err)
	}
	if l.Len() != 4 {
		t.Errorf("%d records", l.Len())
	}
	mustClose(t, l)

	call, result := sampleCall(), sampleResult()
	want := []Record{
		{RecordVersion, Intent, a, noon, &call, nil, nil}, {RecordVersion, Intent, b, noon, &call, nil, nil},
		{RecordVersion, Refusal, c, noon, &call, &refused, nil}, {RecordVersion, Outcome, a, noon, nil, &result, nil},
	}
	var got []Record
	if err := Read(dir, 0, func(_ uint64, r Record) error { got = append(got, r); return nil }); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v", got, err)
	}
	r, err := Verify(dir)
	if err != nil || !r.OK() || r.Entries != 4 || r.Calls != 3 || !slices.Equal(r.NoOutcome, []string{b}) {
		t.Errorf("verify: %+v %v", r, err)
	}

	var calls Calls
	var whole []string
	for _, rec := range got {
		if rec, ok := calls.Add(rec); ok {
			whole = append(whole, Line(rec))
		}
	}
	for _, rec := range calls.NoOutcome() {
		whole = append(whole, Line(rec))
	}
	if want := []string{
		"2026-03-04T12:00:00.123Z  Sample Person One (research)  chat/completions  gpt-4o  403 denied  -  0s",
		"2026-03-04T12:00:00.123Z  Sample Person One (research)  chat/completions  gpt-4o  200  12+34 tokens  2.5s",
		"2026-03-04T12:00:00.123Z  Sample Person One (research)  chat/completions  gpt-4o  no outcome  -  -",
	}; !slices.Equal(whole, want) {
		t.Errorf("lines:\n%s", strings.Join(whole, "\n"))
	}
}

// TestVerifyNamesTheCall damages a record in three ways.
func TestVerifyNamesTheCall(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir)
	a, b := l.NewID(), l.NewID()
	if err := errors.Join(l.Intent(t.Context(), a, sampleCall()), l.Intent(t.Context(), b, sampleCall())); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	path := filepath.Join(dir, segmentName(0))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ damage, call, near string }{
		{`"deployment":"gpt-4o"`, b, a}, // the id still reads
		{b, "", a},                      // it does not
		{`{"v":3`, b, a},
	} {
		data := slices.Clone(whole)
		at := strings.LastIndex(string(data), c.damage)
		data[at] = '~'
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(dir)
		if err != nil || len(r.Problems) == 0 {
			t.Fatal(r, err)
		}
		p := r.Problems[0]
		if p.First != 1 || p.Last != 1 || p.Call != c.call || p.Near != c.near || !strings.Contains(p.String(), c.call+c.near[:8]) && c.call == "" {
			t.Errorf("%s: %+v: %s", c.damage, p, p)
		}
	}
}

// TestVerifyReadsRecords has sound entries that are no sound records.
func TestVerifyReadsRecords(t *testing.T) {
	const id = `"0197a1b2-0000-7000-8000-000000000001"`
	const call = `"call":{"received":"2026-01-01T00:00:00Z","operation":"x","request":{"bytes":0}}`
	const result = `"result":{"end":"2026-01-01T00:00:00Z","status":200,"response":{"bytes":0}}`
	intent := `{"v":1,"kind":"intent","id":` + id + `,"time":"2026-01-01T00:00:00Z",` + call + `}`
	outcome := `{"v":1,"kind":"outcome","id":` + id + `,"time":"2026-01-01T00:00:00Z",` + result + `}`
	for _, c := range []struct {
		name, says string
		payloads   []string
	}{
		{"fine", "", []string{intent, outcome}},
		{"outcome alone", "without an intent", []string{outcome}},
		{"two outcomes", "without an intent", []string{intent, outcome, outcome}},
		{"two intents", "second intent", []string{intent, intent}},
		{"no JSON", "not the record", []string{"hello"}},
		{"another shape", "not the record", []string{`{"v":1,"kind":"intent","id":"x"}`}},
		{"intent with a result", "not the record", []string{strings.Replace(outcome, `"outcome"`, `"intent"`, 1)}},
		{"unknown kind", "not the record", []string{strings.Replace(intent, `"intent"`, `"wish"`, 1)}},
		{"unknown field", "not the record", []string{strings.Replace(intent, `"v":1`, `"v":1,"w":2`, 1)}},
		{"two values", "not the record", []string{intent + intent}},
		{"no id", "not the record", []string{strings.Replace(intent, id, `""`, 1)}},
		{"newer", "version 4, and this build reads 1 to 3", []string{strings.Replace(intent, `"v":1`, `"v":4`, 1)}},
		{"newer with more fields", "version 9, and this build reads 1 to 3", []string{strings.Replace(intent, `"v":1`, `"v":9,"w":2`, 1)}},
		{"older", "version 0, and this build reads 1 to 3", []string{strings.Replace(intent, `"v":1`, `"v":0`, 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			l := mustOpen(t, LogConfig{Directory: dir})
			mustAppend(t, l, c.payloads...)
			mustClose(t, l)
			r, err := Verify(dir)
			if err != nil || r.OK() != (c.says == "") || !r.OK() && !strings.Contains(r.Problems[0].What, c.says) {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
}

func TestCommitments(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir)
	id := l.NewID()
	body := []byte("What is Ockham's Razor?")
	call, result := sampleCall(), sampleResult()
	call.Request = Body{Bytes: int64(len(body)), Commitment: l.Commitment(id, body)}
	h := l.Commit(id)
	for _, b := range body {
		_, _ = h.Write([]byte{b})
	}
	result.Response = h.Sum()
	other := l.NewID()
	otherCall := sampleCall()
	otherCall.Request = Body{Bytes: int64(len(body)), Commitment: l.Commitment(other, []byte("what is Ockham's Razor?"))}
	if err := errors.Join(l.Intent(t.Context(), id, call), l.Intent(t.Context(), other, otherCall), l.Outcome(t.Context(), id, result)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)

	// The documented formula, by other means.
	text, err := os.ReadFile(filepath.Join(dir, commitmentName))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		t.Fatal(key, err)
	}
	for part, got := range map[string]string{"request": call.Request.Commitment, "response": result.Response.Commitment} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part + "\x00" + id))
		want := sha256.Sum256(append(mac.Sum(nil), body...))
		if got != base64.RawURLEncoding.EncodeToString(want[:]) {
			t.Errorf("%s: %s", part, got)
		}
	}

	found, err := FindBody(dir, body)
	if err != nil || !slices.Equal(found, []Match{{0, id, Request}, {2, id, Response}}) {
		t.Errorf("found %v, %v", found, err)
	}
	if found, err := FindBody(dir, []byte("another body")); err != nil || len(found) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestKeysArePrivateAndKept(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir)
	before := l.Commitment("x", nil)
	if err := l.Intent(t.Context(), "x", sampleCall()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	for name, mode := range map[string]os.FileMode{keyName: 0o600, commitmentName: 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	l = openLedger(t, dir)
	if l.Commitment("x", nil) != before {
		t.Error("the commitment key changed")
	}
	mustClose(t, l)
	path := filepath.Join(dir, commitmentName)
	for _, text := range []string{"", "abc", "zz"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{Directory: dir}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("key %q: %v", text, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Directory: dir}); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "restore") {
		t.Errorf("without the key: %v", err)
	}
	if _, err := FindBody(dir, nil); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("FindBody without the key: %v", err)
	}
}

func TestRefusedRecords(t *testing.T) {
	l := openLedger(t, t.TempDir())
	defer l.Close()
	for _, id := range []string{"", strings.Repeat("x", 65)} {
		if err := l.Intent(t.Context(), id, sampleCall()); fault.KindOf(err) != fault.Internal {
			t.Errorf("id %q: %v", id, err)
		}
	}
	late := sampleCall()
	late.Received = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := l.Intent(t.Context(), "x", late); fault.KindOf(err) != fault.Internal {
		t.Errorf("year 10000: %v", err)
	}
	long := sampleCall()
	long.Correlation = strings.Repeat("x", MaxPayload)
	if err := l.Intent(t.Context(), "x", long); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("1 MiB field: %v", err)
	}
	if l.Len() != 0 {
		t.Error("something was recorded")
	}
}

func TestNewID(t *testing.T) {
	l := openLedger(t, t.TempDir())
	defer l.Close()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 1000 {
		id := l.NewID()
		ms, _ := hex.DecodeString(strings.ReplaceAll(id[:13], "-", ""))
		at := int64(0)
		for _, b := range ms {
			at = at<<8 | int64(b)
		}
		if !form.MatchString(id) || seen[id] || at != noon.UnixMilli() {
			t.Fatal(id)
		}
		seen[id] = true
	}
}

func TestLineIsSafe(t *testing.T) {
	c := sampleCall()
	c.Name = "a\x1b[2Jb\nc\u202ed\x00\\" + strings.Repeat("é", 200)
	c.Operation, c.Deployment, c.Workload = "\r", "\x7f\u2028", "\xff"
	r := Record{Time: noon, Call: &c, Result: &Result{Status: 500, ErrorCode: "e\t", Aborted: "\u200b", End: noon, Usage: Usage{Prompt: 1, Estimated: true}}}
	want := `2026-03-04T12:00:00.123Z  a\x1b[2Jb\nc\u202ed\x00\\` + strings.Repeat("é", 68) + `… (\ufffd)  \r  \x7f\u2028  500 e\t \u200b  ~1+0 tokens  0s`
	if got := Line(r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := Line(Record{Time: noon}); got != "2026-03-04T12:00:00.123Z  -  -  -  no outcome  -  -" {
		t.Error(got)
	}
}

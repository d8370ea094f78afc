package sink

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/seal"
)

// kept is a ledger that keeps bodies.
func kept(t *testing.T, c ledger.BodyConfig) (*ledger.Ledger, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := ledger.Open(ledger.Config{Directory: dir, Bodies: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, dir
}

func auditor(t *testing.T) seal.Identity {
	t.Helper()
	i, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// keep makes a call of a subject with both bodies.
func keep(t *testing.T, l *ledger.Ledger, subject, request, response string) (id string) {
	t.Helper()
	id = l.NewID()
	begin(t, l, id, subject, request)
	end(t, l, id, subject, response)
	return id
}

func begin(t *testing.T, l *ledger.Ledger, id, subject, request string) {
	t.Helper()
	call := ledger.Call{Received: time.Now(), Subject: subject, Operation: "chat/completions", Capture: ledger.Full}
	w := l.Body(id, ledger.Request, call)
	_, _ = w.Write([]byte(request))
	call.Request = w.End()
	if err := l.Intent(t.Context(), id, call); err != nil {
		t.Fatal(err)
	}
}

func end(t *testing.T, l *ledger.Ledger, id, subject, response string) {
	t.Helper()
	w := l.Body(id, ledger.Response, ledger.Call{Subject: subject, Capture: ledger.Full})
	for chunk := range strings.SplitAfterSeq(response, "\n") {
		_, _ = w.Write([]byte(chunk))
	}
	if err := l.Outcome(t.Context(), id, ledger.Result{End: time.Now(), Status: 200, Response: w.End()}); err != nil {
		t.Fatal(err)
	}
}

func bodyConfig(l *ledger.Ledger, dir string, to Destination, mode BodyMode) Config {
	return Config{
		Name: "test", Source: Source{Directory: dir, Durable: l.Len, Bodies: l}, Destination: to, Bodies: mode,
		BatchWait: 5 * time.Millisecond, Retry: time.Millisecond, Poll: 2 * time.Millisecond,
	}
}

// long is a body of several pieces.
func long(seed string) string { return strings.Repeat(seed+" 0123456789\n", 60_000) }

func TestBodies(t *testing.T) {
	who := auditor(t)
	for _, c := range []struct {
		name string
		how  ledger.BodyConfig
	}{{"kept sealed", ledger.BodyConfig{Auditors: []seal.Recipient{who.Recipient()}}}, {"kept in clear", ledger.BodyConfig{Clear: true}}} {
		t.Run(c.name, func(t *testing.T) {
			l, dir := kept(t, c.how)
			short := keep(t, l, "one", `{"q":"short"}`, "a\nb")
			// Two long ones at once, so that their pieces lie between one another.
			first, second := l.NewID(), l.NewID()
			begin(t, l, first, "one", long("q1"))
			begin(t, l, second, "two", long("q2"))
			end(t, l, second, "two", long("a2"))
			end(t, l, first, "one", long("a1"))
			want := map[string][2]string{short: {`{"q":"short"}`, "a\nb"}, first: {long("q1"), long("a1")}, second: {long("q2"), long("a2")}}
			for _, mode := range []BodyMode{BodiesNone, BodiesSealed, BodiesClear} {
				m := &memory{}
				deliver(t, bodyConfig(l, dir, m, mode))
				for _, e := range m.entries {
					if mode == BodiesSealed {
						if bytes.Contains(e.RequestBody, []byte("0123456789")) || e.Bodies != "sealed" {
							t.Errorf("a body marked %q reads %.40s", e.Bodies, e.RequestBody)
						}
						open := func(p [][]byte) ([]byte, error) { return ledger.OpenPieces(dir, p, &who) }
						if err := e.Unseal(open); err != nil {
							t.Error(err)
						}
					}
					expect := want[e.ID]
					if mode == BodiesNone {
						expect = [2]string{}
					}
					if string(e.RequestBody) != expect[0] || string(e.ResponseBody) != expect[1] {
						t.Errorf("%s: %s has %d and %d bytes of bodies (%s)", mode, e.ID, len(e.RequestBody), len(e.ResponseBody), e.Bodies)
					}
				}
				if len(m.entries) != 3 {
					t.Errorf("%s: %d entries", mode, len(m.entries))
				}
			}
			// The same from the log itself, by who may read it.
			identity := &who
			if c.how.Clear {
				identity = nil
			}
			n := 0
			err := Each(t.Context(), dir, Filter{}, func(p [][]byte) ([]byte, error) { return ledger.OpenPieces(dir, p, identity) }, func(e *Entry) error {
				if string(e.ResponseBody) == want[e.ID][1] && string(e.RequestBody) == want[e.ID][0] {
					n++
				}
				return nil
			})
			if err != nil || n != 3 {
				t.Errorf("the log gives %d of 3 calls with their bodies: %v", n, err)
			}
		})
	}
}

// A call under way when the sink restarts has pieces before the cursor.
func TestBodiesAcrossARestart(t *testing.T) {
	l, dir := kept(t, ledger.BodyConfig{Clear: true})
	m := &memory{}
	cfg := bodyConfig(l, dir, m, BodiesClear)
	id := l.NewID()
	begin(t, l, id, "one", long("q"))
	keep(t, l, "two", long("other"), "answer")
	if s := deliver(t, cfg); s.Needs() != 0 {
		t.Errorf("needs %d, but the first piece of a call under way is 0", s.Needs())
	}
	end(t, l, id, "one", "answer")
	s := deliver(t, cfg)
	if s.Needs() != l.Len() {
		t.Errorf("needs %d of a log that is delivered to the end at %d", s.Needs(), l.Len())
	}
	last := m.entries[len(m.entries)-1]
	if len(m.entries) != 2 || last.ID != id || string(last.RequestBody) != long("q") {
		t.Errorf("%d entries; the last has %d bytes of a request", len(m.entries), len(last.RequestBody))
	}
}

// Where memory does not hold the pieces, they are read again.
func TestPiecesBeyondMemoryAreReadAgain(t *testing.T) {
	l, dir := kept(t, ledger.BodyConfig{Clear: true})
	keep(t, l, "other", "q", "a")
	id := keep(t, l, "one", long("q"), long("a"))
	j := newJoiner("log", true)
	j.bytes = maxPieces // taken by others
	var got whole
	err := ledger.ReadItems(dir, 0, func(it ledger.Item) error {
		if it.Piece != nil {
			j.piece(it.Index, it.Piece, time.Time{})
		} else if w, ok := j.record(it.Index, it.Record); ok {
			got = w
		}
		return nil
	})
	if err != nil || got.ID != id || !got.dropped || j.bytes != maxPieces {
		t.Fatalf("%v %+v %d", err, got.bodies.dropped, j.bytes-maxPieces)
	}
	if err := got.open(t.Context(), dir, "clear", l.OpenPieces); err != nil || string(got.ResponseBody) != long("a") || string(got.RequestBody) != long("q") {
		t.Errorf("%d bytes of %d: %v", len(got.ResponseBody), len(long("a")), err)
	}
}

// Forgetting takes the bodies out of the database and its file, and keeps the
// calls.
func TestForgettingReachesTheDatabase(t *testing.T) {
	who := auditor(t)
	l, dir := kept(t, ledger.BodyConfig{Auditors: []seal.Recipient{who.Recipient()}})
	file := filepath.Join(t.TempDir(), "calls.db")
	s := openSQLite(t, file)
	keep(t, l, "one", "CANARY-ONE-REQUEST", "CANARY-ONE-RESPONSE")
	keep(t, l, "two", "CANARY-TWO-REQUEST", "CANARY-TWO-RESPONSE")
	cfg := bodyConfig(l, dir, s, BodiesClear)
	deliver(t, cfg)
	if got := rows(t, file, Filter{Subject: []string{"one"}}, 0); len(got) != 1 || string(got[0].RequestBody) != "CANARY-ONE-REQUEST" {
		t.Fatalf("before: %+v", got)
	}
	if _, err := l.Forget(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	deliver(t, cfg)
	one, two := rows(t, file, Filter{Subject: []string{"one"}}, 0), rows(t, file, Filter{Subject: []string{"two"}}, 0)
	if len(one) != 1 || one[0].RequestBody != nil || one[0].ResponseBody != nil || one[0].Status != 200 {
		t.Errorf("after: %+v", one)
	}
	if len(two) != 1 || string(two[0].RequestBody) != "CANARY-TWO-REQUEST" {
		t.Errorf("another subject's: %+v", two)
	}
	for _, name := range []string{file, file + "-wal"} {
		data, err := os.ReadFile(name)
		if err == nil && bytes.Contains(data, []byte("CANARY-ONE")) {
			t.Errorf("%s still holds what was forgotten", filepath.Base(name))
		}
	}
	db, err := sql.Open("sqlite", uri(file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRow("SELECT count(*) FROM forgotten WHERE length(subject_key) = 32").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d tombstones: %v", n, err)
	}
}

// A sink that comes to a call after its subject was forgotten delivers the
// call without its bodies.
func TestForgottenBeforeItWasDelivered(t *testing.T) {
	who := auditor(t)
	l, dir := kept(t, ledger.BodyConfig{Auditors: []seal.Recipient{who.Recipient()}})
	keep(t, l, "one", "CANARY", "CANARY")
	if _, err := l.Forget(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	deliver(t, bodyConfig(l, dir, m, BodiesClear))
	if len(m.entries) != 2 || m.entries[0].Bodies != bodiesGone || m.entries[0].RequestBody != nil ||
		m.entries[1].Kind != KindForgotten || m.entries[1].SubjectKey != m.entries[0].SubjectKey || m.entries[0].SubjectKey == "" {
		t.Errorf("%+v", m.entries)
	}
	if err := (&whole{}).reread(t.Context(), t.TempDir()); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no log: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Each(ctx, dir, Filter{}, nil, func(*Entry) error { return nil }); err == nil {
		t.Error("read on although the context has ended")
	}
}

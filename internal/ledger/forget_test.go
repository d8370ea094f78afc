package ledger

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
)

// opens says whether an identity opens a call's request and answer.
func opens(t *testing.T, dir, id string, who *seal.Identity) (bool, error) {
	t.Helper()
	k, err := OpenCall(dir, id, who)
	if err != nil {
		t.Fatal(err)
	}
	if (k.Request.Err == nil) != (k.Response.Err == nil) {
		t.Fatalf("one opens, the other does not: %v, %v", k.Request.Err, k.Response.Err)
	}
	return k.Request.Err == nil, k.Request.Err
}

// After forget nothing opens what the subject said, with a writer at work and
// without; others keep theirs, later calls are kept again, and the log is
// whole.
func TestForgetSubject(t *testing.T) {
	for name, live := range map[string]bool{"beside a writer": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, who := t.TempDir(), newIdentity(t)
			bodies := BodyConfig{ReadBack: time.Hour}
			l := sealedTo(t, dir, bodies, who)
			gone := record(t, l, full("gone"), []byte("question"), []byte("answer"), 6)
			stays := record(t, l, full("stays"), []byte("question"), []byte("answer"), 6)
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if !live {
				mustCloseLedger(t, l)
			}
			if n, err := ForgetSubject(t.Context(), dir, "gone"); n != 1 || err != nil {
				t.Fatalf("%d keys, %v", n, err)
			}
			if live {
				p := l.pseudonym("gone")
				if l.ring.keys[p] != nil {
					t.Error("the writer holds the key")
				}
				if _, err := l.OpenBody(gone, Request); fault.KindOf(err) != fault.NotFound {
					t.Errorf("the writer opens it: %v", err)
				}
			} else {
				l = sealedTo(t, dir, bodies, who)
				if _, err := l.OpenBody(stays, Request); err != nil {
					t.Errorf("the way back of others is closed: %v", err)
				}
			}
			if ok, err := opens(t, dir, gone, &who); ok || fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "forgotten on") {
				t.Errorf("forgotten, and: %v", err)
			}
			if ok, err := opens(t, dir, stays, &who); !ok {
				t.Error(err)
			}
			later := record(t, l, full("gone"), []byte("question"), []byte("answer"), 6)
			if ok, err := opens(t, dir, later, &who); !ok {
				t.Error(err)
			}
			if n, err := ForgetSubject(t.Context(), dir, "gone"); n != 1 || err != nil {
				t.Errorf("again: %d keys, %v", n, err)
			}
			if n, err := ForgetSubject(t.Context(), dir, "gone"); n != 0 || err != nil {
				t.Errorf("a third time: %d keys, %v", n, err)
			}
			if _, err := ForgetSubject(t.Context(), dir, "nobody"); fault.KindOf(err) != fault.NotFound {
				t.Errorf("a stranger: %v", err)
			}
			if r := soundLedger(t, dir); r.Calls != 3 || len(r.NoOutcome) != 0 {
				t.Errorf("%d calls, %v", r.Calls, r.NoOutcome)
			}
			// The copy was made before: it shows that the test can fail.
			if ok, err := opens(t, copied, gone, &who); !ok {
				t.Error(err)
			}
		})
	}
}

func mustCloseLedger(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// An answer that is under way when its subject is forgotten goes with the key
// it began with; the request before it too.
func TestForgetDuringAnAnswer(t *testing.T) {
	dir, who := t.TempDir(), newIdentity(t)
	l := sealedTo(t, dir, BodyConfig{}, who)
	id, call := l.NewID(), full("gone")
	w := l.Body(id, Request, call)
	_, _ = w.Write([]byte("question"))
	call.Request = w.End()
	if err := l.Intent(t.Context(), id, call); err != nil {
		t.Fatal(err)
	}
	a := l.Body(id, Response, call)
	_, _ = a.Write(random(pieceSize + 1))
	if n, err := l.Forget(t.Context(), "gone"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	_, _ = a.Write(random(pieceSize + 1))
	if err := l.Outcome(t.Context(), id, Result{Status: 200, Response: a.End()}); err != nil {
		t.Fatal(err)
	}
	if ok, err := opens(t, dir, id, &who); ok || fault.KindOf(err) != fault.NotFound {
		t.Errorf("it opens: %v", err)
	}
	soundLedger(t, dir)
}

// Where the writer does not take the request in time, that is said, and the
// request is done at the next start.
func TestForgetWaits(t *testing.T) {
	dir, who := t.TempDir(), newIdentity(t)
	l, err := Open(Config{Directory: dir, Bodies: BodyConfig{Auditors: []seal.Recipient{who.Recipient()}}, CheckpointEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	id := record(t, l, full("gone"), []byte("question"), []byte("answer"), 6)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ForgetSubject(ctx, dir, "gone"); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "not done yet") {
		t.Errorf("a writer that does not look: %v", err)
	}
	if ok, err := opens(t, dir, id, &who); !ok {
		t.Errorf("said to be not done, and: %v", err)
	}
	mustCloseLedger(t, l)
	l = sealedTo(t, dir, BodyConfig{}, who)
	if ok, _ := opens(t, dir, id, &who); ok {
		t.Error("the next start left it undone")
	}
	if _, err := os.Stat(join(dir, forgetPrefix+l.pseudonym("gone").String())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the request is still there: %v", err)
	}
}

// A key that is lost is told from one that was destroyed.
func TestLostKey(t *testing.T) {
	dir, who := t.TempDir(), newIdentity(t)
	l := sealedTo(t, dir, BodyConfig{}, who)
	id := record(t, l, full("somebody"), []byte("question"), []byte("answer"), 6)
	keys := subjectDir(dir, l.pseudonym("somebody"))
	files, err := os.ReadDir(keys)
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	path := filepath.Join(keys, files[0].Name())
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := opens(t, dir, id, &who); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "cannot be used") {
		t.Errorf("a damaged key file: %v", err)
	}
	if err := os.WriteFile(path, withCRC(bytes.Clone(data[:len(data)-trailer])), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := opens(t, dir, id, &who); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "does not open") {
		t.Errorf("a wrap that was altered: %v", err)
	}
	// Two auditors must not be given different keys for one body.
	f, err := parseKeyFile(withCRC(bytes.Clone(data[:len(data)-trailer])))
	if err != nil {
		t.Fatal(err)
	}
	another, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if f.wraps, err = another.Wrap(f.head(), who.Recipient()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f.encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := opens(t, dir, id, &who); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "does not open") {
		t.Errorf("another key under this key's name: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := opens(t, dir, id, &who); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a lost key file: %v", err)
	}
	if _, err := opens(t, dir, id, nil); fault.KindOf(err) != fault.Denied {
		t.Errorf("no identity: %v", err)
	}
}

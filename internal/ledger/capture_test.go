package ledger

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
)

func newIdentity(t testing.TB) seal.Identity {
	t.Helper()
	i, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// sealedTo is a ledger whose bodies are sealed to identities.
func sealedTo(t testing.TB, dir string, c BodyConfig, to ...seal.Identity) *Ledger {
	t.Helper()
	for _, i := range to {
		c.Auditors = append(c.Auditors, i.Recipient())
	}
	l, err := Open(Config{Directory: dir, Bodies: c, CheckpointEvery: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// record records a call whose answer comes in pieces of so many bytes.
func record(t testing.TB, l *Ledger, call Call, request, response []byte, pieces int) string {
	t.Helper()
	id := l.NewID()
	w := l.Body(id, Request, call)
	_, _ = w.Write(request)
	call.Request = w.End()
	if err := l.Intent(t.Context(), id, call); err != nil {
		t.Fatal(err)
	}
	a := l.Body(id, Response, call)
	for len(response) > 0 {
		n := min(pieces, len(response))
		if _, err := a.Write(response[:n]); err != nil {
			t.Fatal(err)
		}
		response = response[n:]
	}
	if err := l.Outcome(t.Context(), id, Result{Status: 200, Response: a.End()}); err != nil {
		t.Fatal(err)
	}
	return id
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(b)
	return b
}

func soundLedger(t *testing.T, dir string) Report {
	t.Helper()
	r, err := Verify(dir)
	if err != nil || !r.OK() {
		t.Fatalf("verify: %v, %v", r.Problems, err)
	}
	return r
}

func full(subject string) Call {
	return Call{Subject: subject, Capture: Full, Operation: "chat/completions"}
}

// What was kept is read back to the byte, of any size, by each auditor, and of
// calls that ran at once.
func TestKeptBodiesReadBack(t *testing.T) {
	one, two, other := newIdentity(t), newIdentity(t), newIdentity(t)
	for name, clear := range map[string]bool{"sealed": false, "clear": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var l *Ledger
			if clear {
				l = sealedTo(t, dir, BodyConfig{Clear: true})
			} else {
				l = sealedTo(t, dir, BodyConfig{}, one, two)
			}
			sizes := []int{0, 1, 1000, pieceSize - 1, pieceSize, 2*pieceSize + 7}
			ids := make([]string, len(sizes))
			done := make(chan int)
			for i, n := range sizes {
				go func() {
					ids[i] = record(t, l, full("somebody"), random(n), random(n+1), 30_000)
					done <- i
				}()
			}
			for range sizes {
				<-done
			}
			for i, n := range sizes {
				for _, who := range []*seal.Identity{&one, &two} {
					k, err := OpenCall(dir, ids[i], who)
					if err != nil || k.Request.Err != nil || k.Response.Err != nil {
						t.Fatal(n, err, k.Request.Err, k.Response.Err)
					}
					if !bytes.Equal(k.Request.Content, random(n)) || !bytes.Equal(k.Response.Content, random(n+1)) {
						t.Errorf("%d bytes: read back differently", n)
					}
					if !k.Request.Checked || !k.Response.Checked || k.Response.Partial {
						t.Errorf("%d bytes: not checked", n)
					}
				}
				for part, want := range map[Part][]byte{Request: random(n), Response: random(n + 1)} {
					if got, err := l.OpenBody(ids[i], part); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%d bytes, the process's own %s: %v", n, part, err)
					}
				}
				k, err := OpenCall(dir, ids[i], &other)
				if wrong := fault.KindOf(k.Response.Err); err != nil || !clear && wrong != fault.Denied || clear && k.Response.Err != nil {
					t.Errorf("a stranger's identity: %v, %v", err, k.Response.Err)
				}
			}
			if r := soundLedger(t, dir); r.Pieces < 2*len(sizes) || r.Calls != len(sizes) {
				t.Errorf("%d pieces of %d calls", r.Pieces, r.Calls)
			}
		})
	}
}

// A large body is kept whole, in pieces: of 64 MiB under OSTIARY_TORTURE.
func TestLargestBody(t *testing.T) {
	size := 4 << 20
	if os.Getenv("OSTIARY_TORTURE") != "" {
		size = 64 << 20
	}
	dir, i := t.TempDir(), newIdentity(t)
	l := sealedTo(t, dir, BodyConfig{}, i)
	body := bytes.Repeat(random(1<<20+1), 64)[:size]
	id := record(t, l, full("somebody"), body, body[:1<<20], 32<<10)
	k, err := OpenCall(dir, id, &i)
	if err != nil || !k.Request.Checked || !bytes.Equal(k.Request.Content, body) || k.Call.Request.Pieces != size/pieceSize {
		t.Fatal(err, k.Request.Err, k.Call.Request)
	}
}

// Without capture nothing is kept, and with none nothing names the caller.
func TestCaptureLess(t *testing.T) {
	dir, i := t.TempDir(), newIdentity(t)
	l := sealedTo(t, dir, BodyConfig{}, i)
	whole := Call{
		Issuer: "canary", Tenant: "canary", Subject: "canary", Name: "canary", App: "canary", Member: "canary",
		Client: "canary", Correlation: "canary", Workload: "plain",
	}
	for capture, committed := range map[Capture]bool{"": true, Metadata: true, None: false} {
		call := whole
		call.Capture = capture
		id := record(t, l, call, []byte("question"), []byte("answer"), 3)
		k, err := OpenCall(dir, id, &i)
		if err != nil || fault.KindOf(k.Request.Err) != fault.NotFound || fault.KindOf(k.Response.Err) != fault.NotFound {
			t.Errorf("%s: %v, %v, %v", capture, err, k.Request.Err, k.Response.Err)
		}
		if k.Call.Request.Bytes != 8 || (k.Call.Request.Commitment != "") != committed || (k.Result.Response.Commitment != "") != committed {
			t.Errorf("%s: %+v", capture, k.Call.Request)
		}
		if named := *k.Call != (Call{Capture: capture, Workload: "plain", Request: k.Call.Request}); named == (capture == None) {
			t.Errorf("%s: %+v", capture, k.Call)
		}
	}
	if r := soundLedger(t, dir); r.Pieces != 0 {
		t.Errorf("%d pieces", r.Pieces)
	}
	if _, err := os.Stat(filepath.Join(dir, keysName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("keys were made: %v", err)
	}
}

// A call whose bodies should be kept, and cannot, is not recorded.
func TestCaptureFailsClosed(t *testing.T) {
	l := sealedTo(t, t.TempDir(), BodyConfig{})
	id := l.NewID()
	w := l.Body(id, Request, full("somebody"))
	if _, err := w.Write([]byte("question")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no auditor: %v", err)
	}
	call := full("somebody")
	call.Request = w.End()
	if err := l.Intent(t.Context(), id, call); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no auditor: %v", err)
	}
	call.Request = Body{Bytes: 3, Pieces: 1}
	if err := l.Intent(t.Context(), id, call); fault.KindOf(err) != fault.Internal {
		t.Errorf("a record of pieces that are not there: %v", err)
	}
	if l.Len() != 0 {
		t.Errorf("%d entries", l.Len())
	}
}

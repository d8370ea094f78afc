package witness

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// post sends a body to add-checkpoint.
func (r *rig) post(t *testing.T, body []byte) (status int, contentType, answer string) {
	t.Helper()
	resp, err := http.Post(r.web.URL+addPath, "", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(data)
}

// TestProtocol goes through the answers that C2SP's tlog-witness asks for.
func TestProtocol(t *testing.T) {
	b := newBook(t, 7)
	r := newRig(t, b)
	seven := b.checkpoint(t)
	status, _, line := r.post(t, addition{0, nil, seven}.encode())
	if status != 200 || !strings.HasPrefix(line, "— ostiary/witness/") || strings.Count(line, "\n") != 1 {
		t.Fatalf("first checkpoint: %d %q", status, line)
	}
	key, err := ParseKey(r.Key())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ledger.OpenCheckpoint(append(bytes.Clone(seven), line...), b.key, key); err != nil || len(c.Witnesses) != 1 || !Time(c.Witnesses[0]).Equal(noon) {
		t.Fatalf("the cosignature: %+v, %v", c, err)
	}
	b.grow(t, 6)
	thirteen, proof := b.checkpoint(t), b.proof(t, 7)
	forked := b.fork(t)
	stranger := newBook(t, 3)
	unsigned, _, _ := bytes.Cut(thirteen, []byte("— "))
	falsely := bytes.Replace(thirteen, []byte("\n13\n"), []byte("\n14\n"), 1)
	wrong := append(tlog.TreeProof{}, proof...)
	wrong[0][3] ^= 1
	for _, c := range []struct {
		name   string
		body   []byte
		status int
		says   string
	}{
		{"no request", []byte("hello"), 400, "not the body"},
		{"no note", addition{7, proof, []byte("hello")}.encode(), 404, ""},
		{"a note of no checkpoint", addition{7, proof, []byte(b.key.Name() + "\nhello\n")}.encode(), 400, "not a checkpoint"},
		{"too large", addition{7, proof, bytes.Repeat([]byte("x"), maxRequest)}.encode(), 400, "too large"},
		{"a log it does not watch", addition{0, nil, stranger.checkpoint(t)}.encode(), 404, "does not watch"},
		{"no signature", addition{7, proof, append(bytes.Clone(unsigned), "— x AAAAAAA=\n"...)}.encode(), 403, "not signed"},
		{"a false signature", addition{7, proof, falsely}.encode(), 403, "not signed"},
		{"old over new", addition{14, proof, thirteen}.encode(), 400, "over the checkpoint's"},
		{"old not the one it has", addition{6, proof, thirteen}.encode(), 409, "7\n"},
		{"from nothing", addition{0, nil, thirteen}.encode(), 409, "7\n"},
		{"a wrong proof", addition{7, wrong, thirteen}.encode(), 422, "does not extend"},
		{"no proof", addition{7, nil, thirteen}.encode(), 422, "does not extend"},
		{"another past", addition{7, forked.proof(t, 7), forked.checkpoint(t)}.encode(), 422, "does not extend"},
	} {
		status, contentType, answer := r.post(t, c.body)
		if status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s: %d %q, want %d", c.name, status, answer, c.status)
		}
		if status == 409 && (contentType != "text/x.tlog.size" || answer != c.says) {
			t.Errorf("%s: %q as %s", c.name, answer, contentType)
		}
	}
	if kept, err := os.ReadFile(filepath.Join(r.cfg.Directory, place(b.key), refusedName)); err != nil || !bytes.Equal(kept, forked.checkpoint(t)) {
		t.Errorf("the evidence of a fork is not kept: %v", err)
	}
	if status, _, answer := r.post(t, addition{7, proof, thirteen}.encode()); status != 200 {
		t.Errorf("the right one: %d %q", status, answer)
	}
	if status, _, answer := r.post(t, addition{13, nil, thirteen}.encode()); status != 200 {
		t.Errorf("the same again: %d %q", status, answer)
	}
	if status, _, answer := r.post(t, addition{7, proof, thirteen}.encode()); status != 409 || answer != "13\n" {
		t.Errorf("an old request replayed: %d %q", status, answer)
	}
	resp, err := http.Get(r.web.URL + addPath)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET add-checkpoint: %d", resp.StatusCode)
	}
}

// TestMonitoring reads back what was cosigned.
func TestMonitoring(t *testing.T) {
	b, other := newBook(t, 4), newBook(t, 1)
	r := newRig(t, b)
	c := r.client(t)
	if _, err := c.Latest(t.Context(), b.key); fault.KindOf(err) != fault.NotFound {
		t.Errorf("before the first: %v", err)
	}
	kept, err := c.Add(t.Context(), b.key, 0, nil, b.checkpoint(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Latest(t.Context(), b.key); err != nil || !bytes.Equal(got, kept) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.Latest(t.Context(), other.key); fault.KindOf(err) != fault.NotFound {
		t.Errorf("of another log: %v", err)
	}
}

// TestWitnessRemembers restarts a witness between requests.
func TestWitnessRemembers(t *testing.T) {
	b := newBook(t, 5)
	r := newRig(t, b)
	key := r.Key()
	if _, err := r.client(t).Add(t.Context(), b.key, 0, nil, b.checkpoint(t)); err != nil {
		t.Fatal(err)
	}
	forked := b.fork(t)
	r.stop()
	r.start(t)
	if r.Key() != key {
		t.Error("another key")
	}
	_, err := r.client(t).Add(t.Context(), b.key, 0, nil, forked.checkpoint(t))
	if size, ok := errors.AsType[*SizeError](err); !ok || size.Size != 5 {
		t.Errorf("after a restart: %v", err)
	}
	_, err = r.client(t).Add(t.Context(), b.key, 5, forked.proof(t, 5), forked.checkpoint(t))
	if fault.KindOf(err) != fault.Conflict {
		t.Errorf("a fork after a restart: %v", err)
	}
}

// TestNothingIsForgotten opens directories whose files are lost or foreign.
func TestNothingIsForgotten(t *testing.T) {
	b := newBook(t, 5)
	for _, c := range []struct {
		name  string
		spoil func(dir, state string) error
		kind  fault.Kind
	}{
		{"checkpoint edited", func(_, state string) error { return os.WriteFile(state, []byte("x"), 0o600) }, fault.Unavailable},
		{"checkpoint not cosigned", func(_, state string) error { return os.WriteFile(state, b.checkpoint(t), 0o600) }, fault.Unavailable},
		{"key lost", func(dir, _ string) error { return os.Remove(filepath.Join(dir, keyName)) }, fault.Conflict},
		{"key edited", func(dir, _ string) error { return os.WriteFile(filepath.Join(dir, keyName), []byte("x"), 0o600) }, fault.Invalid},
		{"another key", func(dir, _ string) error {
			return os.WriteFile(filepath.Join(dir, keyName), []byte(mustSigner(t, "x").encode().Reveal()+"\n"), 0o600)
		}, fault.Unavailable},
	} {
		r := newRig(t, b)
		if _, err := r.client(t).Add(t.Context(), b.key, 0, nil, b.checkpoint(t)); err != nil {
			t.Fatal(err)
		}
		r.stop()
		if err := c.spoil(r.cfg.Directory, filepath.Join(r.cfg.Directory, place(b.key), newestName)); err != nil {
			t.Fatal(err)
		}
		if _, err := New(r.cfg); fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	b := newBook(t, 1)
	r := newRig(t, b)
	if _, err := New(r.cfg); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "another process is the witness") {
		t.Errorf("a second witness in one directory: %v", err)
	}
	for name, c := range map[string]Config{
		"no directory": {Logs: []string{b.text(t)}},
		"no log":       {Directory: t.TempDir()},
		"no key":       {Directory: t.TempDir(), Logs: []string{"x"}},
		"a log twice":  {Directory: t.TempDir(), Logs: []string{b.text(t), b.text(t)}},
		"a bad name":   {Directory: t.TempDir(), Logs: []string{b.text(t)}, Name: "a b"},
	} {
		if _, err := New(c); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRacingRequests hands in two pasts at once, many times: only one may ever
// be cosigned, and no cosigned size may go back.
func TestRacingRequests(t *testing.T) {
	b := newBook(t, 5)
	forked := b.fork(t)
	for range 10 {
		r := newRig(t, b)
		c := r.client(t)
		results := make([]error, 8)
		var wg sync.WaitGroup
		for i := range results {
			from := []*book{b, forked}[i%2]
			msg := from.checkpoint(t)
			wg.Go(func() { _, results[i] = c.Add(t.Context(), b.key, 0, nil, msg) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			}
		}
		if won != 1 {
			t.Fatalf("%d of them were cosigned: %v", won, results)
		}
		r.stop()
	}
}

func TestWitnessMetrics(t *testing.T) {
	b := newBook(t, 5)
	reg := prometheus.NewRegistry()
	s, err := New(Config{Directory: t.TempDir(), Logs: []string{b.text(t)}, Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.handle(bytes.NewReader(addition{0, nil, b.checkpoint(t)}.encode())); err != nil {
		t.Fatal(err)
	}
	if got := testutil.ToFloat64(s.sizes.WithLabelValues(b.key.Name())); got != 5 {
		t.Errorf("entries %v", got)
	}
}

// FuzzRequest hands a witness anything; it must cosign nothing but the one
// checkpoint of the log.
func FuzzRequest(f *testing.F) {
	b := newBookF(f)
	s, err := New(Config{Directory: f.TempDir(), Logs: []string{b.public}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Add(addition{0, nil, b.note}.encode())
	f.Add(addition{1, tlog.TreeProof{{}}, b.note}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		line, err := s.handle(bytes.NewReader(data))
		if err != nil {
			if _, ok := errors.AsType[refusalError](err); !ok {
				t.Error(err)
			}
			return
		}
		a, _ := parseAddition(data)
		key, _ := ParseKey(s.Key())
		if c, err := ledger.OpenCheckpoint(append(bytes.Clone(a.note), line...), b.key, key); err != nil || c.Text != b.text {
			t.Errorf("%q was cosigned: %v", data, err)
		}
	})
}

// flat is a log's key and one checkpoint, without a log.
type flat struct {
	public, text string
	note         []byte
	key          note.Verifier
}

func newBookF(f *testing.F) flat {
	f.Helper()
	const name = "ostiary/log/00000000000000000000000000000000"
	private, public, err := note.GenerateKey(zeroes{}, name)
	if err != nil {
		f.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		f.Fatal(err)
	}
	b := flat{public: public, text: name + "\n1\n" + tlog.RecordHash([]byte("a")).String() + "\n"}
	if b.note, err = note.Sign(&note.Note{Text: b.text}, s); err != nil {
		f.Fatal(err)
	}
	if b.key, err = note.NewVerifier(public); err != nil {
		f.Fatal(err)
	}
	return b
}

// zeroes is randomness for a key that nobody uses.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

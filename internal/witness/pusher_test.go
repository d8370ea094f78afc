package witness

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// counted is a witness that counts, and fails while it is told to.
type counted struct {
	Witness
	fail  int
	calls []uint64 // old sizes handed in
	times []time.Time
}

func (c *counted) Add(ctx context.Context, log note.Verifier, old uint64, proof tlog.TreeProof, msg []byte) ([]byte, error) {
	c.calls, c.times = append(c.calls, old), append(c.times, time.Now())
	if c.fail > 0 {
		c.fail--
		return nil, fault.New(fault.Unavailable, "away")
	}
	return c.Witness.Add(ctx, log, old, proof, msg)
}

// tell gives a pusher what the log's writer told since the n-th.
func (b *book) tell(p *Pusher, n int) {
	for _, s := range b.told[n:] {
		p.Signed(s)
	}
}

func TestPusherFollowsALog(t *testing.T) {
	b := newBook(t, 5)
	r := newRig(t, b)
	w := &counted{Witness: r.client(t)}
	reg := prometheus.NewRegistry()
	p := NewPusher(PusherConfig{Directory: b.dir, Witness: w, Key: r.signer, Metrics: reg})
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.tell(p, 0)
	for i := range 4 {
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p.Witnessed() != uint64(b.n) || testutil.ToFloat64(p.size) != float64(b.n) {
			t.Fatalf("witnessed %d of %d", p.Witnessed(), b.n)
		}
		told := len(b.told)
		b.grow(t, i+1)
		b.tell(p, told)
	}
	kept, err := os.ReadFile(filepath.Join(b.dir, ledger.WitnessedFile(r.signer)))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ledger.OpenCheckpoint(kept, b.key, r.signer); err != nil || c.Size != p.Witnessed() || len(c.Witnesses) != 1 {
		t.Errorf("kept %+v, %v", c, err)
	}
	calls := len(w.calls)
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); err != nil || len(w.calls) != calls+1 {
		t.Errorf("pushed what the witness has: %v, %v", w.calls, err)
	}
	if got := testutil.ToFloat64(p.results.WithLabelValues("ok")); got != 5 {
		t.Errorf("%v pushes counted", got)
	}
	// A new start goes on from what is kept.
	again := NewPusher(PusherConfig{Directory: b.dir, Witness: w, Key: r.signer})
	told := len(b.told)
	b.grow(t, 3)
	b.tell(again, told)
	if err := again.Flush(t.Context()); err != nil || w.calls[len(w.calls)-1] != uint64(b.n-3) {
		t.Errorf("after a restart from %v: %v", w.calls, err)
	}
	// And without it, from what the witness says it has.
	if err := os.Remove(filepath.Join(b.dir, ledger.WitnessedFile(r.signer))); err != nil {
		t.Fatal(err)
	}
	third := NewPusher(PusherConfig{Directory: b.dir, Witness: w, Key: r.signer})
	told = len(b.told)
	b.grow(t, 3)
	b.tell(third, told)
	if err := third.Flush(t.Context()); err != nil || third.Witnessed() != uint64(b.n) {
		t.Errorf("without what was kept, from %v: %v", w.calls, err)
	}
	if report, err := ledger.VerifyLog(b.dir); err != nil || !report.OK() || report.Witnessed != uint64(b.n) {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestPusherCatchesUp has a witness that is away while the log grows: the
// proof is made of what was told, without reading the log.
func TestPusherCatchesUp(t *testing.T) {
	b := newBook(t, 5)
	r := newRig(t, b)
	w := &counted{Witness: r.client(t)}
	p := NewPusher(PusherConfig{Directory: b.dir, Witness: w, Key: r.signer})
	b.tell(p, 0)
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.fail = 3
	for i := range 3 {
		told := len(b.told)
		b.grow(t, 7+i)
		b.tell(p, told)
		if err := p.Flush(t.Context()); fault.KindOf(err) != fault.Unavailable {
			t.Fatal(err)
		}
	}
	segments, err := filepath.Glob(filepath.Join(b.dir, "*.seg"))
	if err != nil || len(segments) == 0 {
		t.Fatal(err)
	}
	for _, s := range segments {
		if err := os.Remove(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil || p.Witnessed() != uint64(b.n) {
		t.Errorf("witnessed %d of %d: %v", p.Witnessed(), b.n, err)
	}
}

// TestPusherWaits lets a witness be away for an hour: tries get fewer, and the
// newest checkpoint gets there in the end.
func TestPusherWaits(t *testing.T) {
	b := newBook(t, 5)
	d := newDirectory(t)
	synctest.Test(t, func(t *testing.T) {
		w := &counted{Witness: d, fail: 10}
		p := NewPusher(PusherConfig{Directory: b.dir, Witness: w, Every: 10 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		b.tell(p, 0)
		time.Sleep(time.Hour)
		if p.Witnessed() != 5 || len(w.times) != 11 {
			t.Errorf("witnessed %d after %d tries", p.Witnessed(), len(w.times))
		}
		for i := 1; i < len(w.times); i++ {
			if gap := w.times[i].Sub(w.times[i-1]); gap < 10*time.Second || gap > maxWait {
				t.Errorf("try %d came after %s", i, gap)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestRolledBackLogIsNoticed puts a whole log back, keys, checkpoint, what the
// witness cosigned and all, and lets it grow again: past the witness's size
// and not so far.
func TestRolledBackLogIsNoticed(t *testing.T) {
	for _, more := range []int{0, 2, 8, 30} {
		b := newBook(t, 5)
		r := newRig(t, b)
		target := Target{URL: r.web.URL, Key: r.Key()}
		if size, err := Push(t.Context(), b.dir, target, nil); err != nil || size != 5 {
			t.Fatal(size, err)
		}
		restore := b.snapshot(t)
		b.grow(t, 10)
		if size, err := Push(t.Context(), b.dir, target, nil); err != nil || size != 15 {
			t.Fatal(size, err)
		}
		restore()
		b.n += 1000 // other entries than before
		if more > 0 {
			b.grow(t, more)
		}
		var logged bytes.Buffer
		_, err := Push(t.Context(), b.dir, target, slog.New(slog.NewTextHandler(&logged, nil)))
		if fault.KindOf(err) != fault.Conflict || !strings.Contains(logged.String(), "level=ERROR") {
			t.Errorf("%d more: the witness says %v", more, err)
		}
		msg, err := r.client(t).Latest(t.Context(), b.key)
		if err != nil {
			t.Fatal(err)
		}
		if report, err := ledger.VerifyLog(b.dir); err != nil || !report.OK() {
			t.Fatalf("%d more: not a perfect rollback: %v", more, report.Problems)
		}
		report, err := ledger.VerifyLog(b.dir, ledger.Witnessed{From: r.web.URL, Note: msg})
		if err != nil || report.OK() || report.Witnessed != 15 {
			t.Errorf("%d more: %+v, %v", more, report, err)
		}
		for _, p := range report.Problems {
			if p.First != 5 && p.First != uint64(5+more) || p.Witness != r.web.URL {
				t.Errorf("%d more: %v", more, p)
			}
		}
	}
}

func TestTargetsRefused(t *testing.T) {
	key := mustSigner(t, "w").String()
	for _, c := range []struct {
		Target
		path string
	}{
		{Target{}, "url"},
		{Target{URL: "https://w.example", Key: key, Directory: "x"}, "url"},
		{Target{URL: "https://w.example"}, "key"},
		{Target{URL: "w.example", Key: key}, "url"},
		{Target{Directory: "x", Key: key}, "key"},
		{Target{Directory: "x", Every: -1}, "every"},
		{Target{Directory: "x"}, ""},
		{Target{URL: "https://w.example", Key: key}, ""},
	} {
		var paths []string
		c.Check(func(path, _, _ string) { paths = append(paths, path) })
		if strings.Join(paths, " ") != c.path {
			t.Errorf("%+v: %v", c.Target, paths)
		}
	}
	var paths []string
	s := Settings{Logs: []string{"x"}}
	s.Check(func(path, _, _ string) { paths = append(paths, path) })
	if len(paths) != 1 {
		t.Errorf("%v", paths)
	}
}

// TestPushersGoTogether takes one log to a server and to a directory.
func TestPushersGoTogether(t *testing.T) {
	b := newBook(t, 5)
	r := newRig(t, b)
	share := t.TempDir()
	targets := []Target{{URL: r.web.URL, Key: r.Key()}, {Directory: share}}
	reg := prometheus.NewRegistry()
	all, err := NewPushers(targets, b.dir, slog.New(slog.DiscardHandler), reg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- all.Run(ctx) }()
	for _, s := range b.told {
		all.Signed(s)
	}
	cancel()
	if err := errors.Join(<-done, all.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		if p.Witnessed() != 5 {
			t.Errorf("witness %d has %d entries", i, p.Witnessed())
		}
	}
	if n, err := testutil.GatherAndCount(reg, "ostiary_ledger_witnessed_entries"); n != 2 || err != nil {
		t.Errorf("%d gauges, %v", n, err)
	}
}

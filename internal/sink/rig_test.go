package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
)

// times is n in the short form, and many times that in the long one.
func times(n int) int {
	if os.Getenv("OSTIARY_TORTURE") != "" {
		return 50 * n
	}
	return n
}

// book is a log that a test writes, record by record.
type book struct {
	t   *testing.T
	dir string
	log *ledger.Log
	at  time.Time

	start uint64 // entries when it was opened
}

func newBook(t *testing.T) *book {
	b := &book{t: t, dir: t.TempDir(), at: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	b.open()
	t.Cleanup(func() { _ = b.log.Close() })
	return b
}

func (b *book) open() {
	b.t.Helper()
	log, err := ledger.OpenLog(ledger.LogConfig{Directory: b.dir})
	if err != nil {
		b.t.Fatal(err)
	}
	b.log, b.start = log, log.Len()
}

// restart is what a crash and a new start of the writer come to.
func (b *book) restart() {
	b.t.Helper()
	if err := b.log.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

func (b *book) source() Source {
	return Source{Directory: b.dir, Durable: b.log.Len, Start: b.start}
}

func (b *book) add(r ledger.Record) uint64 {
	b.t.Helper()
	r.Version = ledger.RecordVersion
	if r.Time.IsZero() {
		b.at = b.at.Add(time.Millisecond)
		r.Time = b.at
	}
	payload, err := json.Marshal(r)
	if err != nil {
		b.t.Fatal(err)
	}
	index, err := b.log.Append(b.t.Context(), payload)
	if err != nil {
		b.t.Fatal(err)
	}
	return index
}

func id(n int) string { return fmt.Sprintf("0195e000-0000-7000-8000-%012d", n) }

func (b *book) intent(n int) {
	b.add(ledger.Record{Kind: ledger.Intent, ID: id(n), Call: someCall(n, b.at)})
}

func (b *book) outcome(n int) {
	b.add(ledger.Record{Kind: ledger.Outcome, ID: id(n), Result: someResult(n, b.at)})
}

func (b *book) refusal(n int) {
	res := someResult(n, b.at)
	res.Status, res.Usage, res.Cost = 403, ledger.Usage{}, nil
	b.add(ledger.Record{Kind: ledger.Refusal, ID: id(n), Call: someCall(n, b.at), Result: res})
}

func someCall(n int, at time.Time) *ledger.Call {
	return &ledger.Call{
		Received: at, Subject: fmt.Sprintf("subject-%d", n%3), Name: "Sample Person One", App: "sample-app",
		Workload: []string{"research", "reports"}[n%2], Client: "192.0.2.7:5000", Operation: "chat/completions", APIVersion: "2024-10-21",
		Deployment: []string{"gpt-4o", "gpt-4o-mini", "o3"}[n%3], Stream: n%2 == 0, Backend: "model", Decision: "grant 0",
		Request: ledger.Body{Bytes: int64(100 + n), Commitment: "c"},
	}
}

func someResult(n int, at time.Time) *ledger.Result {
	return &ledger.Result{
		FirstByte: at.Add(time.Millisecond), End: at.Add(time.Duration(n%50) * time.Millisecond), Status: 200, Model: "gpt-4o-2024-11-20",
		FinishReasons: []string{"stop"}, ContentFilter: map[string]string{"prompt.hate": "safe"},
		Usage: ledger.Usage{Prompt: int64(n), Completion: 7, Total: int64(n) + 7}, Cost: &ledger.Cost{Micros: int64(10 * n), Currency: "EUR"},
		Response: ledger.Body{Bytes: 5},
	}
}

// memory is a Destination that fails as it is told.
type memory struct {
	mu      sync.Mutex
	entries []Entry
	cursor  Cursor
	fail    func() error
}

func (m *memory) Load(context.Context, string) (Cursor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Cursor{m.cursor.Next, m.cursor.From, slices.Clone(m.cursor.Open)}, nil
}

func (m *memory) Write(_ context.Context, _ string, entries []Entry, next Cursor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	m.entries = append(m.entries, entries...)
	m.cursor = next
	return nil
}

func (m *memory) Close() error { return nil }

func (m *memory) kinds() map[string][]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string][]string{}
	for _, e := range m.entries {
		all[e.ID] = append(all[e.ID], e.Kind)
	}
	return all
}

var errAway = errors.New("the sink is away")

// quick is a configuration that waits little.
func quick(b *book, to Destination) Config {
	return Config{
		Name: "test", Source: b.source(), Destination: to,
		BatchWait: 5 * time.Millisecond, Retry: time.Millisecond, Poll: 2 * time.Millisecond, Linger: 20 * time.Second,
	}
}

// deliver runs a shipper to the end of what is there.
func deliver(t *testing.T, cfg Config) *Shipper {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for s.lag() > 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return s
}

func wantKinds(t *testing.T, m *memory, want map[string][]string) {
	t.Helper()
	if got := m.kinds(); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("delivered %v, want %v", got, want)
	}
}

// copyDir copies a log's directory as it is.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

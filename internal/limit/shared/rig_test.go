package shared

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/limit/redistest"
)

// byHand is the script with a clock that a test sets.
func byHand(t testing.TB) string {
	t.Helper()
	const clock = "redis.call('TIME')[1]"
	if strings.Count(minuteScript, clock) != 1 {
		t.Fatal("the script looks at another clock")
	}
	return strings.Replace(minuteScript, clock, "redis.call('GET', 'clock')", 1)
}

// log is what was logged.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newStore opens one that does not run.
func newStore(t testing.TB, address string, change ...func(*Config)) *Store {
	t.Helper()
	cfg := Config{Settings: Settings{Redis: RedisSettings{Address: address}, Timeout: 5 * time.Second}}
	for _, f := range change {
		f(&cfg)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// run runs a store until the test ends.
func run(t testing.TB, s *Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// until waits for something to be so.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for range 10_000 {
		if so() {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// take takes, and fails the test where the server does not count.
func take(t testing.TB, l *Limiter, tokens int64) (func(int64), *limit.Refusal) {
	t.Helper()
	settle, no, err := l.Take(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return settle, no
}

func quiet(registry *prometheus.Registry, to *log) func(*Config) {
	return func(c *Config) {
		c.Metrics, c.Logger = registry, slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

func redisServer(t testing.TB, options ...string) *redistest.Server {
	return redistest.New(t, options...)
}

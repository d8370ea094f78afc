// Package portal is the two ends of a portal: the inlet, which takes
// connections in the consumer's network, and the outlet, which reaches the
// owner's service. Both dial out to relays; neither needs an open port towards
// the other company.
//
// It guarantees that an inlet speaks only to outlets that it names, and an
// outlet only to inlets that its allow list admits, each asked again on every
// stream and whenever the list changes; that only the inlet opens streams; and
// that a stream cut on the way is an error at the client, never a clean end. It
// does not guard the inlet's own port: whoever reaches that speaks as the
// member, so keep it on loopback or inside the network that may.
package portal

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// MemberProtocol is what an inlet and a gateway negotiate: HTTP/1.1, because
// the inlet passes its client's bytes through and reads none of them.
const MemberProtocol = "http/1.1"

// backoff waits ever longer between failures, with full jitter, so that a
// relay that comes back is not met by everybody at once.
type backoff struct {
	next  time.Duration
	tries int
}

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 15 * time.Second
)

func newBackoff() *backoff { return &backoff{next: firstRetry} }

func (b *backoff) reset() { *b = backoff{next: firstRetry} }

// level makes the first failures news and those that go on a warning: parts
// that start together miss one another once or twice.
func (b *backoff) level() slog.Level {
	if b.tries < 3 {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

func (b *backoff) sleep(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(b.next) + firstRetry/10):
	}
	b.next = min(2*b.next, lastRetry)
	b.tries++
}

// finish waits for all, for a while; it reports whether they were done.
func finish(all *sync.WaitGroup, patience time.Duration) bool {
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(patience):
		return false
	}
}

func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

type metrics struct {
	sessions prometheus.Gauge
	streams  prometheus.Counter
	refused  prometheus.Counter
	bytes    *prometheus.CounterVec
}

func newMetrics(end string, reg prometheus.Registerer) metrics {
	m := metrics{
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ostiary_" + end + "_sessions", Help: "End-to-end sessions open right now.",
		}),
		streams: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ostiary_" + end + "_streams_total", Help: "Connections carried.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ostiary_" + end + "_refused_total", Help: "Connections or sessions refused.",
		}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_" + end + "_bytes_total", Help: "Bytes of ended connections, by direction.",
		}, []string{"direction"}),
	}
	if reg != nil {
		reg.MustRegister(m.sessions, m.streams, m.refused, m.bytes)
	}
	return m
}

func (m *metrics) count(forth, back int64) {
	m.bytes.WithLabelValues("to_owner").Add(float64(forth))
	m.bytes.WithLabelValues("to_consumer").Add(float64(back))
}

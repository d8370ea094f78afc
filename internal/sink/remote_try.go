package sink

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/fault"
)

// until tries, with connections made anew, until it works, or the remote has
// taken nothing for the timeout, or what fails is for good.
func (r *Remote) until(op func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	limit := time.AfterFunc(r.cfg.timeout, func() { cancel(errNoAnswer) })
	defer limit.Stop()
	select {
	case r.turn <- struct{}{}:
		r.limit = limit
		defer func() { r.limit = nil; <-r.turn }()
	case <-ctx.Done():
		return r.away(errNoAnswer)
	}
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := r.attempt(ctx, op)
		if err == nil || isFault(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return r.away(err)
		case <-time.After(pause):
		}
	}
}

var errNoAnswer = errors.New("it did not answer in time")

// attempt is one try; after one that failed the store is connected anew.
func (r *Remote) attempt(ctx context.Context, op func(ctx context.Context) error) error {
	err := op(ctx)
	if err == nil {
		r.told = false
		return nil
	}
	if !r.told && !isFault(err) {
		r.told = true
		r.cfg.log.Warn("the ledger's remote failed; trying again", "directory", r.cfg.dir, "error", err)
	}
	r.cfg.metrics.failures.Inc()
	r.live = false
	r.store.close()
	return err
}

func isFault(err error) bool {
	_, ok := errors.AsType[*fault.Error](err)
	return ok
}

func (r *Remote) away(err error) error {
	return fault.New(fault.Unavailable, "the ledger's remote has taken nothing for "+r.cfg.timeout.String()).At(r.cfg.dir).
		Fix("see that it can be reached and written to; what was sent and not acknowledged may be there").Because(err)
}

type remoteMetrics struct {
	failures prometheus.Counter
	seconds  prometheus.Histogram
}

func newRemoteMetrics(reg prometheus.Registerer) (*remoteMetrics, error) {
	m := &remoteMetrics{
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ostiary_ledger_remote_failures_total", Help: "Attempts to write to the ledger's remote that failed.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ostiary_ledger_remote_commit_seconds", Help: "How long a commit waited for the ledger's remote.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 17), // to 33 s
		}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(reg.Register(m.failures), reg.Register(m.seconds))
}

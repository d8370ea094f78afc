package sink

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// Source is the log that is followed, by a process that is its writer.
type Source struct {
	Directory string // required

	// Durable is how many entries of the log are durable: Ledger.Len, or of a
	// relaxed log what its last checkpoint covers. Required: nothing else is
	// delivered.
	Durable func() uint64

	// Start is how many entries the log had when it was opened. A call that began
	// before and has no outcome will never have one. Zero means not known.
	Start uint64

	// Bodies opens the bodies that the log keeps. Needed for BodiesClear only.
	Bodies Bodies
}

// Config makes a Shipper.
type Config struct {
	Name        string // required; for logs and metrics
	Source      Source
	Destination Destination // required
	Bodies      BodyMode    // empty means none

	BatchEntries int           // entries written together at most; 0 means 500
	BatchBytes   int64         // bytes of their bodies from which a batch is written; 0 means 4 MiB
	BatchWait    time.Duration // how long an entry waits for others; 0 means 1 s
	NoOutcome    time.Duration // how long, by the log's times, an intent waits for its outcome; 0 means 6 h
	Retry        time.Duration // first pause after a failure, doubled up to 30 s; 0 means 250 ms
	Linger       time.Duration // how long Run goes on after its end, to deliver what is there; 0 means 5 s
	Poll         time.Duration // how often the log is looked at; 0 means 200 ms

	Logger  *slog.Logger          // nil means none
	Metrics prometheus.Registerer // nil means none
}

const maxPause = 30 * time.Second // between attempts

// Shipper carries one log to one destination.
type Shipper struct {
	cfg     Config
	log     string // id
	had     uint64 // entries of the log when the Shipper was made
	metrics *metrics

	join   *joiner
	skip   Cursor           // what the destination had when Run began; Open shrinks as it is read again
	next   uint64           // first entry that has not been read
	newest time.Time        // latest time of a record
	batch  []Entry          // not yet acknowledged
	bytes  int64            // of the batch
	due    <-chan time.Time // when what has been read is written; nil: nothing has

	acked  atomic.Uint64 // Cursor.Next of the last batch that was acknowledged
	needs  atomic.Uint64 // lowest entry still needed
	oldest atomic.Int64  // time of the oldest record read and not acknowledged, in Unix nanoseconds; 0: none
}

// New checks the configuration, which must name a log that is there. Make it
// before anything is appended: it notes how much the log has. Errors are
// faults.
func New(cfg Config) (*Shipper, error) {
	if cfg.Name == "" || cfg.Destination == nil || cfg.Source.Directory == "" || cfg.Source.Durable == nil {
		return nil, fault.New(fault.Invalid, "a sink lacks its name, log or destination")
	}
	setDefault(&cfg.BatchEntries, 500)
	setDefault(&cfg.BatchBytes, 4<<20)
	setDefault(&cfg.BatchWait, time.Second)
	setDefault(&cfg.NoOutcome, 6*time.Hour)
	setDefault(&cfg.Retry, 250*time.Millisecond)
	setDefault(&cfg.Linger, 5*time.Second)
	setDefault(&cfg.Poll, 200*time.Millisecond)
	setDefault(&cfg.Bodies, BodiesNone)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Logger = cfg.Logger.With("sink", cfg.Name)
	if cfg.Bodies == BodiesClear && cfg.Source.Bodies == nil {
		return nil, fault.New(fault.Invalid, "a sink is to have bodies, and nobody opens them")
	}
	id, err := ledger.ID(cfg.Source.Directory)
	if err != nil {
		return nil, err
	}
	s := &Shipper{cfg: cfg, log: id, had: cfg.Source.Durable(), join: newJoiner(id, cfg.Bodies != BodiesNone)}
	s.metrics, err = newMetrics(s)
	return s, err
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Needs is the lowest entry of the log that is still to be delivered: entries
// from there on must not be pruned. It is 0 until Run has read the cursor.
func (s *Shipper) Needs() uint64 { return s.needs.Load() }

// Run delivers until ctx ends, and then for up to Config.Linger what is there
// already. It returns nil: whatever fails is logged, counted and tried again
// for ever, so that a sink never stops the service that it runs in.
func (s *Shipper) Run(ctx context.Context) error {
	work, stop := s.lingering(ctx)
	defer stop()
	if !s.begin(work) {
		return nil
	}
	items := make(chan ledger.Item, 64)
	go s.follow(work, items)
	var quiet <-chan time.Time // set once ctx has ended
	for done := ctx.Done(); ; {
		select {
		case it := <-items:
			s.take(work, it)
			if quiet != nil {
				quiet = time.After(2 * s.cfg.Poll)
			}
		case <-s.due:
			s.flush(work)
		case <-done:
			done, quiet = nil, time.After(2*s.cfg.Poll)
		case <-quiet:
			s.flush(work)
			return nil
		case <-work.Done():
			return nil
		}
	}
}

// lingering is a context that ends some time after ctx.
func (s *Shipper) lingering(ctx context.Context) (context.Context, func()) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(s.cfg.Linger):
			cancel()
		case <-work.Done():
		}
	})
	return work, func() { stop(); cancel() }
}

// begin reads the cursor, however often that takes.
func (s *Shipper) begin(ctx context.Context) bool {
	if !s.persist(ctx, "the sink does not say how far it has the log", func() (err error) {
		s.skip, err = s.cfg.Destination.Load(ctx, s.log)
		return err
	}) {
		return false
	}
	if s.skip.Next > s.had && !s.putBack(ctx) {
		return false
	}
	s.next = s.skip.Next
	s.acked.Store(s.skip.Next)
	s.needs.Store(s.skip.From)
	return true
}

// putBack moves the cursor back to the end of a log that has less than the
// sink: what is new in it gets indices that the sink has seen.
func (s *Shipper) putBack(ctx context.Context) bool {
	s.cfg.Logger.Error("the sink has more of the log than there was when it was opened: the log was put back to an earlier state",
		"delivered", s.skip.Next, "log", s.had)
	s.skip.Next, s.skip.From = s.had, min(s.skip.From, s.had)
	s.skip.Open = slices.DeleteFunc(s.skip.Open, func(i uint64) bool { return i >= s.had })
	return s.persist(ctx, "the sink's cursor cannot be moved back", func() error {
		return s.cfg.Destination.Write(ctx, s.log, nil, s.skip)
	})
}

// persist tries until it works or ctx ends.
func (s *Shipper) persist(ctx context.Context, what string, try func() error) bool {
	for pause := s.cfg.Retry; ctx.Err() == nil; pause = min(2*pause, maxPause) {
		err := try()
		if err == nil {
			if pause > s.cfg.Retry {
				s.cfg.Logger.Info("the sink works again")
			}
			return true
		}
		if ctx.Err() != nil {
			break
		}
		s.metrics.failures.Inc()
		s.cfg.Logger.Warn(what+"; the log keeps what is to be delivered", "error", err, "next_attempt", pause)
		select {
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		case <-ctx.Done():
		}
	}
	return false
}

package witness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// PusherConfig says which log's checkpoints go to which witness.
type PusherConfig struct {
	Directory string        // of the log; required
	Witness   Witness       // required
	Key       note.Verifier // of the witness; nil for one that does not cosign, and then nothing is kept beside the log
	Every     time.Duration // at most one push in this time; zero means 10 s

	Logger  *slog.Logger          // nil means none
	Metrics prometheus.Registerer // nil means none
}

// maxWait bounds the time between tries while a witness does not answer.
const maxWait = 5 * time.Minute

// Pusher takes a log's checkpoints to one witness as they are signed. It
// stands in nobody's way: a witness that is away or refuses shows in the log,
// the metrics and Witnessed, and calls go on. It holds a few hundred hashes at
// most, however far the witness is behind.
type Pusher struct {
	cfg  PusherConfig
	log  *slog.Logger
	wake chan struct{}

	mu     sync.Mutex
	latest ledger.SignedTree
	since  ledger.Growth // up to latest, from where the last push took over

	pushing   sync.Mutex    // guards what follows
	base      ledger.Growth // the tree that the witness has
	kept      bool          // base is as a checkpoint kept beside the log says, or later
	witnessed atomic.Uint64

	results *prometheus.CounterVec
	size    prometheus.Gauge
}

// NewPusher makes a pusher. Its Signed is for the log's configuration; run Run
// beside the log, and call Flush once the log is closed.
func NewPusher(cfg PusherConfig) *Pusher {
	if cfg.Every <= 0 {
		cfg.Every = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Pusher{
		cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ostiary_ledger_witness_pushes_total", Help: "Checkpoints taken to the witness, by result: ok, failed, refused.",
		}, []string{"result"}),
		size: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ostiary_ledger_witnessed_entries", Help: "Entries that the newest witnessed checkpoint covers.",
		}),
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(p.results, p.size)
	}
	return p
}

// Signed takes note of a checkpoint. It never waits for the witness.
func (p *Pusher) Signed(s ledger.SignedTree) {
	p.mu.Lock()
	if s.Growth.From == p.since.To {
		p.since = p.since.Join(s.Growth)
	} else {
		p.since = s.Growth
	}
	p.latest = s
	p.mu.Unlock()
	p.again()
}

func (p *Pusher) again() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Witnessed is how many entries the witness's newest checkpoint covers, as far
// as this pusher knows.
func (p *Pusher) Witnessed() uint64 { return p.witnessed.Load() }

// Run pushes until ctx ends.
func (p *Pusher) Run(ctx context.Context) error {
	wait := p.cfg.Every
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		if err := p.Flush(ctx); err != nil && ctx.Err() == nil {
			wait = min(2*wait, max(maxWait, p.cfg.Every))
			p.again()
		} else {
			wait = p.cfg.Every
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Flush takes the latest checkpoint to the witness now, if the witness does
// not have it.
func (p *Pusher) Flush(ctx context.Context) error {
	p.pushing.Lock()
	defer p.pushing.Unlock()
	err := p.push(ctx)
	var result string
	switch {
	case err == nil || errors.Is(ctx.Err(), context.Canceled):
		return err
	case fault.KindOf(err) == fault.Conflict:
		result = "refused"
		p.log.Error("the witness does not accept the log", "log", p.cfg.Directory, "error", err)
	default:
		result = "failed"
		p.log.Warn("the witness has not got the log's checkpoint; calls go on", "log", p.cfg.Directory, "witnessed", p.Witnessed(), "error", err)
	}
	p.results.WithLabelValues(result).Inc()
	return err
}

func (p *Pusher) push(ctx context.Context) error {
	latest, sent := p.take()
	if latest.Size == 0 || p.kept && latest.Size == p.base.To {
		return nil
	}
	err := p.add(ctx, latest, sent)
	if err != nil {
		p.giveBack(sent)
		return err
	}
	p.results.WithLabelValues("ok").Inc()
	p.kept = true
	p.witnessed.Store(latest.Size)
	p.size.Set(float64(latest.Size))
	return nil
}

// take is what there is to push. What comes from now on is gathered apart.
func (p *Pusher) take() (ledger.SignedTree, ledger.Growth) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.since
	p.since = ledger.Growth{From: sent.To, To: sent.To}
	return p.latest, sent
}

func (p *Pusher) giveBack(sent ledger.Growth) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.From == sent.To {
		p.since = sent.Join(p.since)
	}
}

// add hands in a checkpoint, from the size that the witness is thought to
// have; and once more from the size that it says it has.
func (p *Pusher) add(ctx context.Context, latest ledger.SignedTree, sent ledger.Growth) error {
	log, err := ledger.Verifier(p.cfg.Directory)
	if err != nil {
		return err
	}
	old := p.base.To
	if !p.kept {
		old = p.keptSize(log)
	}
	err = p.addFrom(ctx, log, old, latest, sent)
	if other, ok := errors.AsType[*SizeError](err); ok {
		if other.Size > latest.Size {
			return fault.New(fault.Conflict, fmt.Sprintf("the witness has seen %d entries, and the log has signed %d: the log was cut off or put back", other.Size, latest.Size)).
				At(p.cfg.Directory).Fix("see what ledger verify --witness says, and keep every file")
		}
		err = p.addFrom(ctx, log, other.Size, latest, sent)
	}
	return err
}

func (p *Pusher) addFrom(ctx context.Context, log note.Verifier, old uint64, latest ledger.SignedTree, sent ledger.Growth) error {
	before, since := p.base, sent
	if before.To != old || since.From != old || since.To != latest.Size {
		var err error
		if before, since, err = ledger.Grow(ctx, p.cfg.Directory, min(old, latest.Size), latest.Size); err != nil {
			return err
		}
	}
	proof, err := ledger.Consistency(before, since)
	if err != nil {
		return err
	}
	msg, err := p.cfg.Witness.Add(ctx, log, before.To, proof, latest.Note)
	if err != nil {
		return err
	}
	p.base = before.Join(since)
	if p.cfg.Key == nil {
		return nil
	}
	path := filepath.Join(p.cfg.Directory, ledger.WitnessedFile(p.cfg.Key))
	if err := writeDurable(path, msg, 0o600); err != nil {
		return unavailable("cannot keep the cosigned checkpoint", path, err)
	}
	return nil
}

// keptSize is what the checkpoint kept beside the log covers, 0 without one.
func (p *Pusher) keptSize(log note.Verifier) uint64 {
	if p.cfg.Key == nil {
		return 0
	}
	msg, err := readSmall(filepath.Join(p.cfg.Directory, ledger.WitnessedFile(p.cfg.Key)), ledger.MaxCheckpoint)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			p.log.Warn("the cosigned checkpoint beside the log cannot be read", "log", p.cfg.Directory, "error", err)
		}
		return 0
	}
	c, err := ledger.OpenCheckpoint(msg, log, p.cfg.Key)
	if err != nil || len(c.Witnesses) == 0 {
		return 0
	}
	return c.Size
}

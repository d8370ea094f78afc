package gateway

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/sink"
	"github.com/ostiary/ostiary/internal/witness"
)

// LedgerSettings is where calls are recorded, and how.
type LedgerSettings struct {
	Directory string               `yaml:"directory" config:"required" doc:"a directory of its own, on a disk that survives the process"`
	Relaxed   time.Duration        `yaml:"relaxed" doc:"records may be lost with the machine for this long, such as 1s; default strict: a record is on disk before its call goes on"`
	Remote    *sink.RemoteSettings `yaml:"remote" doc:"a store elsewhere whose acknowledgement counts, where the disk does not outlive its machine; default none"`
	Retention Retention            `yaml:"retention" doc:"when old records are pruned; default never"`

	Auditors []seal.Recipient   `yaml:"auditors" doc:"whom kept bodies are sealed to, as ledger identity create prints them"`
	Sealed   *bool              `yaml:"sealed" doc:"false keeps bodies in clear, of workloads whose capture is full; default true"`
	Epoch    time.Duration      `yaml:"epoch" doc:"how long one key seals a subject's bodies; default 24h"`
	ReadBack time.Duration      `yaml:"read_back" doc:"how long after its epoch the gateway itself can open a body, for sinks that get clear ones; default only what is in memory"`
	Redact   []ledger.Redaction `yaml:"redact" doc:"what is taken out of bodies before they are kept"`

	Witnesses []witness.Target `yaml:"witnesses" doc:"who else remembers the ledger's checkpoints; default nobody"`
	Sinks     []sink.Settings  `yaml:"sinks" doc:"where calls are delivered; default nowhere"`
}

// Retention says when records are pruned; hashes of them stay.
type Retention struct {
	Age  time.Duration `yaml:"age" doc:"for example 2160h; default for ever"`
	Size config.Size   `yaml:"size" doc:"of all segments; default any"`
}

// Check reports what the types cannot.
func (s *LedgerSettings) Check(report func(path, what, fix string)) {
	sink.CheckNames(s.Sinks, report)
	if s.clear() && len(s.Auditors) > 0 {
		report("sealed", "bodies are to be kept in clear, and there are auditors", "remove one of the two")
	}
	if s.Relaxed < 0 || s.Relaxed > time.Minute {
		report("relaxed", "out of range", "write a duration up to 1m")
	}
	if s.Relaxed > 0 && s.Remote != nil {
		report("relaxed", "a record is acknowledged by the remote, or relaxed; not both", "remove one of the two")
	}
	if s.Retention.Age < 0 || s.Retention.Size < 0 {
		report("retention", "negative", "write an age such as 2160h, a size such as 100GiB, or neither")
	}
	if s.Epoch != 0 && s.Epoch < time.Second || s.ReadBack < 0 {
		report("epoch", "epoch or read_back is out of range", "write durations such as 24h")
	}
}

func (s *LedgerSettings) clear() bool { return s.Sealed != nil && !*s.Sealed }

// checkCapture sees that whatever is to be kept can be, and that no sink waits
// for what is not.
func (s *LedgerSettings) checkCapture(workloads []policy.Workload, report func(path, what, fix string)) {
	full := false
	for _, w := range workloads {
		full = full || w.Capture == string(ledger.Full)
	}
	if full && len(s.Auditors) == 0 && !s.clear() {
		report("ledger.auditors", "a workload's bodies are to be kept, and nobody is named to seal them to",
			"run `ostiary ledger identity create` where the auditor sits and name what it prints, or write sealed: false")
	}
	if full && len(s.Auditors) > 0 && s.Remote != nil && !s.Remote.TakesKeys() {
		report("ledger.remote", "a topic cannot forget, so keys of sealed bodies cannot be kept there", "use postgres, or capture: metadata")
	}
	for _, k := range s.Sinks {
		if k.Bodies != "" && k.Bodies != sink.BodiesNone && !full {
			report("ledger.sinks", "a sink asks for bodies, and no workload's are kept", "set capture: full for a workload, or bodies: none for the sink")
		}
	}
}

// openBook is an open ledger and all that stands around it.
type openBook struct {
	*ledger.Ledger
	pushers witness.Pushers
	sinks   *sink.Set
	head    atomic.Pointer[signedHead]

	directory string
}

// open opens the ledger, its sinks and its witnesses.
func (s *LedgerSettings) open(logger *slog.Logger, metrics prometheus.Registerer) (*openBook, error) {
	pushers, err := witness.NewPushers(s.Witnesses, s.Directory, logger, metrics)
	if err != nil {
		return nil, err
	}
	committed, err := newCommits(metrics)
	if err != nil {
		return nil, err
	}
	b := &openBook{pushers: pushers, directory: s.Directory}
	var signed atomic.Uint64
	var needs atomic.Pointer[func() uint64] // nothing is pruned before the sinks say what they need
	cfg := ledger.Config{
		Directory: s.Directory, Relaxed: s.Relaxed,
		Retention: ledger.Retention{Age: s.Retention.Age, Size: int64(s.Retention.Size)},
		Bodies: ledger.BodyConfig{
			Auditors: s.Auditors, Clear: s.clear(), Epoch: s.Epoch, ReadBack: s.ReadBack, Redact: s.Redact,
		},
		Signed: func(tree ledger.SignedTree) {
			signed.Store(tree.Size)
			b.head.Store(&signedHead{tree.Size, tree.Note, time.Now()})
			pushers.Signed(tree)
		},
		Keep: func() uint64 {
			if f := needs.Load(); f != nil {
				return (*f)()
			}
			return 0
		},
		Committed: committed,
		Logger:    logger,
	}
	if s.Remote != nil {
		remote, err := sink.OpenRemote(*s.Remote, s.Directory, logger, metrics)
		if err != nil {
			return nil, err
		}
		remote.Configure(&cfg)
	}
	if b.Ledger, err = ledger.Open(cfg); err != nil {
		return nil, err
	}
	durable := b.Len
	if s.Relaxed > 0 {
		durable = signed.Load // sinks get nothing that the machine may still lose
	}
	b.sinks, err = sink.FromSettings(s.Sinks, sink.Source{Directory: s.Directory, Durable: durable, Start: b.Len(), Bodies: b.Ledger}, logger, metrics)
	if err != nil {
		_ = b.Ledger.Close()
		return nil, err
	}
	keep := b.sinks.Needs
	needs.Store(&keep)
	return b, nil
}

// run delivers to sinks and witnesses until ctx ends.
func (b *openBook) run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { return b.pushers.Run(ctx) })
	group.Go(func() error { return b.sinks.Run(ctx) })
	return group.Wait()
}

// flushTime bounds how long a closed ledger's last checkpoint is taken to its
// witnesses.
const flushTime = 5 * time.Second

func (b *openBook) close() error {
	err := b.Ledger.Close()
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	_ = b.pushers.Flush(ctx) // they say themselves what went wrong
	if closeErr := b.sinks.Close(); err == nil {
		err = closeErr
	}
	return err
}

package witness

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/pki"
)

// Settings is the section `witness` of a service that is one.
type Settings struct {
	Directory string   `yaml:"directory" config:"required" doc:"keeps the witness's key and what it cosigned; on a disk that the logs' keepers do not have"`
	Logs      []string `yaml:"logs" config:"required" doc:"public keys of the logs to watch, each the line of its checkpoint.pub"`
}

// Check reports what the types cannot.
func (s *Settings) Check(report func(path, what, fix string)) {
	for _, text := range s.Logs {
		if _, err := note.NewVerifier(strings.TrimSpace(text)); err != nil {
			report("logs", "not the public key of a log", "write the line of checkpoint.pub from the log's directory")
		}
	}
}

// Target is a witness that a log's checkpoints are taken to.
type Target struct {
	URL       string        `yaml:"url" doc:"address of a witness that speaks C2SP tlog-witness; or give directory"`
	Key       string        `yaml:"key" doc:"public key of the witness at url, the line of its witness.pub"`
	CA        string        `yaml:"ca" doc:"PEM file of the authorities to trust for url in place of the system's, for example a project's ca.pem"`
	Directory string        `yaml:"directory" doc:"in place of url: a directory elsewhere that gets dated copies of checkpoints"`
	Every     time.Duration `yaml:"every" doc:"at most one checkpoint in this time; default 10s, and 1m for a directory"`
}

// Check reports what the types cannot.
func (t *Target) Check(report func(path, what, fix string)) {
	switch {
	case (t.URL == "") == (t.Directory == ""):
		report("url", "a witness has either url or directory", "give one of them")
	case t.Directory != "" && (t.Key != "" || t.CA != ""):
		report("key", "a directory has no key and no certificate", "leave key and ca out")
	case t.URL != "":
		if _, err := ParseKey(t.Key); err != nil {
			report("key", "not the public key of a witness", "write the line of witness.pub from the witness's directory")
		}
		if _, err := NewClient(ClientConfig{URL: t.URL}); err != nil {
			report("url", "not the address of a witness", "write https://HOST/PATH")
		}
	}
	if t.Every < 0 {
		report("every", "negative", "choose some seconds")
	}
}

// Open is the witness that a target names, and its key if it has one.
func (t Target) Open() (w Witness, key note.Verifier, err error) {
	if t.Directory != "" {
		d, err := NewDirectory(t.Directory)
		return d, nil, err
	}
	if key, err = ParseKey(t.Key); err != nil {
		return nil, nil, err
	}
	c, err := t.client(key)
	return c, key, err
}

// Reader is the witness at URL for whoever only asks what it has; its key may
// be left out.
func (t Target) Reader() (*Client, error) { return t.client(nil) }

func (t Target) client(key note.Verifier) (*Client, error) {
	cfg := ClientConfig{URL: t.URL, Key: key}
	if t.CA != "" {
		data, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fault.New(fault.Invalid, "cannot read the authority's certificate").At(t.CA).Because(err)
		}
		certs, err := pki.ParseCertificates(data)
		if err != nil {
			return nil, err
		}
		cfg.Roots = pki.Pool(certs...)
	}
	return NewClient(cfg)
}

// name tells targets apart in logs and metrics.
func (t Target) name() string { return t.URL + t.Directory }

// Pushers take one log's checkpoints to several witnesses.
type Pushers []*Pusher

// NewPushers opens the targets for the log in a directory.
func NewPushers(targets []Target, dir string, logger *slog.Logger, metrics prometheus.Registerer) (Pushers, error) {
	var all Pushers
	for _, t := range targets {
		w, key, err := t.Open()
		if err != nil {
			return nil, err
		}
		cfg := PusherConfig{Directory: dir, Witness: w, Key: key, Every: t.Every}
		if t.Every == 0 && t.Directory != "" {
			cfg.Every = time.Minute
		}
		if logger != nil {
			cfg.Logger = logger.With("witness", t.name())
		}
		if metrics != nil {
			cfg.Metrics = prometheus.WrapRegistererWith(prometheus.Labels{"witness": t.name()}, metrics)
		}
		all = append(all, NewPusher(cfg))
	}
	return all, nil
}

// Push takes the latest checkpoint of the log in a directory to a witness, and
// returns how many entries it covers. The log needs no writer. Errors are
// those of Witness.Add; a nil logger means none.
func Push(ctx context.Context, dir string, t Target, logger *slog.Logger) (uint64, error) {
	log, err := ledger.Verifier(dir)
	if err != nil {
		return 0, err
	}
	msg, err := ledger.NewestCheckpoint(dir)
	if err != nil {
		return 0, err
	}
	c, err := ledger.OpenCheckpoint(msg, log)
	if err != nil {
		return 0, fault.New(fault.No, "the log's checkpoint is not one that its key signed").At(dir).Fix("see what ledger verify says").Because(err)
	}
	all, err := NewPushers([]Target{t}, dir, logger, nil)
	if err != nil {
		return 0, err
	}
	all.Signed(ledger.SignedTree{Size: c.Size, Note: msg, Growth: ledger.Growth{From: c.Size, To: c.Size}})
	return c.Size, all.Flush(ctx)
}

// Signed is Pusher.Signed for each.
func (all Pushers) Signed(s ledger.SignedTree) {
	for _, p := range all {
		p.Signed(s)
	}
}

// Run runs each until ctx ends.
func (all Pushers) Run(ctx context.Context) error {
	done := make(chan error)
	for _, p := range all {
		go func() { done <- p.Run(ctx) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-done)
	}
	return err
}

// Flush is Pusher.Flush for each.
func (all Pushers) Flush(ctx context.Context) error {
	done := make(chan error)
	for _, p := range all {
		go func() { done <- p.Flush(ctx) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-done)
	}
	return err
}

// Package authority decides who belongs to a project: it makes tickets, turns
// them into members, signs members' certificates, and says who is out.
//
// It guarantees that a ticket and its member come about together or not at
// all; that a ticket's code is nowhere at rest; that every certificate and
// every revocation is first written to a tamper-evident log of its own; that
// nothing is signed for a revoked member; and that every list of revocations
// has a higher epoch than those before. It never sees a private key, a session
// or a prompt. Whoever holds its key can invent members
// of its project, and of no other: keep it apart from the relay's operator.
package authority

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// Bounds and defaults of what the authority hands out.
const (
	DefaultLife     = 24 * time.Hour   // of a certificate
	MinLife         = time.Minute      // of the configuration; shorter ones are for tests of renewal
	MaxLife         = 24 * time.Hour   // a revoked member is out after this long even if nobody tells anybody
	DefaultTicketIn = 10 * time.Minute // until a ticket expires
	MaxTicketIn     = 7 * 24 * time.Hour
	MaxUses         = 1000
)

// ServiceAttribute names the service that an outlet serves and an inlet may
// open; the relay reads it.
const ServiceAttribute = "service"

// Config says what an authority is.
type Config struct {
	Project   string        // a label; required
	Directory string        // keeps ca.pem, ca.key and, without Database, authority.db; required
	Address   string        // host:port by which nodes reach it; goes into tickets
	Life      time.Duration // of certificates; 0 means DefaultLife
	Issuance  Log           // required; OpenIssuance
	Database  secret.String // URL of a PostgreSQL that several may share; empty means SQLite in Directory
	Logger    *slog.Logger  // nil discards
	Now       func() time.Time
}

// Authority is one project's authority.
type Authority struct {
	cfg   Config
	ca    *pki.CA
	store *store
	now   func() time.Time
	log   *slog.Logger

	guesses guesses
	closing chan struct{} // closed when Run ends: nobody is kept waiting

	mu      sync.Mutex
	current published
}

// New opens the directory, or founds the project in it.
func New(cfg Config) (*Authority, error) {
	if !pki.ValidLabel(cfg.Project) {
		return nil, fault.New(fault.Invalid, "not a project's name").At(cfg.Project).Fix("use a-z, 0-9, - and .")
	}
	if cfg.Life == 0 {
		cfg.Life = DefaultLife
	}
	if cfg.Life < time.Second || cfg.Life > MaxLife {
		return nil, fault.New(fault.Invalid, "a certificate's life of "+cfg.Life.String()).Fix("choose 1m to 24h")
	}
	if err := os.MkdirAll(cfg.Directory, 0o700); err != nil {
		return nil, err
	}
	db, err := open(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	ca, err := openRoot(context.Background(), cfg, db)
	if err != nil {
		return nil, errors.Join(err, db.db.Close())
	}
	a := &Authority{cfg: cfg, ca: ca, store: db, now: cfg.Now, log: cfg.Logger, closing: make(chan struct{})}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if err := a.openList(context.Background()); err != nil {
		return nil, errors.Join(err, db.db.Close())
	}
	return a, nil
}

func open(ctx context.Context, cfg Config) (*store, error) {
	if cfg.Database.Empty() {
		return openSQLite(ctx, filepath.Join(cfg.Directory, "authority.db"), cfg.Issuance)
	}
	return openPostgres(ctx, cfg.Database, cfg.Issuance)
}

// openRoot reads the project's root, or makes it where the database is of no
// project yet.
func openRoot(ctx context.Context, cfg Config, db *store) (*pki.CA, error) {
	known, err := db.root(ctx, db.db)
	if err != nil {
		return nil, db.failed(err)
	}
	if _, err := os.Stat(filepath.Join(cfg.Directory, "ca.pem")); known != nil && errors.Is(err, fs.ErrNotExist) {
		return nil, errOtherRoot.At(cfg.Directory)
	}
	ca, err := pki.LoadOrCreateCA(cfg.Directory, "Ostiary project "+cfg.Project, cfg.Project)
	if err != nil {
		return nil, err
	}
	if !permits(ca, cfg.Project) {
		return nil, fault.New(fault.Invalid, "the root in this directory is of another project").At(cfg.Directory).
			Fix("name the project it was made for, or choose an empty directory")
	}
	return ca, db.claim(ctx, pki.Fingerprint(ca.Certificate()))
}

// lookEvery is how often an authority that shares its database looks for what
// others did in it. What is asked of it never waits for that: each answer looks
// by itself. LISTEN would be quicker, and does not pass pools of connections.
const lookEvery = 500 * time.Millisecond

// Run keeps up with other authorities of the same database until ctx ends, and
// then lets nobody wait any more for a newer list of revocations, so that the
// listener can close. Run it once, beside the server.
func (a *Authority) Run(ctx context.Context) error {
	defer close(a.closing)
	if a.cfg.Database.Empty() {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := a.look(ctx)
		if err == nil {
			err = a.store.settle(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.log.Error("cannot keep up with the authority's database", "err", a.store.failed(err))
		}
	}
}

// look takes up the list of revocations that the database has.
func (a *Authority) look(ctx context.Context) error {
	p, err := a.store.list(ctx, a.store.db)
	if err != nil {
		return a.store.failed(err)
	}
	a.announce(p)
	return nil
}

// Ready says why nobody is signed for at the moment: the database is away, or
// tells another history than the issuance log.
func (a *Authority) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := a.look(ctx); err != nil {
		return err
	}
	return a.store.failed(a.store.settle(ctx))
}

func permits(ca *pki.CA, project string) bool {
	permitted := ca.Certificate().PermittedURIDomains
	return len(permitted) == 1 && permitted[0] == project
}

// Close closes the database and the issuance log.
func (a *Authority) Close() error {
	err := a.store.db.Close()
	if logErr := a.cfg.Issuance.Close(); err == nil {
		err = logErr
	}
	return err
}

// Root is the project's root certificate in PEM.
func (a *Authority) Root() []byte { return a.ca.PEM() }

// TLS is the public listener's configuration: a certificate of role authority,
// with the root beside it so that a node can hold it against its pin. A member
// may show its certificate.
func (a *Authority) TLS() (*tls.Config, error) {
	id := pki.ID{Project: a.cfg.Project, Role: pki.Authority, Member: "authority"}
	cert, err := a.ca.ServerIdentity(id)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequestClientCert, // enrolment has none; who needs one asks member
	}, nil
}

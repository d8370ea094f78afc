// Package authority decides who belongs to a project: it makes tickets, turns
// them into members, and signs members' certificates.
//
// It guarantees that a ticket and its member come about together or not at
// all; that a ticket's code is nowhere at rest; and that every certificate it
// signs is first written to a tamper-evident log of its own. It never sees a
// private key, a session or a prompt. Whoever holds its key can invent members
// of its project, and of no other: keep it apart from the relay's operator.
package authority

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// Bounds and defaults of what the authority hands out.
const (
	DefaultLife     = 24 * time.Hour   // of a certificate
	MinLife         = time.Minute      // shorter ones are for tests of renewal
	MaxLife         = 24 * time.Hour   // a revoked member is out after this long even if nobody tells anybody
	DefaultTicketIn = 10 * time.Minute // until a ticket expires
	MaxTicketIn     = 7 * 24 * time.Hour
	MaxUses         = 1000
)

// ServiceAttribute names the service that an outlet serves and an inlet may
// open; the relay reads it.
const ServiceAttribute = "service"

// Log is the tamper-evident log of what was signed; Append returns once the
// record is durable.
type Log interface {
	Append(ctx context.Context, payloads ...[]byte) (uint64, error)
	Close() error
}

// Config says what an authority is.
type Config struct {
	Project   string        // a label; required
	Directory string        // keeps ca.pem, ca.key and authority.db; required
	Address   string        // host:port by which nodes reach it; goes into tickets
	Life      time.Duration // of certificates; 0 means DefaultLife
	Issuance  Log           // required
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
}

// New opens the directory, or founds the project in it.
func New(cfg Config) (*Authority, error) {
	if !pki.ValidLabel(cfg.Project) {
		return nil, fault.New(fault.Invalid, "not a project's name").At(cfg.Project).Fix("use a-z, 0-9, - and .")
	}
	if cfg.Life == 0 {
		cfg.Life = DefaultLife
	}
	if cfg.Life < MinLife || cfg.Life > MaxLife {
		return nil, fault.New(fault.Invalid, "a certificate's life of "+cfg.Life.String()).Fix("choose 1m to 24h")
	}
	if err := os.MkdirAll(cfg.Directory, 0o700); err != nil {
		return nil, err
	}
	ca, err := pki.LoadOrCreateCA(cfg.Directory, "Ostiary project "+cfg.Project, cfg.Project)
	if err != nil {
		return nil, err
	}
	if !permits(ca, cfg.Project) {
		return nil, fault.New(fault.Invalid, "the root in this directory is of another project").At(cfg.Directory).
			Fix("name the project it was made for, or choose an empty directory")
	}
	db, err := openStore(filepath.Join(cfg.Directory, "authority.db"))
	if err != nil {
		return nil, err
	}
	a := &Authority{cfg: cfg, ca: ca, store: db, now: cfg.Now, log: cfg.Logger}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a, nil
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

// TicketRequest is what an administrator asks for.
type TicketRequest struct {
	Role       pki.Role          `json:"role"`
	Name       string            `json:"name,omitempty"` // of the member; empty lets the authority choose
	Attributes map[string]string `json:"attributes,omitempty"`
	ExpiresIn  string            `json:"expires_in,omitempty"` // Go duration; empty means 10m
	Uses       int               `json:"uses,omitempty"`       // 0 means 1
}

// CreateTicket makes a ticket and keeps only the hash of its code.
func (a *Authority) CreateTicket(ctx context.Context, req TicketRequest) (membership.Ticket, error) {
	t, err := req.check()
	if err != nil {
		return membership.Ticket{}, err
	}
	code := make([]byte, membership.CodeSize)
	_, _ = rand.Read(code) // never fails, crypto/rand says
	in, _ := time.ParseDuration(req.ExpiresIn)
	if in == 0 {
		in = DefaultTicketIn
	}
	now := a.now()
	text := base64.RawURLEncoding.EncodeToString(code)
	t.hash, t.expires = sha256.Sum256([]byte(text)), now.Add(in)
	if err := a.store.addTicket(ctx, t, now); err != nil {
		return membership.Ticket{}, err
	}
	a.log.Info("ticket created", "role", string(t.role), "name", t.name, "uses", t.uses, "expires", t.expires)
	return membership.Ticket{
		Authority: a.cfg.Address,
		Project:   a.cfg.Project,
		Pin:       pki.Fingerprint(a.ca.Certificate()),
		Code:      secret.New(text),
	}, nil
}

// check refuses what would make a member nobody can name or judge.
func (req TicketRequest) check() (ticket, error) {
	role, err := pki.ParseRole(string(req.Role))
	if err != nil || role == pki.Authority {
		return ticket{}, fault.New(fault.Invalid, "no ticket for this role").At("role").Fix("use inlet, outlet, relay or gateway")
	}
	if req.Name != "" && !pki.ValidLabel(req.Name) {
		return ticket{}, fault.New(fault.Invalid, "not a member's name").At("name").Fix("use a-z, 0-9, - and .")
	}
	uses := max(req.Uses, 1)
	if req.Uses < 0 || uses > MaxUses || uses > 1 && req.Name != "" {
		return ticket{}, fault.New(fault.Invalid, "a number of uses that cannot be").At("uses").
			Fix("use 1 to 1000, and 1 where the ticket names its member")
	}
	in, err := time.ParseDuration(req.ExpiresIn)
	if req.ExpiresIn != "" && (err != nil || in <= 0 || in > MaxTicketIn) {
		return ticket{}, fault.New(fault.Invalid, "not a time to live for a ticket").At("expires_in").Fix("write for example 10m, at most 168h")
	}
	if len(req.Attributes) > pki.MaxAttributes {
		return ticket{}, fault.New(fault.TooLarge, "too many attributes").At("attributes")
	}
	for k, v := range req.Attributes {
		if _, _, err := pki.ParseAttribute(k + "=" + v); err != nil {
			return ticket{}, err
		}
	}
	if s := req.Attributes[ServiceAttribute]; s != "" && !pki.ValidLabel(s) ||
		s == "" && (role == pki.Inlet || role == pki.Outlet) {
		return ticket{}, fault.New(fault.Invalid, "an inlet or outlet needs the name of its service").At("service").
			Fix("add --service NAME, with a-z, 0-9, - and .")
	}
	return ticket{role: role, name: req.Name, attributes: maps.Clone(req.Attributes), uses: uses}, nil
}

// Members lists who belongs to the project.
func (a *Authority) Members(ctx context.Context) ([]Member, error) { return a.store.members(ctx) }

// Enroll redeems a ticket's code for the key of a certificate request.
func (a *Authority) Enroll(ctx context.Context, req membership.EnrollRequest) (membership.Membership, error) {
	public, key, err := pki.ParseRequest(req.Request)
	if err != nil {
		return membership.Membership{}, err
	}
	m, err := a.store.redeem(ctx, sha256.Sum256([]byte(req.Code)), key, a.now(), a.name)
	if err != nil {
		return membership.Membership{}, err
	}
	return a.issue(ctx, "enroll", m, key, public)
}

// name is the ticket's own choice, or a random one.
func (a *Authority) name(t ticket) pki.ID {
	name := t.name
	if name == "" {
		b := make([]byte, 5)
		_, _ = rand.Read(b)
		name = string(t.role) + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(b))
	}
	return pki.ID{Project: a.cfg.Project, Role: t.role, Member: name}
}

// Renew signs a new certificate for a member that proves its key.
func (a *Authority) Renew(ctx context.Context, req membership.RenewRequest) (membership.Membership, error) {
	public, key, err := pki.ParseRequest(req.Request)
	if err != nil {
		return membership.Membership{}, err
	}
	m, err := memberByKey(ctx, a.store.db, key)
	if err != nil {
		return membership.Membership{}, err
	}
	return a.issue(ctx, "renew", m, key, public)
}

// issuance is one record of the issuance log.
type issuance struct {
	Version    int               `json:"v"`
	Kind       string            `json:"kind"` // enroll or renew
	Time       time.Time         `json:"time"`
	ID         string            `json:"id"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Key        []byte            `json:"key"` // SHA-256 of the public key
	Expires    time.Time         `json:"expires"`
}

// issue logs what will be signed, then signs: a certificate that is in no log
// never leaves the authority.
func (a *Authority) issue(ctx context.Context, kind string, m Member, key [32]byte, public any) (membership.Membership, error) {
	now := a.now().UTC().Truncate(time.Second)
	record, err := json.Marshal(issuance{1, kind, now, m.ID.String(), m.Attributes, key[:], now.Add(a.cfg.Life)})
	if err != nil {
		return membership.Membership{}, err
	}
	if _, err := a.cfg.Issuance.Append(ctx, record); err != nil {
		return membership.Membership{}, fault.New(fault.Unavailable, "the issuance log cannot be written, so nothing is signed").Because(err)
	}
	der, err := a.ca.IssueMember(m.ID, m.Attributes, public, now, a.cfg.Life)
	if err != nil {
		return membership.Membership{}, err
	}
	a.log.Info("certificate signed", "kind", kind, "member", m.ID.String(), "expires", now.Add(a.cfg.Life))
	return membership.Membership{ID: m.ID.String(), Certificate: der, Roots: [][]byte{a.ca.Certificate().Raw}}, nil
}

// TLS is the public listener's configuration: a certificate of role authority,
// with the root beside it so that a node can hold it against its pin.
func (a *Authority) TLS() (*tls.Config, error) {
	id := pki.ID{Project: a.cfg.Project, Role: pki.Authority, Member: "authority"}
	cert, err := a.ca.ServerIdentity(id)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}}, nil
}

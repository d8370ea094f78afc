package gateway

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/policy"
)

// Settings is the section `gateway` of the configuration file.
type Settings struct {
	Listen  string   `yaml:"listen" doc:"address and port for callers with tokens and keys; default none"`
	TLS     *TLS     `yaml:"tls" doc:"certificate of that listener; without it only a loopback address or a Unix socket may be listened on"`
	Members *Members `yaml:"members" doc:"the listener for portal members; default none"`
	Admin   string   `yaml:"admin" doc:"private listener for /healthz, /readyz and /metrics; default none"`

	Entra     []identity.Entra   `yaml:"entra" doc:"tenants whose tokens are accepted"`
	Keys      []identity.Key     `yaml:"keys" doc:"gateway keys, by their hashes"`
	Workloads []policy.Workload  `yaml:"workloads" config:"required" doc:"who may call what"`
	Backends  []backend.Settings `yaml:"backends" config:"required" doc:"servers that answer; the first that serves a deployment is used"`
	Ledger    LedgerSettings     `yaml:"ledger" config:"required" doc:"where calls are recorded"`

	Prices []Price `yaml:"prices" doc:"what tokens cost, for the records; the first that fits counts; default no cost"`

	MaxBody    config.Size `yaml:"max_body" doc:"largest request body; default 64MiB"`
	BodyBudget config.Size `yaml:"body_budget" doc:"memory for all request bodies together; default 512MiB"`
}

// TLS names a certificate's files.
type TLS struct {
	Certificate string `yaml:"certificate" config:"required" doc:"PEM file with the certificate chain"`
	Key         string `yaml:"key" config:"required" doc:"PEM file with its private key"`
}

// Members is the listener for portal members.
type Members struct {
	Listen    string `yaml:"listen" config:"required" doc:"address and port; the outlet's target"`
	Directory string `yaml:"directory" config:"required" doc:"the gateway's member directory, as portal enroll made it"`
}

// LedgerSettings is where calls are recorded.
type LedgerSettings struct {
	Directory string `yaml:"directory" config:"required" doc:"a directory of its own, on a disk that survives the process"`
}

// Check reports what the types cannot.
func (s *Settings) Check(report func(path, what, fix string)) {
	if s.Listen == "" && s.Members == nil {
		report("listen", "the gateway listens nowhere", "add listen, members, or both")
	}
	if s.Listen != "" && s.TLS == nil && !private(s.Listen) {
		report("listen", "prompts and credentials would cross the network in clear", "add tls, or listen on loopback or unix:PATH")
	}
	if s.Listen != "" && len(s.Entra) == 0 && len(s.Keys) == 0 {
		report("listen", "nobody can be identified there", "add entra or keys")
	}
	for i, k := range s.Keys {
		known := slices.ContainsFunc(s.Workloads, func(w policy.Workload) bool { return w.Name == k.Workload })
		if k.Workload != "" && !known {
			report(fmt.Sprintf("keys[%d].workload", i), "no such workload", "name one of workloads")
		}
	}
	limit, budget := s.MaxBody, s.BodyBudget
	if limit == 0 {
		limit = DefaultMaxBody
	}
	if limit < 0 || budget != 0 && budget < limit {
		report("body_budget", "smaller than one body may be", "raise it, or lower max_body")
	}
}

// private says whether only this machine reaches the address.
func private(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return strings.HasPrefix(address, "unix:") || err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// ServerTLS reads the main listener's certificate; nil without one.
func (s *Settings) ServerTLS() (*tls.Config, error) {
	if s.TLS == nil {
		return nil, nil //nolint:nilnil // plain HTTP, which Check allows on private addresses
	}
	cert, err := tls.LoadX509KeyPair(s.TLS.Certificate, s.TLS.Key)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the gateway's certificate").At(s.TLS.Certificate).Because(err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"},
	}, nil
}

// FromSettings opens a gateway with all that its section names: secrets,
// certificates of authorities, the ledger, and its membership of a project.
// The caller serves Handler at Listen and MemberHandler at Members.Listen,
// runs Run beside them, and calls Close in the end. A nil logger or registerer
// means none.
func FromSettings(s Settings, logger *slog.Logger, metrics prometheus.Registerer) (*Gateway, error) {
	cfg := Config{Prices: s.Prices, MaxBody: int64(s.MaxBody), BodyBudget: int64(s.BodyBudget), Logger: logger, Metrics: metrics}
	var err error
	if cfg.Identity, err = s.identity(); err != nil {
		return nil, err
	}
	if cfg.Policy, err = policy.New(s.Workloads); err != nil {
		return nil, err
	}
	if cfg.Backends, err = backend.NewPool(s.Backends); err != nil {
		return nil, err
	}
	var member *membership.Member
	if s.Members != nil {
		if member, err = membership.Load(s.Members.Directory, logger); err != nil {
			return nil, err
		}
		cfg.Member = member
	}
	book, err := ledger.Open(ledger.Config{Directory: s.Ledger.Directory, Logger: logger})
	if err != nil {
		return nil, err
	}
	cfg.Ledger = book
	g, err := New(cfg)
	if err != nil {
		_ = book.Close()
		return nil, err
	}
	g.close = book.Close
	if member != nil {
		g.run = member.Run
	}
	return g, nil
}

func (s *Settings) identity() (*identity.Identifier, error) {
	cfg := identity.Config{Keys: s.Keys, Now: time.Now}
	for _, e := range s.Entra {
		roots, err := backend.ReadCA(e.CA)
		if err != nil {
			return nil, err
		}
		issuer, err := e.Issuer(identity.LoginClient(roots))
		if err != nil {
			return nil, err
		}
		cfg.Issuers = append(cfg.Issuers, issuer)
	}
	return identity.New(cfg)
}

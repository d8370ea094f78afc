package gateway

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/limit/shared"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/revocation"
)

// Settings is the section `gateway` of the configuration file.
type Settings struct {
	Listen  string   `yaml:"listen" doc:"address and port for callers with tokens and keys; default none"`
	TLS     *TLS     `yaml:"tls" doc:"certificate of that listener; without it only a loopback address or a Unix socket may be listened on"`
	Ingress bool     `yaml:"ingress" doc:"a platform's ingress ends TLS and is the only way to listen, which may then be plain on any address; default no"`
	Members *Members `yaml:"members" doc:"the listener for portal members; default none"`
	Admin   string   `yaml:"admin" doc:"private listener for /healthz, /readyz, /metrics and profiles; with unix:PATH for the admin API too; default none, and the API at admin.sock in the ledger's directory"`

	Entra        []identity.Entra       `yaml:"entra" doc:"tenants whose tokens are accepted"`
	OIDC         []identity.OIDC        `yaml:"oidc" doc:"other issuers whose tokens are accepted"`
	Certificates *identity.Certificates `yaml:"certificates" doc:"client certificates that are accepted, beside tokens and keys; needs tls"`
	Keys         []identity.Key         `yaml:"keys" doc:"gateway keys, by their hashes"`
	KeysFile     string                 `yaml:"keys_file" doc:"file with more of them, as ostiary key create makes it; a change takes effect in seconds"`
	Workloads    []policy.Workload      `yaml:"workloads" config:"required" doc:"who may call what"`
	Backends     []backend.Settings     `yaml:"backends" config:"required" doc:"servers that answer: of those that serve a deployment and are well, by priority and weight"`
	Aliases      map[string]string      `yaml:"aliases" doc:"names that clients may use, and the deployments they stand for; policy and backends know the deployments alone"`
	Ledger       LedgerSettings         `yaml:"ledger" config:"required" doc:"where calls are recorded"`

	SharedLimits *shared.Settings `yaml:"shared_limits" doc:"where several gateways count their workloads' limits together; default each gateway counts for itself"`

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

	Revocation revocation.Settings `yaml:"revocation" doc:"what to do when nothing is heard of the authority"`
}

// Check reports what the types cannot.
func (s *Settings) Check(report func(path, what, fix string)) {
	if s.Listen == "" && s.Members == nil {
		report("listen", "the gateway listens nowhere", "add listen, members, or both")
	}
	if s.Listen != "" && s.TLS == nil && !private(s.Listen) && !s.Ingress {
		report("listen", "prompts and credentials would cross the network in clear", "add tls, or listen on loopback or unix:PATH")
	}
	if s.Ingress && (s.TLS != nil || s.Listen == "") {
		report("ingress", "there is no plain listener that an ingress could stand before", "take away tls, or take away ingress")
	}
	if s.Listen != "" && len(s.Entra)+len(s.OIDC)+len(s.Keys) == 0 && s.KeysFile == "" && s.Certificates == nil {
		report("listen", "nobody can be identified there", "add entra, oidc, certificates, keys or keys_file")
	}
	if s.Certificates != nil && s.TLS == nil {
		report("certificates", "without TLS nobody can show one", "add tls")
	}
	s.checkAliases(report)
	s.checkReserved(report)
	s.Ledger.checkCapture(s.Workloads, report)
	for i, k := range s.Keys {
		if k.Workload != "" && !s.hasWorkload(k.Workload) {
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

func (s *Settings) hasWorkload(name string) bool {
	return slices.ContainsFunc(s.Workloads, func(w policy.Workload) bool { return w.Name == name })
}

func (s *Settings) checkReserved(report func(path, what, fix string)) {
	for i, b := range s.Backends {
		if b.Workload != "" && !s.hasWorkload(b.Workload) {
			report(fmt.Sprintf("backends[%d].workload", i), "no such workload", "name one of workloads")
		}
	}
	backend.CheckReserved(s.Backends, report)
}

// checkAliases refuses names that no path could hold, and aliases of aliases.
func (s *Settings) checkAliases(report func(path, what, fix string)) {
	for _, alias := range slices.Sorted(maps.Keys(s.Aliases)) {
		to := s.Aliases[alias]
		inBody := strings.ReplaceAll(alias, "/", "-") // where names such as azure/gpt-4o are usual
		if !openai.IsDeployment(inBody) || !openai.IsDeployment(to) {
			report("aliases."+alias, "not a name of a deployment", "write names such as gpt-4o: letters, digits, and any of - . _ ~ : @")
		}
		if _, chained := s.Aliases[to]; chained && to != alias {
			report("aliases."+alias, "stands for another alias", "name the deployment itself")
		}
	}
}

// AdminSocket is where the admin API is, as unix:PATH. It is on no other kind
// of listener: who may open the socket is the file system's to say.
func (s *Settings) AdminSocket() string {
	if strings.HasPrefix(s.Admin, "unix:") {
		return s.Admin
	}
	return "unix:" + filepath.Join(s.Ledger.Directory, "admin.sock")
}

// private says whether only this machine reaches the address.
func private(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return strings.HasPrefix(address, "unix:") || err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// ServerTLS reads the main listener's certificate, and what client certificates
// are held to; nil without one. It follows the files: a certificate that is
// replaced is served within seconds. A nil logger means none.
func (s *Settings) ServerTLS(logger *slog.Logger) (*tls.Config, error) {
	if s.TLS == nil {
		return nil, nil //nolint:nilnil // plain HTTP, which Check allows on private addresses
	}
	files := []string{s.TLS.Certificate, s.TLS.Key}
	if s.Certificates != nil {
		files = append(files, s.Certificates.CA)
	}
	return httpd.FollowTLS(files, s.loadTLS, logger)
}

func (s *Settings) loadTLS() (*tls.Config, error) {
	cert, err := httpd.Certificate(s.TLS.Certificate, s.TLS.Key)
	if err != nil {
		return nil, err
	}
	server := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"},
	}
	if s.Certificates != nil {
		err = s.Certificates.Accept(server)
	}
	return server, err
}

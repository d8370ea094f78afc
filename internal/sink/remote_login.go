package sink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// PostgresSettings is a database.
type PostgresSettings struct {
	URL       secret.Ref `yaml:"url" config:"required" doc:"postgres://USER:PASSWORD@HOST/DATABASE: env:NAME or file:PATH"`
	Plaintext bool       `yaml:"plaintext" doc:"do as the URL's sslmode says, which may be without TLS: only on a network that you trust; a loopback address or a socket needs no TLS anyway"`
	CA        string     `yaml:"ca" doc:"PEM file of the only authority trusted for the server; default the URL's sslrootcert, else the system's"`

	Entra            *login.ServicePrincipal `yaml:"entra" doc:"of Azure Database: log in with Entra, as a service principal with a secret"`
	ManagedIdentity  *login.ManagedIdentity  `yaml:"managed_identity" doc:"of Azure Database: log in with Entra, as the host; {} for its system-assigned identity"`
	WorkloadIdentity *login.WorkloadIdentity `yaml:"workload_identity" doc:"of Azure Database: log in with Entra, as a Kubernetes pod; {} reads the AZURE_ variables"`
}

// azureDatabase is the scope of tokens that Azure Database for PostgreSQL takes
// as passwords.
const azureDatabase = "https://ossrdbms-aad.database.windows.net/.default"

func (s *PostgresSettings) login() login.Login {
	return login.Login{ServicePrincipal: s.Entra, ManagedIdentity: s.ManagedIdentity, WorkloadIdentity: s.WorkloadIdentity}
}

// Check reports what the types cannot.
func (s *PostgresSettings) Check(report func(path, what, fix string)) {
	if s.login().Count() > 1 {
		report("", "more than one login", "keep one of entra, managed_identity and workload_identity")
	}
}

// postgresLogin is how connections are made. It prints no secret.
type postgresLogin struct {
	cfg   *pgx.ConnConfig
	token azcore.TokenCredential // nil: the URL has the password
	url   secret.String
}

func (s *PostgresSettings) open() (*postgresLogin, error) {
	url, err := s.URL.Resolve()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the URL of the ledger's database cannot be read").Because(err)
	}
	cfg, err := pgx.ParseConfig(url.Reveal())
	if err != nil { // which may quote the URL
		return nil, fault.New(fault.Invalid, "the URL of the ledger's database is not one, or a file that it names cannot be read").At(s.URL.String()).
			Fix("write postgres://USER:PASSWORD@HOST/DATABASE, with special characters of the password as %XX")
	}
	roots, err := pki.ReadPool(s.CA)
	if err != nil {
		return nil, err
	}
	if !s.Plaintext {
		trust(&cfg.Config, roots)
	}
	cfg.RuntimeParams["synchronous_commit"] = "on"
	cfg.RuntimeParams["application_name"] = "ostiary"
	l := &postgresLogin{cfg: cfg, url: url}
	if l.token, err = s.login().Credential(azcore.ClientOptions{}); err != nil {
		return nil, fault.New(fault.Invalid, "the Entra credential of the ledger's database cannot be made").Because(err)
	}
	return l, nil
}

// trust has every server that is not on this machine prove who it is, whatever
// the URL's sslmode: PostgreSQL's default would do without, and send it all.
func trust(cfg *pgconn.Config, roots *x509.CertPool) {
	verify := func(host string, was *tls.Config) *tls.Config {
		if ip := net.ParseIP(host); strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback() {
			return was
		}
		now := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: host}
		if was != nil {
			now.Certificates = was.Certificates
			if roots == nil {
				now.RootCAs = was.RootCAs
			}
		}
		return now
	}
	cfg.TLSConfig = verify(cfg.Host, cfg.TLSConfig)
	for _, f := range cfg.Fallbacks {
		f.TLSConfig = verify(f.Host, f.TLSConfig)
	}
}

func (l *postgresLogin) dial(ctx context.Context) (*pgx.Conn, error) {
	cfg := l.cfg.Copy()
	if l.token != nil {
		token, err := l.token.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{azureDatabase}})
		if err != nil {
			return nil, err
		}
		cfg.Password = token.Token
	}
	return pgx.ConnectConfig(ctx, cfg)
}

// where names the server and the database.
func (l *postgresLogin) where() string {
	return "postgres " + l.cfg.Host + "/" + l.cfg.Database
}

// scrub takes what is secret out of an error.
func (l *postgresLogin) scrub(err error) error {
	text := err.Error()
	for _, s := range []string{l.url.Reveal(), l.cfg.Password} {
		if s != "" && strings.Contains(text, s) {
			return errors.New(strings.ReplaceAll(text, s, secret.Redacted))
		}
	}
	return err
}

// hopeless says that a server's error is not one that passes: a login, a name
// or a right is wrong (SQLSTATE classes 28, 3D, 42, 22 and 23).
func hopeless(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(e.Code) < 2 {
		return false
	}
	switch e.Code[:2] {
	case "22", "23", "28", "3D", "42":
		return true
	}
	return false
}

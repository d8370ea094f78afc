package authority

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// shared is PostgreSQL, for one authority or several. It belongs to one
// project: its tables have a schema, best a database, of their own.
type shared struct {
	journal
	password string
}

// What the server does for itself, in its own units: a transaction whose
// authority froze must not hold the others up, and what is acknowledged is
// synced.
func runtimeParameters() map[string]string {
	return map[string]string{
		"application_name": "ostiary-authority", "synchronous_commit": "on", "default_transaction_isolation": "read committed",
		"bytea_output": "hex", "lock_timeout": "8s", "statement_timeout": "10s", "idle_in_transaction_session_timeout": "3s",
	}
}

func openPostgres(ctx context.Context, url secret.String, log Log) (*store, error) {
	cfg, err := pgconn.ParseConfig(url.Reveal())
	if err != nil { // which may quote the URL
		return nil, fault.New(fault.Invalid, "the URL of the authority's database is not one, or a file that it names cannot be read").At("authority.database").
			Fix("write postgres://USER:PASSWORD@HOST/DATABASE, with special characters of the password as %XX")
	}
	requireTLS(cfg)
	cfg.ConnectTimeout = 5 * time.Second
	for k, v := range runtimeParameters() {
		cfg.RuntimeParams[k] = v
	}
	db := sql.OpenDB(connector{cfg})
	db.SetMaxOpenConns(8)
	db.SetConnMaxIdleTime(time.Minute)
	s, err := newStore(ctx, db, &shared{journal: journal{db: db, log: log}, password: cfg.Password})
	if err == nil {
		err = s.durable(ctx)
	}
	if err == nil {
		err = s.engine.(*shared).openCopy(ctx)
	}
	if err != nil {
		_ = db.Close()
		return nil, fault.New(fault.KindOf(err), "cannot open the authority's database").At("postgres " + cfg.Host + "/" + cfg.Database).
			Fix("the role needs to log in, to make tables, and to read and write them").Because(err)
	}
	return s, nil
}

// durable refuses a server whose acknowledgements are worth nothing.
func (s *store) durable(ctx context.Context) error {
	var fsync, commit string
	err := s.db.QueryRowContext(ctx, `SELECT current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&fsync, &commit)
	if err == nil && (fsync != "on" || commit != "on") {
		err = fault.New(fault.Invalid, "the database acknowledges before it has made anything durable").Fix("switch fsync and synchronous_commit on")
	}
	return s.failed(err)
}

// requireTLS has every server that is not on this machine prove who it is,
// whatever the URL's sslmode: PostgreSQL's default would do without.
func requireTLS(cfg *pgconn.Config) {
	verify := func(host string, was *tls.Config) *tls.Config {
		if ip := net.ParseIP(host); strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback() {
			return was
		}
		now := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
		if was != nil {
			now.Certificates, now.RootCAs = was.Certificates, was.RootCAs
		}
		return now
	}
	cfg.TLSConfig = verify(cfg.Host, cfg.TLSConfig)
	for _, f := range cfg.Fallbacks {
		f.TLSConfig = verify(f.Host, f.TLSConfig)
	}
}

func (*shared) schema() string { return "postgres" }

// alone is one writer at a time among all authorities of the schema. The lock
// ends with the transaction, however that ends.
func (*shared) alone(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('ostiary authority ' || current_schema()))`)
	return err
}

func (p *shared) scrub(err error) error {
	if text := err.Error(); p.password != "" && strings.Contains(text, p.password) {
		return errors.New(strings.ReplaceAll(text, p.password, secret.Redacted))
	}
	return err
}

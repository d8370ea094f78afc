package authority

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/ostiary/ostiary/internal/fault"
)

// engine is what differs between the databases. SQLite belongs to one
// authority; PostgreSQL may be shared by several. All other SQL is the same.
type engine interface {
	// schema is the folder of the migrations.
	schema() string
	// alone has a transaction that just began wait for its turn: until it
	// ends, nobody else of any authority writes.
	alone(ctx context.Context, tx *sql.Tx) error
	// note puts a record of what the transaction does where it is durable at
	// the latest with it.
	note(ctx context.Context, tx *sql.Tx, payload []byte) error
	// settle returns once the issuance log of this authority holds all that
	// was noted.
	settle(ctx context.Context) error
	// scrub takes what is secret out of an error.
	scrub(err error) error
}

// store is the authority's database.
type store struct {
	db *sql.DB
	engine
	turn chan struct{} // writers of this process queue here and not at the database
}

func newStore(ctx context.Context, db *sql.DB, e engine) (*store, error) {
	s := &store{db: db, engine: e, turn: make(chan struct{}, 1)}
	if err := s.write(ctx, s.migrate); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// write runs one transaction, alone. What is not a fault comes back as one:
// the database cannot be used, try again.
func (s *store) write(ctx context.Context, change func(context.Context, *sql.Tx) error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return s.failed(ctx.Err())
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := s.alone(ctx, tx); err != nil {
		return s.failed(err)
	}
	if err := change(ctx, tx); err != nil {
		return s.failed(err)
	}
	return s.failed(tx.Commit())
}

// failed is a database's error as a node may read it.
func (s *store) failed(err error) error {
	if _, ours := errors.AsType[*fault.Error](err); err == nil || ours {
		return err
	}
	return fault.New(fault.Unavailable, "the authority cannot use its database").Fix("try again").Because(s.scrub(err))
}

//go:embed migrations
var migrations embed.FS

// migrate brings the tables to this program's version, one file at a time.
func (s *store) migrate(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS version (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL)`)
	if err != nil {
		return err
	}
	var at int
	err = tx.QueryRowContext(ctx, `SELECT version FROM version`).Scan(&at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	files, err := fs.Glob(migrations, "migrations/"+s.schema()+"/*.sql")
	if err != nil {
		return err
	}
	if at > len(files) {
		return fault.New(fault.Invalid, fmt.Sprintf("the authority's database has version %d, and this program knows %d", at, len(files))).
			Fix("run a newer program")
	}
	for n := at + 1; n <= len(files); n++ {
		text, err := fs.ReadFile(migrations, fmt.Sprintf("migrations/%s/%d.sql", s.schema(), n))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("migration %d: %w", n, err)
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO version (one, version) VALUES (1,$1) ON CONFLICT (one) DO UPDATE SET version=excluded.version`, len(files))
	return err
}

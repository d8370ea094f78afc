package authority

import (
	"context"
	"database/sql"

	_ "modernc.org/sqlite" // the driver: pure Go, so that the binary stays static

	"github.com/ostiary/ostiary/internal/fault"
)

// embedded is SQLite in the authority's directory.
type embedded struct{ log Log }

// openSQLite opens or makes the database. Every transaction takes the write
// lock at once and is synced before it returns.
func openSQLite(ctx context.Context, path string, log Log) (*store, error) {
	db, err := sql.Open("sqlite", "file:"+path+
		"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	s, err := newStore(ctx, db, embedded{log})
	if err != nil {
		return nil, fault.New(fault.KindOf(err), "cannot open the authority's database").At(path).Because(err)
	}
	return s, nil
}

func (embedded) schema() string                       { return "sqlite" }
func (embedded) alone(context.Context, *sql.Tx) error { return nil }
func (embedded) settle(context.Context) error         { return nil }
func (embedded) scrub(err error) error                { return err }

// note writes to the log before the transaction commits: a record may stand
// there whose change was never made, and never the other way round.
func (e embedded) note(ctx context.Context, _ *sql.Tx, payload []byte) error {
	return appendTo(ctx, e.log, payload)
}

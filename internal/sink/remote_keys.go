package sink

import (
	"context"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
)

// postgresKeys is a ledger.KeyStore with a connection of its own, so that a
// key waits for no block.
type postgresKeys struct {
	turn chan struct{}
	postgres
}

const (
	storeKey    = `INSERT INTO ostiary_ledger_keys (log, subject, name, file) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	destroyKeys = `DELETE FROM ostiary_ledger_keys WHERE log = $1 AND subject = $2`
)

func newPostgresKeys(login *postgresLogin, step time.Duration) *postgresKeys {
	return &postgresKeys{turn: make(chan struct{}, 1), postgres: postgres{login: login, step: step}}
}

// Store implements ledger.KeyStore. A name has random bits of its key in it,
// so a file of that name is that file.
func (k *postgresKeys) Store(ctx context.Context, f ledger.StoredKey) error {
	_, err := k.exec(ctx, storeKey, f.Log, f.Subject, f.Name, f.File)
	return err
}

// Destroy implements ledger.KeyStore.
func (k *postgresKeys) Destroy(ctx context.Context, log, subject string) (int, error) {
	return k.exec(ctx, destroyKeys, log, subject)
}

// exec runs a statement that may be run again, until it has worked, ctx ends,
// or nothing helps.
func (k *postgresKeys) exec(ctx context.Context, sql string, args ...any) (rows int, err error) {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		rows, err = k.once(ctx, sql, args)
		if err == nil || isFault(err) {
			return rows, err
		}
		k.postgres.close()
		select {
		case <-ctx.Done():
			return 0, err
		case <-time.After(pause):
		}
	}
}

func (k *postgresKeys) once(ctx context.Context, sql string, args []any) (int, error) {
	if k.conn == nil {
		if err := k.connect(ctx); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, k.step)
	defer cancel()
	tag, err := k.conn.Exec(ctx, sql, args...)
	return int(tag.RowsAffected()), k.failed(err)
}

// Close gives up the connection.
func (k *postgresKeys) Close() {
	k.turn <- struct{}{}
	defer func() { <-k.turn }()
	k.postgres.close()
}

package authority

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/revocation"
)

// listedFor is how long a revocation stays on the list: the longest life of a
// certificate, and an hour for clocks that differ.
const listedFor = MaxLife + time.Hour

// addRevocation puts something on the list.
func addRevocation(ctx context.Context, tx *sql.Tx, kind, value, member string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO revocations (kind, value, member, at, until) VALUES ($1,$2,$3,$4,$5)
		ON CONFLICT (kind, value) DO UPDATE SET member=excluded.member, at=excluded.at, until=excluded.until`,
		kind, value, member, now.Unix(), now.Add(listedFor).Unix())
	return err
}

// notRevoked refuses a key that a rotation has retired, however good the ticket.
func notRevoked(ctx context.Context, tx *sql.Tx, key [32]byte) error {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM revocations WHERE kind='key' AND value=$1`, revocation.Key(key)).Scan(&n)
	if err == nil && n > 0 {
		err = fault.New(fault.Denied, "this key has been revoked").Fix("enroll from an empty directory, with a new key")
	}
	return err
}

// markRevoked puts a member out for good. Twice is once.
func markRevoked(ctx context.Context, tx *sql.Tx, id pki.ID, reason string, now time.Time) error {
	done, err := tx.ExecContext(ctx, `UPDATE members SET revoked=coalesce(revoked, $1), reason=CASE WHEN revoked IS NULL THEN $2 ELSE reason END WHERE id=$3`,
		now.Unix(), reason, id.String())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fault.New(fault.NotFound, "no such member").At(id.String()).Fix("'portal member list' has them all"))
	}
	return nil
}

// changeKey moves the member of one key to another.
func changeKey(ctx context.Context, tx *sql.Tx, old, key [32]byte) (Member, error) {
	m, err := memberByKey(ctx, tx, old)
	if err != nil {
		return Member{}, err
	}
	if m.Revoked != nil {
		return Member{}, fault.New(fault.Denied, "this member has been revoked")
	}
	if err := notRevoked(ctx, tx, key); err != nil {
		return Member{}, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE members SET key_hash=$1 WHERE id=$2`, key[:], m.ID.String())
	return m, err
}

// listed reads what belongs on the list of revocations now.
func listed(ctx context.Context, tx *sql.Tx, now time.Time) (l revocation.List, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT kind, value FROM revocations WHERE until > $1`, now.Unix())
	if err != nil {
		return l, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var kind, value string
		if err := rows.Scan(&kind, &value); err != nil {
			return l, err
		}
		switch kind {
		case "member":
			l.Members = append(l.Members, value)
		case "key":
			l.Keys = append(l.Keys, value)
		case "serial":
			l.Serials = append(l.Serials, value)
		}
	}
	return l, rows.Err()
}

// published is the list in force.
type published struct {
	epoch   uint64
	signed  []byte
	changed chan struct{} // closed when another takes its place
}

// list reads the one in force; epoch 0 where there is none yet.
func (s *store) list(ctx context.Context, q querier) (p published, err error) {
	err = q.QueryRowContext(ctx, `SELECT epoch, signed FROM list`).Scan(&p.epoch, &p.signed)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

func setList(ctx context.Context, tx *sql.Tx, p published) error {
	done, err := tx.ExecContext(ctx, `
		INSERT INTO list (one, epoch, signed) VALUES (1,$1,$2)
		ON CONFLICT (one) DO UPDATE SET epoch=excluded.epoch, signed=excluded.signed WHERE list.epoch < excluded.epoch`, p.epoch, p.signed)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fault.New(fault.Internal, "the list in force has this epoch or a higher one"))
	}
	return nil
}

package authority

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// Member is somebody who belongs to the project, or did.
type Member struct {
	ID         pki.ID            `json:"id"`
	Attributes map[string]string `json:"attributes"`
	Created    time.Time         `json:"created"`
	Key        string            `json:"key"`               // SHA-256 of its public key, hex
	Serial     string            `json:"serial,omitempty"`  // of its newest certificate, hex
	Expires    *time.Time        `json:"expires,omitempty"` // of that
	Revoked    *time.Time        `json:"revoked,omitempty"`
	Reason     string            `json:"reason,omitempty"`
}

// ticket is one row of tickets.
type ticket struct {
	hash       [32]byte
	role       pki.Role
	name       string
	attributes map[string]string
	expires    time.Time
	uses       int
	maker      string
}

func (s *store) addTicket(ctx context.Context, t ticket, now time.Time) error {
	attributes, err := json.Marshal(t.attributes)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`INSERT INTO tickets (hash, role, name, attributes, created, expires, uses, maker) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
			t.hash[:], string(t.role), t.name, string(attributes), now.Unix(), t.expires.Unix(), t.uses, t.maker)
		return err
	})
}

// The two refusals of a ticket that a guesser could tell apart are the same
// words: unknown and expired.
var (
	errNoTicket = fault.New(fault.Denied, "the ticket is unknown or has expired").
			Fix("ask for a new one")
	errUsed = fault.New(fault.Conflict, "the ticket has been used by another key").
		Fix("ask for a new one, and find out who used it")
)

// redeem joins the key to the project in one transaction: either the ticket
// is used and the member exists, or neither. The same key redeems again for
// nothing and gets the same member, even after the ticket has expired, so that
// a lost answer costs nobody anything. choose names the member.
func (s *store) redeem(ctx context.Context, code, key [32]byte, now time.Time, choose func(ticket) pki.ID) error {
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var again int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM redemptions WHERE ticket=$1 AND key_hash=$2`, code[:], key[:]).Scan(&again)
		if err != nil || again > 0 {
			return err
		}
		if err := notRevoked(ctx, tx, key); err != nil {
			return err
		}
		t, err := spend(ctx, tx, code, now)
		if err != nil {
			return err
		}
		if err := addMember(ctx, tx, Member{ID: choose(t), Attributes: t.attributes, Created: now}, key); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO redemptions (ticket, key_hash, at) VALUES ($1,$2,$3)`, code[:], key[:], now.Unix())
		return err
	})
}

func addMember(ctx context.Context, tx *sql.Tx, m Member, key [32]byte) error {
	attributes, err := json.Marshal(m.Attributes)
	if err != nil {
		return err
	}
	done, err := tx.ExecContext(ctx, `INSERT INTO members (id, key_hash, attributes, created) VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING`,
		m.ID.String(), key[:], string(attributes), m.Created.Unix())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fault.New(fault.Conflict, "a member with this name or this key exists already").
			Fix("choose another name for the ticket, or enroll from an empty directory"))
	}
	return nil
}

// spend takes one use off a ticket.
func spend(ctx context.Context, tx *sql.Tx, code [32]byte, now time.Time) (ticket, error) {
	t := ticket{hash: code}
	var role, attributes string
	var expires int64
	var used int
	err := tx.QueryRowContext(ctx, `
		SELECT role, name, attributes, expires, uses, used FROM tickets WHERE hash=$1
		AND NOT EXISTS (SELECT 1 FROM members WHERE id=maker AND revoked IS NOT NULL)`, code[:]).
		Scan(&role, &t.name, &attributes, &expires, &t.uses, &used)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ticket{}, errNoTicket
	case err != nil:
		return ticket{}, err
	case used >= t.uses:
		return ticket{}, errUsed
	case now.Unix() >= expires:
		return ticket{}, errNoTicket
	}
	t.role = pki.Role(role)
	if err := json.Unmarshal([]byte(attributes), &t.attributes); err != nil {
		return ticket{}, fmt.Errorf("attributes of a stored ticket: %w", err)
	}
	_, err = tx.ExecContext(ctx, `UPDATE tickets SET used = used + 1 WHERE hash=$1`, code[:])
	return t, err
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// selectMembers reads what scanMember scans.
const selectMembers = `
	SELECT m.id, m.attributes, m.created, m.key_hash, m.revoked, m.reason, c.serial, c.expires
	FROM members m LEFT JOIN certificates c ON c.serial =
	  (SELECT serial FROM certificates WHERE member=m.id ORDER BY expires DESC, turn DESC LIMIT 1) `

// memberByKey finds the member that owns a key; errNoMember if none does.
func memberByKey(ctx context.Context, q querier, key [32]byte) (Member, error) {
	return scanMember(q.QueryRowContext(ctx, selectMembers+`WHERE m.key_hash=$1`, key[:]))
}

func memberByID(ctx context.Context, q querier, id pki.ID) (Member, error) {
	return scanMember(q.QueryRowContext(ctx, selectMembers+`WHERE m.id=$1`, id.String()))
}

var errNoMember = fault.New(fault.Denied, "no member has this key").
	Fix("enroll with a ticket first")

func scanMember(row interface{ Scan(...any) error }) (Member, error) {
	var id, attributes string
	var key []byte
	var created int64
	var serial sql.NullString
	var revoked, expires sql.NullInt64
	m := Member{}
	err := row.Scan(&id, &attributes, &created, &key, &revoked, &m.Reason, &serial, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return Member{}, errNoMember
	}
	if err != nil {
		return Member{}, err
	}
	m.Created, m.Key, m.Serial = time.Unix(created, 0).UTC(), hex.EncodeToString(key), serial.String
	m.Revoked, m.Expires = timeOf(revoked), timeOf(expires)
	if m.ID, err = pki.ParseID(id); err != nil {
		return Member{}, err
	}
	return m, json.Unmarshal([]byte(attributes), &m.Attributes)
}

func timeOf(n sql.NullInt64) *time.Time {
	if !n.Valid {
		return nil
	}
	t := time.Unix(n.Int64, 0).UTC()
	return &t
}

func (s *store) members(ctx context.Context) ([]Member, error) {
	rows, err := s.db.QueryContext(ctx, selectMembers+`ORDER BY m.created, m.id`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := []Member{}
	for rows.Next() {
		m, err := scanMember(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// addCertificate notes a certificate that is about to be signed, and forgets
// those that expired a day ago: the issuance log has them all.
func addCertificate(ctx context.Context, tx *sql.Tx, serial, member string, now, expires time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM certificates WHERE expires < $1`, now.Add(-MaxLife).Unix())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO certificates (serial, member, signed, expires, turn)
		VALUES ($1,$2,$3,$4, (SELECT coalesce(max(turn), 0) + 1 FROM certificates))`, serial, member, now.Unix(), expires.Unix())
	return err
}

// claim says that this root is the project's, or learns that another is.
func (s *store) claim(ctx context.Context, root [32]byte) error {
	return s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO project (one, root) VALUES (1,$1) ON CONFLICT DO NOTHING`, root[:])
		if err != nil {
			return err
		}
		if known, err := s.root(ctx, tx); err != nil || !bytes.Equal(known, root[:]) {
			return errors.Join(err, errOtherRoot)
		}
		return nil
	})
}

// root is the fingerprint of the project's root, nil before it was founded.
func (s *store) root(ctx context.Context, q querier) (root []byte, err error) {
	err = q.QueryRowContext(ctx, `SELECT root FROM project`).Scan(&root)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return root, err
}

var errOtherRoot = fault.New(fault.Invalid, "the database is of a project with another root").
	Fix("copy ca.pem and ca.key from the authority that founded the project into this one's directory")

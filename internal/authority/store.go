package authority

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	_ "modernc.org/sqlite" // the driver: pure Go, so that the binary stays static

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// schema is the whole database. Times are Unix seconds by the authority's
// clock. A ticket's code is there only as its SHA-256: 256 random bits need no
// slow hash.
const schema = `
CREATE TABLE IF NOT EXISTS tickets (
  hash       BLOB PRIMARY KEY,
  role       TEXT NOT NULL,
  name       TEXT NOT NULL,            -- '' lets the authority choose
  attributes TEXT NOT NULL,            -- JSON object
  created    INTEGER NOT NULL,
  expires    INTEGER NOT NULL,
  uses       INTEGER NOT NULL,
  used       INTEGER NOT NULL DEFAULT 0,
  maker      TEXT NOT NULL             -- the enroller, '' the administrator
) STRICT;
CREATE TABLE IF NOT EXISTS members (
  id         TEXT PRIMARY KEY,         -- SPIFFE id
  key_hash   BLOB NOT NULL UNIQUE,     -- SHA-256 of the public key in use
  attributes TEXT NOT NULL,
  created    INTEGER NOT NULL,
  revoked    INTEGER,                  -- when; its name is never given again
  reason     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS redemptions (
  ticket     BLOB NOT NULL REFERENCES tickets(hash),
  key_hash   BLOB NOT NULL REFERENCES members(key_hash) ON UPDATE CASCADE,
  at         INTEGER NOT NULL,
  PRIMARY KEY (ticket, key_hash)
) STRICT;
CREATE TABLE IF NOT EXISTS certificates (
  serial     TEXT PRIMARY KEY,         -- hex; gone some time after it has expired
  member     TEXT NOT NULL REFERENCES members(id),
  signed     INTEGER NOT NULL,
  expires    INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS certificates_of ON certificates (member, expires);
CREATE TABLE IF NOT EXISTS revocations (
  kind       TEXT NOT NULL,            -- member, key or serial
  value      TEXT NOT NULL,            -- as the list writes it
  member     TEXT NOT NULL,            -- whom it concerned, '' unknown
  at         INTEGER NOT NULL,
  until      INTEGER NOT NULL,         -- nothing that it concerns is valid any more
  PRIMARY KEY (kind, value)
) STRICT;
CREATE TABLE IF NOT EXISTS list (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  epoch      INTEGER NOT NULL,
  signed     BLOB NOT NULL
) STRICT;`

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

type store struct{ db *sql.DB }

// openStore opens or makes the database. Every transaction takes the write
// lock at once and is synced before it returns.
func openStore(path string) (*store, error) {
	db, err := sql.Open("sqlite", "file:"+path+
		"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(context.Background(), schema); err != nil {
		_ = db.Close()
		return nil, fault.New(fault.Unavailable, "cannot open the authority's database").At(path).Because(err)
	}
	return &store{db}, nil
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
	_, err = s.db.ExecContext(ctx,
		`INSERT INTO tickets (hash, role, name, attributes, created, expires, uses, maker) VALUES (?,?,?,?,?,?,?,?)`,
		t.hash[:], string(t.role), t.name, string(attributes), now.Unix(), t.expires.Unix(), t.uses, t.maker)
	return err
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
func (s *store) redeem(ctx context.Context, code, key [32]byte, now time.Time, choose func(ticket) pki.ID) (Member, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return Member{}, err
	}
	defer func() { _ = tx.Rollback() }()

	var again int
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM redemptions WHERE ticket=? AND key_hash=?`, code[:], key[:]).Scan(&again)
	if err != nil {
		return Member{}, err
	}
	if again > 0 {
		return memberByKey(ctx, tx, key)
	}
	if err := notRevoked(ctx, tx, key); err != nil {
		return Member{}, err
	}
	t, err := spend(ctx, tx, code, now)
	if err != nil {
		return Member{}, err
	}
	m := Member{ID: choose(t), Attributes: t.attributes, Created: now}
	attributes, err := json.Marshal(m.Attributes)
	if err != nil {
		return Member{}, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO members (id, key_hash, attributes, created) VALUES (?,?,?,?)`,
		m.ID.String(), key[:], string(attributes), now.Unix())
	if err != nil {
		return Member{}, fault.New(fault.Conflict, "a member with this name or this key exists already").
			Fix("choose another name for the ticket, or enroll from an empty directory").Because(err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO redemptions (ticket, key_hash, at) VALUES (?,?,?)`, code[:], key[:], now.Unix())
	if err != nil {
		return Member{}, err
	}
	return m, tx.Commit()
}

// spend takes one use off a ticket.
func spend(ctx context.Context, tx *sql.Tx, code [32]byte, now time.Time) (ticket, error) {
	t := ticket{hash: code}
	var role, attributes string
	var expires int64
	var used int
	err := tx.QueryRowContext(ctx, `
		SELECT role, name, attributes, expires, uses, used FROM tickets WHERE hash=?
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
	_, err = tx.ExecContext(ctx, `UPDATE tickets SET used = used + 1 WHERE hash=?`, code[:])
	return t, err
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// selectMembers reads what scanMember scans.
const selectMembers = `
	SELECT m.id, m.attributes, m.created, m.key_hash, m.revoked, m.reason, c.serial, c.expires
	FROM members m LEFT JOIN certificates c ON c.rowid =
	  (SELECT rowid FROM certificates WHERE member=m.id ORDER BY expires DESC, rowid DESC LIMIT 1) `

// memberByKey finds the member that owns a key; errNoMember if none does.
func memberByKey(ctx context.Context, q querier, key [32]byte) (Member, error) {
	return scanMember(q.QueryRowContext(ctx, selectMembers+`WHERE m.key_hash=?`, key[:]))
}

func memberByID(ctx context.Context, q querier, id pki.ID) (Member, error) {
	return scanMember(q.QueryRowContext(ctx, selectMembers+`WHERE m.id=?`, id.String()))
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
func (s *store) addCertificate(ctx context.Context, serial, member string, now, expires time.Time) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(ctx, `DELETE FROM certificates WHERE expires < ?`, now.Add(-MaxLife).Unix())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO certificates (serial, member, signed, expires) VALUES (?,?,?,?)`,
		serial, member, now.Unix(), expires.Unix())
	if err != nil {
		return err
	}
	return tx.Commit()
}

package sink

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ostiary/ostiary/internal/fault"
)

// The tables, made where they are missing. The primary key is what makes two
// writers of one log impossible. Checkpoints are kept one an hour and the
// newest: each is a place where a log can be taken up whose older blocks were
// deleted.
const (
	postgresTables = `
CREATE TABLE IF NOT EXISTS ostiary_ledger_blocks (
	log text, first bigint, last bigint NOT NULL, block bytea NOT NULL, at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (log, first));
CREATE TABLE IF NOT EXISTS ostiary_ledger_checkpoints (
	log text, hour timestamptz, size bigint NOT NULL, note bytea NOT NULL, key text NOT NULL, header bytea NOT NULL,
	PRIMARY KEY (log, hour));
CREATE TABLE IF NOT EXISTS ostiary_ledger_keys (
	log text, subject text, name text, file bytea NOT NULL, at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (log, name))`

	postgresReady = `SELECT current_setting('fsync'), current_setting('synchronous_commit'), to_regclass('ostiary_ledger_keys') IS NOT NULL`
	postgresAlone = `SELECT pg_advisory_xact_lock(hashtext('ostiary_ledger'))` // two that make tables at once fail

	putBlock = `INSERT INTO ostiary_ledger_blocks (log, first, last, block) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	putNote  = `INSERT INTO ostiary_ledger_checkpoints VALUES ($1, date_trunc('hour', now()), $2, $3, $4, $5)
		ON CONFLICT (log, hour) DO UPDATE SET size = excluded.size, note = excluded.note, key = excluded.key, header = excluded.header
		WHERE ostiary_ledger_checkpoints.size <= excluded.size`
	sameBlock = `SELECT last = $3 AND block = $4 FROM ostiary_ledger_blocks WHERE log = $1 AND first = $2`
	lastBlock = `SELECT first, last, sha256(block) FROM ostiary_ledger_blocks WHERE log = $1 ORDER BY first DESC LIMIT 1`
	allBlocks = `SELECT first, last, block FROM ostiary_ledger_blocks WHERE log = $1 AND last >= $2 ORDER BY first`
	allNotes  = `SELECT size, note, key, header FROM ostiary_ledger_checkpoints WHERE log = $1 ORDER BY size`
	allKeys   = `SELECT file FROM ostiary_ledger_keys WHERE log = $1 ORDER BY name`
	allLogs   = `SELECT b.log, min(first), max(last) + 1, sum(octet_length(block))::bigint, min(at), max(at),
		coalesce((SELECT max(size) FROM ostiary_ledger_checkpoints c WHERE c.log = b.log), 0),
		(SELECT count(*) FROM ostiary_ledger_keys k WHERE k.log = b.log)
		FROM ostiary_ledger_blocks b GROUP BY b.log ORDER BY min(at), b.log`
)

// postgres is one connection to a database, and how to make it.
type postgres struct {
	login *postgresLogin
	step  time.Duration // bounds every single thing that is asked of the server
	conn  *pgx.Conn
}

// connect makes a connection whose acknowledgements count.
func (p *postgres) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.step)
	defer cancel()
	conn, err := p.login.dial(ctx)
	if err != nil {
		return p.failed(err)
	}
	if err := p.ready(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return err
	}
	p.conn = conn
	return nil
}

func (p *postgres) ready(ctx context.Context, conn *pgx.Conn) error {
	var fsync, commit string
	var made bool
	if err := conn.QueryRow(ctx, postgresReady).Scan(&fsync, &commit, &made); err != nil {
		return p.failed(err)
	}
	if fsync != "on" || commit != "on" {
		return fault.New(fault.Invalid, fmt.Sprintf("the server acknowledges before it has made anything durable: fsync is %s, synchronous_commit %s", fsync, commit)).
			Fix("switch both on, and connect to the server itself, not by way of a pool of connections")
	}
	if made {
		return nil
	}
	return p.failed(pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, postgresAlone); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, postgresTables)
		return err
	}))
}

func (p *postgres) close() {
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.conn.Close(ctx)
	p.conn = nil
}

// failed is a server's error without secrets; one that trying again does not
// mend is a fault.
func (p *postgres) failed(err error) error {
	if err == nil || isFault(err) {
		return err
	}
	clean := p.login.scrub(err)
	if hopeless(err) {
		return fault.New(fault.Invalid, "PostgreSQL refuses what the ledger needs").At(p.login.where()).
			Fix("the role needs to log in, and to make three tables or to read and write them").Because(clean)
	}
	return clean
}

// connect, close: of postgres. postgresStore is a remoteStore.
type postgresStore struct{ postgres }

func (s *postgresStore) tail(ctx context.Context, log string, _ time.Time) (m mark, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.step)
	defer cancel()
	var first, last int64
	var sum []byte
	err = s.conn.QueryRow(ctx, lastBlock, log).Scan(&first, &last, &sum)
	if errors.Is(err, pgx.ErrNoRows) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, s.failed(err)
	}
	m.first, m.next = uint64(first), uint64(last)+1 //nolint:gosec // put wrote them
	copy(m.sum[:], sum)
	return m, nil
}

// put sends all in one transaction. It is committed when the batch has been
// closed, not when its statements have been answered.
func (s *postgresStore) put(ctx context.Context, items ...remoteItem) error {
	ctx, cancel := context.WithTimeout(ctx, s.step)
	defer cancel()
	batch := &pgx.Batch{}
	for _, i := range items {
		if i.block != nil {
			batch.Queue(putBlock, i.log, int64(i.first), int64(i.next-1), i.block) //nolint:gosec // an index is at most 1<<62
		} else {
			batch.Queue(putNote, i.log, int64(i.next), i.note, i.key, i.header) //nolint:gosec // the same
		}
	}
	answers := s.conn.SendBatch(ctx, batch)
	var there []remoteItem
	for _, i := range items {
		tag, err := answers.Exec()
		if err != nil {
			_ = answers.Close()
			return s.failed(err)
		}
		if i.block != nil && tag.RowsAffected() == 0 {
			there = append(there, i)
		}
	}
	if err := answers.Close(); err != nil {
		return s.failed(err)
	}
	for _, i := range there {
		if err := s.same(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// same sees that a block which is there already is the one that was sent.
func (s *postgresStore) same(ctx context.Context, i remoteItem) error {
	var same bool
	err := s.conn.QueryRow(ctx, sameBlock, i.log, int64(i.first), int64(i.next-1), i.block).Scan(&same) //nolint:gosec // as above
	if err != nil {
		return s.failed(err)
	}
	if !same {
		return fault.New(fault.Conflict, fmt.Sprintf("another block of entry %d is there already", i.first)).At(s.login.where()).
			Fix("another writer has a copy of this directory: stop it, and begin a new log in an empty directory")
	}
	return nil
}

// read gives checkpoints in between the blocks, each before what follows it.
func (s *postgresStore) read(ctx context.Context, log string, from uint64, visit func(remoteItem) error) error {
	notes, err := s.notes(ctx, log)
	if err != nil {
		return err
	}
	ctx, alive := stepping(ctx, s.step)
	defer alive.stop()
	rows, err := s.conn.Query(ctx, allBlocks, log, int64(min(from, 1<<62)))
	if err != nil {
		return s.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		i := remoteItem{log: log}
		var first, last int64
		if err := rows.Scan(&first, &last, &i.block); err != nil {
			return s.failed(err)
		}
		i.first, i.next, i.sum = uint64(first), uint64(last)+1, sha256.Sum256(i.block) //nolint:gosec // checked by whoever parses the block
		for len(notes) > 0 && notes[0].next <= i.first {
			if err := visit(notes[0]); err != nil {
				return err
			}
			notes = notes[1:]
		}
		if err := visit(i); err != nil {
			return err
		}
		alive.step()
	}
	if err := rows.Err(); err != nil {
		return s.failed(err)
	}
	for _, n := range notes {
		if err := visit(n); err != nil {
			return err
		}
	}
	return nil
}

func (s *postgresStore) notes(ctx context.Context, log string) (all []remoteItem, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.step)
	defer cancel()
	rows, err := s.conn.Query(ctx, allNotes, log)
	if err != nil {
		return nil, s.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		i := remoteItem{log: log}
		var size int64
		if err := rows.Scan(&size, &i.note, &i.key, &i.header); err != nil {
			return nil, s.failed(err)
		}
		i.next = uint64(size) //nolint:gosec // put wrote it
		all = append(all, i)
	}
	return all, s.failed(rows.Err())
}

func (s *postgresStore) eachKey(ctx context.Context, log string, visit func(file []byte) error) error {
	ctx, alive := stepping(ctx, s.step)
	defer alive.stop()
	rows, err := s.conn.Query(ctx, allKeys, log)
	if err != nil {
		return s.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		var file []byte
		if err := rows.Scan(&file); err != nil {
			return s.failed(err)
		}
		if err := visit(file); err != nil {
			return err
		}
		alive.step()
	}
	return s.failed(rows.Err())
}

func (s *postgresStore) list(ctx context.Context) (all []RemoteLog, err error) {
	rows, err := s.conn.Query(ctx, allLogs)
	if err != nil {
		return nil, s.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		l := RemoteLog{}
		var first, next, signed int64
		if err := rows.Scan(&l.Log, &first, &next, &l.Bytes, &l.Since, &l.Until, &signed, &l.Keys); err != nil {
			return nil, s.failed(err)
		}
		l.First, l.Entries, l.Signed = uint64(first), uint64(next), uint64(signed) //nolint:gosec // put wrote them
		all = append(all, l)
	}
	return all, s.failed(rows.Err())
}

// pulse ends a context when nothing has come for a while.
type pulse struct {
	every time.Duration
	timer *time.Timer
	stop  func()
}

func stepping(ctx context.Context, every time.Duration) (context.Context, *pulse) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(every, func() { cancel(errNoAnswer) })
	return ctx, &pulse{every, timer, func() { timer.Stop(); cancel(nil) }}
}

func (p *pulse) step() {
	if p.timer.Stop() {
		p.timer.Reset(p.every)
	}
}

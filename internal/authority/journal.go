package authority

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/ostiary/ostiary/internal/fault"
)

// journal is the issuance log of authorities that share a database. A record
// gets its place in the order, and its link of a chain of hashes, in the
// transaction that it is about. Every authority copies the records in that
// order into the signed log of its own directory, and signs nothing before its
// copy has the record. So several logs say the same, each signed by another
// key; and a database whose records were changed, cut off or put back to an
// older state disagrees with every copy, and nothing is signed any more.
type journal struct {
	db  *sql.DB
	log Log

	mu    sync.Mutex
	next  int64 // of the copy
	chain [32]byte
}

const journalBatch = 500 // records copied at once

func (j *journal) note(ctx context.Context, tx *sql.Tx, payload []byte) error {
	last, chain := int64(-1), make([]byte, sha256.Size)
	err := tx.QueryRowContext(ctx, `SELECT n, chain FROM issuance ORDER BY n DESC LIMIT 1`).Scan(&last, &chain)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	sum := link(chain, payload)
	_, err = tx.ExecContext(ctx, `INSERT INTO issuance (n, payload, chain) VALUES ($1,$2,$3)`, last+1, payload, sum[:])
	return err
}

func link(chain, payload []byte) [32]byte {
	sum := sha256.Sum256(payload)
	return sha256.Sum256(append(append([]byte("ostiary issuance 1\n"), chain...), sum[:]...))
}

// openCopy finds where the copy ends, and brings it up to the database.
func (j *journal) openCopy(ctx context.Context) error {
	err := j.log.Each(func(index uint64, payload []byte) error {
		if index != uint64(j.next) { //nolint:gosec // counted from 0
			return fmt.Errorf("record %d is missing", j.next)
		}
		j.next, j.chain = j.next+1, link(j.chain[:], payload)
		return nil
	})
	if err != nil {
		return fault.New(fault.Unavailable, "the issuance log cannot be read").Because(err)
	}
	return j.settle(ctx)
}

// settle copies what the database has and the log has not.
func (j *journal) settle(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for {
		n, err := j.copySome(ctx)
		if err != nil || n < journalBatch {
			return err
		}
	}
}

func (j *journal) copySome(ctx context.Context) (int, error) {
	news, chain, err := j.read(ctx)
	if err != nil || len(news) == 0 {
		return 0, err
	}
	// A copy that is given up half-way could not tell where it ended.
	if err := appendTo(context.WithoutCancel(ctx), j.log, news...); err != nil {
		return 0, err
	}
	j.next, j.chain = j.next+int64(len(news)), chain
	return len(news), nil
}

// read gives the records behind the copy's, and the chain after them. The first
// that it asks for is the copy's last, to see that both are of one history.
func (j *journal) read(ctx context.Context) (news [][]byte, chain [32]byte, err error) {
	rows, err := j.db.QueryContext(ctx, `SELECT n, payload, chain FROM issuance WHERE n >= $1 ORDER BY n LIMIT $2`, j.next-1, journalBatch+1)
	if err != nil {
		return nil, chain, err
	}
	defer func() { _ = rows.Close() }()
	want, seen := max(j.next-1, 0), 0
	for chain = j.chain; rows.Next(); seen++ {
		var n int64
		var payload, stored []byte
		if err := rows.Scan(&n, &payload, &stored); err != nil {
			return nil, chain, err
		}
		if n >= j.next {
			chain = link(chain[:], payload)
			news = append(news, payload)
		}
		if n != want || !bytes.Equal(stored, chain[:]) {
			return nil, chain, errOtherHistory.At(fmt.Sprintf("record %d", want))
		}
		want++
	}
	if err := rows.Err(); err != nil {
		return nil, chain, err
	}
	if seen == 0 && j.next > 0 {
		return nil, chain, errOtherHistory.At(fmt.Sprintf("record %d", j.next-1))
	}
	return news, chain, nil
}

var errOtherHistory = fault.New(fault.Conflict, "the authority's database and its issuance log tell different histories").
	Fix("nothing is signed until that is cleared up: docs/portal.md, Several authorities")

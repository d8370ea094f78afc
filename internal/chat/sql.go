package chat

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// sqlStore is a store in SQLite or in PostgreSQL: one set of statements, with
// parameters as SQLite numbers them (?1), and what differs in a dialect.
type sqlStore struct {
	db *sql.DB
	dialect
}

// dialect is what differs.
type dialect struct {
	where   string // for errors
	numbers string // what stands before the number of a parameter
	match   string // finds messages by words
	lock    string // after a SELECT that is to keep others away
	query   func(words []string) string
}

var errAbsent = fault.New(fault.NotFound, "no such conversation")

func (s *sqlStore) failed(err error) error {
	if err == nil || errors.Is(err, errAbsent) {
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		return errAbsent
	}
	return fault.New(fault.Unavailable, "the database of conversations cannot be used").At(s.where).Because(err)
}

// sql writes a statement in the dialect.
func (s *sqlStore) sql(statement string) string { return strings.ReplaceAll(statement, "?", s.numbers) }

func (s *sqlStore) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := s.db.ExecContext(ctx, s.sql(statement), args...)
	if err != nil {
		return 0, s.failed(err)
	}
	n, err := result.RowsAffected()
	return n, s.failed(err)
}

// one is exec for a statement that must find what it changes.
func (s *sqlStore) one(ctx context.Context, statement string, args ...any) error {
	n, err := s.exec(ctx, statement, args...)
	if err == nil && n == 0 {
		return errAbsent
	}
	return err
}

// list reads all rows of a query.
func list[T any](ctx context.Context, s *sqlStore, read func(scan func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	rows, err := s.db.QueryContext(ctx, s.sql(query), args...)
	if err != nil {
		return nil, s.failed(err)
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		v, err := read(rows.Scan)
		if err != nil {
			return nil, s.failed(err)
		}
		all = append(all, v)
	}
	return all, s.failed(rows.Err())
}

// transact runs steps that happen together or not at all.
func (s *sqlStore) transact(ctx context.Context, steps func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err := steps(tx); err != nil {
		return s.failed(err)
	}
	return s.failed(tx.Commit())
}

func (s *sqlStore) ping(ctx context.Context) error { return s.failed(s.db.PingContext(ctx)) }

func (s *sqlStore) close() error { return s.db.Close() }

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// temperature as a database keeps it.
func nullable(f *float64) sql.NullFloat64 {
	if f == nil {
		return sql.NullFloat64{}
	}
	return sql.NullFloat64{Float64: *f, Valid: true}
}

const conversationColumns = `c.id, c.title, c.model, c.system, c.temperature, c.created, c.updated`

func scanConversation(scan func(...any) error, more ...any) (c Conversation, err error) {
	var temperature sql.NullFloat64
	var created, updated int64
	err = scan(append([]any{&c.ID, &c.Title, &c.Model, &c.System, &temperature, &created, &updated}, more...)...)
	if temperature.Valid {
		c.Temperature = &temperature.Float64
	}
	c.Created, c.Updated = moment(created), moment(updated)
	return c, err
}

func readConversation(scan func(...any) error) (Conversation, error) { return scanConversation(scan) }

func (s *sqlStore) conversations(ctx context.Context, owner string, before time.Time, n int) ([]Conversation, error) {
	limit := before.UnixMilli()
	if before.IsZero() {
		limit = 1 << 52
	}
	return list(ctx, s, readConversation, `SELECT `+conversationColumns+` FROM chat_conversations c
		WHERE c.owner = ?1 AND c.updated < ?2 ORDER BY c.updated DESC, c.id LIMIT ?3`, owner, limit, n)
}

func (s *sqlStore) conversation(ctx context.Context, owner, id string) (Conversation, error) {
	c, err := scanConversation(s.db.QueryRowContext(ctx, s.sql(`SELECT `+conversationColumns+` FROM chat_conversations c WHERE c.owner = ?1 AND c.id = ?2`), owner, id).Scan)
	return c, s.failed(err)
}

func (s *sqlStore) create(ctx context.Context, owner string, c Conversation) error {
	_, err := s.exec(ctx, `INSERT INTO chat_conversations (owner, id, title, model, system, temperature, created, updated, folded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)`,
		owner, c.ID, c.Title, c.Model, c.System, nullable(c.Temperature), c.Created.UnixMilli(), strings.ToLower(c.Title))
	return err
}

func (s *sqlStore) change(ctx context.Context, owner string, c Conversation) error {
	return s.one(ctx, `UPDATE chat_conversations SET title = ?3, model = ?4, system = ?5, temperature = ?6, folded = ?7 WHERE owner = ?1 AND id = ?2`,
		owner, c.ID, c.Title, c.Model, c.System, nullable(c.Temperature), strings.ToLower(c.Title))
}

func (s *sqlStore) remove(ctx context.Context, owner, id string) error {
	return s.one(ctx, `DELETE FROM chat_conversations WHERE owner = ?1 AND id = ?2`, owner, id)
}

func (s *sqlStore) removeAll(ctx context.Context, owner string) error {
	_, err := s.exec(ctx, `DELETE FROM chat_conversations WHERE owner = ?1`, owner)
	return err
}

// search looks at messages and at titles.
func (s *sqlStore) search(ctx context.Context, owner string, words []string, n int) ([]Found, error) {
	if len(words) == 0 {
		return nil, nil
	}
	texts, err := list(ctx, s, func(scan func(...any) error) (f Found, err error) {
		f.Conversation, err = scanConversation(scan, &f.Text)
		return f, err
	}, s.match, owner, s.query(words), n)
	if err != nil {
		return nil, err
	}
	titles, err := s.searchTitles(ctx, owner, words, n)
	if err != nil {
		return nil, err
	}
	return merge(titles, texts, n), nil
}

func (s *sqlStore) searchTitles(ctx context.Context, owner string, words []string, n int) ([]Found, error) {
	where, args := "", []any{owner, n}
	for i, word := range words {
		where += ` AND c.folded LIKE ?` + string(rune('3'+i)) + ` ESCAPE '\'`
		args = append(args, "%"+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(word))+"%")
	}
	return list(ctx, s, func(scan func(...any) error) (f Found, err error) {
		f.Conversation, err = scanConversation(scan)
		return f, err
	}, `SELECT `+conversationColumns+` FROM chat_conversations c WHERE c.owner = ?1`+where+` ORDER BY c.updated DESC LIMIT ?2`, args...)
}

// merge names each conversation once, the last used first.
func merge(titles, texts []Found, n int) []Found {
	seen := map[string]bool{}
	var all []Found
	for len(titles)+len(texts) > 0 && len(all) < n {
		from := &texts
		if len(texts) == 0 || len(titles) > 0 && !titles[0].Updated.Before(texts[0].Updated) {
			from = &titles
		}
		if f := (*from)[0]; !seen[f.ID] {
			seen[f.ID] = true
			all = append(all, f)
		}
		*from = (*from)[1:]
	}
	return all
}

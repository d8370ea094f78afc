package chat

import (
	"context"
	"database/sql"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// postgresSearch indexes the beginning of a text: an index entry has a bound
// (PostgreSQL manual, "limitations" of text search: 1 MB of lexemes).
const postgresSearch = `
ALTER TABLE chat_messages ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple', left(text, 100000))) STORED;
CREATE INDEX chat_messages_words ON chat_messages USING gin (words);
`

const postgresMatch = `SELECT ` + conversationColumns + `, m.text FROM chat_conversations c JOIN
	(SELECT m.conversation, max(m.id) AS id FROM chat_messages m JOIN chat_conversations o ON o.id = m.conversation
	 WHERE m.words @@ to_tsquery('simple', ?2) AND o.owner = ?1 GROUP BY m.conversation) AS hit ON hit.conversation = c.id
	JOIN chat_messages m ON m.id = hit.id ORDER BY c.updated DESC LIMIT ?3`

// openPostgres makes the tables where they are missing.
func openPostgres(ctx context.Context, ref secret.Ref) (*sqlStore, error) {
	url, err := ref.Resolve()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the database's URL is not known").At("chat.store.postgres").Because(err)
	}
	config, err := pgx.ParseConfig(url.Reveal())
	if err != nil { // which may quote the URL
		return nil, fault.New(fault.Invalid, "not the URL of a PostgreSQL database").At(ref.String()).Fix("write postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full")
	}
	db := sql.OpenDB(&postgresConnector{config})
	db.SetMaxOpenConns(16)
	s := &sqlStore{db, dialect{where: ref.String(), numbers: "$", match: postgresMatch, lock: " FOR UPDATE", query: postgresQuery}}
	if err := s.makePostgres(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

func (s *sqlStore) makePostgres(ctx context.Context) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		// Two that make tables at once would fail.
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('ostiary_chat'))`); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRowContext(ctx, `SELECT to_regclass('chat_people') IS NOT NULL`).Scan(&there); err != nil || there {
			return err
		}
		made := strings.NewReplacer("{{serial}}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{{blob}}", "BYTEA").Replace(tables)
		_, err := tx.ExecContext(ctx, made+postgresSearch)
		return err
	})
}

// postgresQuery asks for all words; they hold letters and digits alone.
func postgresQuery(words []string) string { return strings.Join(words, ":* & ") + ":*" }

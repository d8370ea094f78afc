package chat

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver: pure Go, so that the binary stays static

	"github.com/ostiary/ostiary/internal/fault"
)

const (
	schemaVersion = 1
	applicationID = 0x4F535443 // "OSTC" marks the file as ours
)

const tables = `
CREATE TABLE chat_conversations (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, folded TEXT NOT NULL, model TEXT NOT NULL, system TEXT NOT NULL,
  temperature DOUBLE PRECISION, created BIGINT NOT NULL, updated BIGINT NOT NULL);
CREATE INDEX chat_conversations_owner ON chat_conversations (owner, updated);
CREATE TABLE chat_messages (
  id {{serial}}, conversation TEXT NOT NULL REFERENCES chat_conversations ON DELETE CASCADE, seq BIGINT NOT NULL,
  role TEXT NOT NULL, text TEXT NOT NULL, model TEXT NOT NULL, status TEXT NOT NULL, retry BIGINT NOT NULL, detail TEXT NOT NULL,
  prompt BIGINT NOT NULL, completion BIGINT NOT NULL, cost DOUBLE PRECISION NOT NULL, currency TEXT NOT NULL,
  first_ms BIGINT NOT NULL, total_ms BIGINT NOT NULL, at BIGINT NOT NULL, UNIQUE (conversation, seq));
CREATE TABLE chat_files (
  conversation TEXT NOT NULL, seq BIGINT NOT NULL, n INTEGER NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
  size BIGINT NOT NULL, data {{blob}} NOT NULL, PRIMARY KEY (conversation, seq, n),
  FOREIGN KEY (conversation, seq) REFERENCES chat_messages (conversation, seq) ON DELETE CASCADE);
CREATE TABLE chat_people (
  owner TEXT PRIMARY KEY, name TEXT NOT NULL, language TEXT NOT NULL, theme TEXT NOT NULL, system TEXT NOT NULL, model TEXT NOT NULL);
`

// sqliteSearch is an index of the messages' words that holds no second copy of
// them (FTS5, external content).
const sqliteSearch = `
CREATE VIRTUAL TABLE chat_words USING fts5(text, content='chat_messages', content_rowid='id', tokenize='unicode61 remove_diacritics 2');
CREATE TRIGGER chat_words_insert AFTER INSERT ON chat_messages BEGIN
  INSERT INTO chat_words (rowid, text) VALUES (new.id, new.text); END;
CREATE TRIGGER chat_words_delete AFTER DELETE ON chat_messages BEGIN
  INSERT INTO chat_words (chat_words, rowid, text) VALUES ('delete', old.id, old.text); END;
CREATE TRIGGER chat_words_update AFTER UPDATE OF text ON chat_messages BEGIN
  INSERT INTO chat_words (chat_words, rowid, text) VALUES ('delete', old.id, old.text);
  INSERT INTO chat_words (rowid, text) VALUES (new.id, new.text); END;
`

const sqliteMatch = `SELECT ` + conversationColumns + `, m.text FROM chat_conversations c JOIN
	(SELECT m.conversation, max(m.id) AS id FROM chat_words w JOIN chat_messages m ON m.id = w.rowid JOIN chat_conversations o ON o.id = m.conversation
	 WHERE chat_words MATCH ?2 AND o.owner = ?1 GROUP BY m.conversation) AS hit ON hit.conversation = c.id
	JOIN chat_messages m ON m.id = hit.id ORDER BY c.updated DESC LIMIT ?3`

// openSQLite opens a database, or makes it, readable by its owner alone.
func openSQLite(ctx context.Context, file string) (*sqlStore, error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the database of conversations cannot be made").At(file).Fix("make its directory, and give this user the right to write there").Because(err)
	}
	_ = f.Close()
	name := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(file)
	// secure_delete: a conversation that is deleted is overwritten in the file.
	db, err := sql.Open("sqlite", name+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	s := &sqlStore{db, dialect{where: file, numbers: "?", match: sqliteMatch, query: sqliteQuery}}
	if err := s.makeSQLite(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

func (s *sqlStore) makeSQLite(ctx context.Context) error {
	var app, version, there int
	err := s.db.QueryRowContext(ctx, "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version").Scan(&app, &version, &there)
	switch {
	case err != nil:
		return s.failed(err)
	case app == applicationID && version == schemaVersion:
		return nil
	case app == applicationID && version > schemaVersion:
		return fault.New(fault.Invalid, "the database is of a later version").At(s.where).Fix("use the build that made it, or a later one")
	case app != 0 || there != 0:
		return fault.New(fault.Invalid, "not a database of conversations").At(s.where).Fix("name another file")
	}
	made := strings.NewReplacer("{{serial}}", "INTEGER PRIMARY KEY", "{{blob}}", "BLOB").Replace(tables)
	_, err = s.db.ExecContext(ctx, "BEGIN IMMEDIATE;"+made+sqliteSearch+fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;", applicationID, schemaVersion))
	return s.failed(err)
}

// sqliteQuery asks for all words, each quoted, so that none is an operator,
// and each perhaps the beginning of a longer one.
func sqliteQuery(words []string) string {
	return `"` + strings.Join(words, `"* "`) + `"*`
}

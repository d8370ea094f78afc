package sink

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver: pure Go, so that the binary stays static

	"github.com/ostiary/ostiary/internal/fault"
)

// SchemaVersion is that of the database, in its user_version. A later build
// adds columns and raises it; a database of a later version is refused.
//
//	1  the first
//	2  the column asked
const SchemaVersion = 2

// applicationID marks the file as ours: "OSTL".
const applicationID = 0x4F53544C

// SQLite is a Destination in one file. The cursor is stored in the same
// transaction as the entries, so every call is one row, whatever is
// interrupted.
type SQLite struct {
	db     *sql.DB
	file   string
	upsert string
	cols   []Column
}

// OpenSQLite opens a database, or makes it, readable by its owner alone. A
// file that is something else is a fault of kind Invalid.
func OpenSQLite(file string) (*SQLite, error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unavailable(file, err)
	}
	_ = f.Close()
	// secure_delete: what forget deletes is overwritten in the file.
	db, err := sql.Open("sqlite", uri(file)+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"+
		"&_pragma=synchronous(FULL)&_pragma=secure_delete(1)")
	if err != nil {
		return nil, unavailable(file, err)
	}
	db.SetMaxOpenConns(1)
	return newSQLite(db, file)
}

func newSQLite(db *sql.DB, file string) (*SQLite, error) {
	s := &SQLite{db: db, file: file, cols: Columns()}
	s.upsert = upsert(s.cols)
	if err := s.create(context.Background()); err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

func uri(file string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(file)
}

func unavailable(file string, err error) error {
	return fault.New(fault.Unavailable, "the database of calls cannot be used").At(file).
		Fix("mend the disk or the permissions").Because(err)
}

func foreign(file string) error {
	return fault.New(fault.Invalid, "not a database of calls").At(file).Fix("name another file")
}

// version is 0 for an empty database; anything foreign or later is refused.
func version(ctx context.Context, db *sql.DB, file string) (int, error) {
	var app, version, tables int
	err := db.QueryRowContext(ctx, "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version").
		Scan(&app, &version, &tables)
	switch {
	case err != nil && strings.Contains(err.Error(), "not a database"):
		return 0, foreign(file)
	case err != nil:
		return 0, unavailable(file, err)
	case app == 0 && tables == 0:
		return 0, nil
	case app != applicationID || version < 1:
		return 0, foreign(file)
	case version > SchemaVersion:
		return 0, fault.New(fault.Invalid, fmt.Sprintf("a database of version %d, and this build knows 1 to %d", version, SchemaVersion)).
			At(file).Fix("use the build that made it, or a later one")
	}
	return version, nil
}

func (s *SQLite) create(ctx context.Context) error {
	have, err := version(ctx, s.db, s.file)
	if err != nil || have == SchemaVersion {
		return err
	}
	text := schema(s.cols)
	if have == 1 {
		text = fmt.Sprintf("BEGIN IMMEDIATE; ALTER TABLE calls ADD COLUMN asked TEXT; PRAGMA user_version = %d; COMMIT;", SchemaVersion)
	}
	if _, err := s.db.ExecContext(ctx, text); err != nil {
		return unavailable(s.file, err)
	}
	return nil
}

// columnsOf are those that a database of the version has.
func columnsOf(version int) []Column {
	return slices.DeleteFunc(Columns(), func(c Column) bool { return version < 2 && c.Name == "asked" })
}

// schema is the whole database, in one transaction.
func schema(columns []Column) string {
	var calls strings.Builder
	for _, c := range columns {
		constraint := ""
		switch {
		case c.Name == "id":
			constraint = " NOT NULL UNIQUE"
		case c.half == "" && c.Name != "bodies":
			constraint = " NOT NULL"
		}
		kind := c.Type
		if strings.HasSuffix(c.Name, "_body") {
			kind = "ANY" // text, or a blob if it is none
		}
		fmt.Fprintf(&calls, "  %s %s%s,\n", c.Name, kind, constraint)
	}
	return fmt.Sprintf(`BEGIN IMMEDIATE;
CREATE TABLE calls (
%s) STRICT;
CREATE INDEX calls_time ON calls (time);
CREATE INDEX calls_workload ON calls (workload, time);
CREATE INDEX calls_subject_key ON calls (subject_key) WHERE bodies IS NOT NULL;
CREATE TABLE forgotten (
  id          TEXT PRIMARY KEY,  -- of the record in the log
  log         TEXT NOT NULL,
  log_index   INTEGER NOT NULL,
  time        TEXT NOT NULL,
  subject_key TEXT NOT NULL
) STRICT;
CREATE TABLE cursors (
  log  TEXT PRIMARY KEY,
  next INTEGER NOT NULL,         -- first entry of the log that has not been read
  low  INTEGER NOT NULL,         -- lowest entry that is still needed
  open TEXT NOT NULL             -- JSON array: intents before next that still wait for an outcome
) STRICT;
PRAGMA application_id = %d;
PRAGMA user_version = %d;
COMMIT;`, strings.TrimSuffix(calls.String(), ",\n")+"\n", applicationID, SchemaVersion)
}

// upsert inserts a call or completes it: what a half does not know leaves what
// is there, and a call that is whole never loses its outcome.
func upsert(columns []Column) string {
	var names, marks, sets []string
	for _, c := range columns {
		names, marks = append(names, c.Name), append(marks, "?")
		switch c.Name {
		case "id":
		case "kind":
			sets = append(sets, `kind = CASE excluded.kind WHEN 'no-outcome' THEN kind
  WHEN 'outcome' THEN CASE kind WHEN 'outcome' THEN kind ELSE 'call' END ELSE excluded.kind END`)
		case "time":
			sets = append(sets, "time = CASE excluded.kind WHEN 'outcome' THEN time ELSE excluded.time END")
		case "log_index":
			sets = append(sets, "log_index = max(log_index, excluded.log_index)")
		default:
			sets = append(sets, fmt.Sprintf("%s = coalesce(excluded.%[1]s, %[1]s)", c.Name))
		}
	}
	return fmt.Sprintf("INSERT INTO calls (%s) VALUES (%s) ON CONFLICT (id) DO UPDATE SET %s",
		strings.Join(names, ", "), strings.Join(marks, ", "), strings.Join(sets, ", "))
}

// Load implements Destination.
func (s *SQLite) Load(ctx context.Context, log string) (Cursor, error) {
	var c Cursor
	var open string
	err := s.db.QueryRowContext(ctx, "SELECT next, low, open FROM cursors WHERE log = ?", log).Scan(&c.Next, &c.From, &open)
	if errors.Is(err, sql.ErrNoRows) {
		return Cursor{}, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(open), &c.Open)
	}
	if err != nil {
		return Cursor{}, unavailable(s.file, err)
	}
	return c, nil
}

// Write implements Destination: one transaction, synced.
func (s *SQLite) Write(ctx context.Context, log string, entries []Entry, next Cursor) error {
	forgot, err := s.write(ctx, log, entries, next)
	if err != nil {
		return unavailable(s.file, err)
	}
	if forgot {
		// The deleted bodies are in the write-ahead log still. A reader may
		// hold it; the next checkpoint takes it then.
		_, _ = s.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	return nil
}

func (s *SQLite) write(ctx context.Context, log string, entries []Entry, next Cursor) (forgot bool, err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if forgot, err = s.insert(ctx, tx, entries); err != nil {
		return false, err
	}
	open, err := json.Marshal(next.Open)
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO cursors (log, next, low, open) VALUES (?, ?, ?, ?)",
		log, int64(next.Next), int64(next.From), string(open)) //nolint:gosec // an index of a log is below 2⁶³
	if err != nil {
		return false, err
	}
	return forgot, tx.Commit()
}

func (s *SQLite) insert(ctx context.Context, tx *sql.Tx, entries []Entry) (forgot bool, err error) {
	put, err := tx.PrepareContext(ctx, s.upsert)
	if err != nil {
		return false, err
	}
	defer func() { _ = put.Close() }()
	values := make([]any, len(s.cols))
	for i := range entries {
		e := &entries[i]
		if e.Kind == KindForgotten {
			forgot = true
			if err := forget(ctx, tx, e); err != nil {
				return false, err
			}
			continue
		}
		for k, c := range s.cols {
			if values[k], err = c.value(e); err != nil {
				return false, err
			}
		}
		if _, err := put.ExecContext(ctx, values...); err != nil {
			return false, err
		}
	}
	return forgot, nil
}

// forget deletes the bodies of a subject, and remembers that it did.
func forget(ctx context.Context, tx *sql.Tx, e *Entry) error {
	if _, err := tx.ExecContext(ctx, "UPDATE calls SET request_body = NULL, response_body = NULL, bodies = NULL WHERE subject_key = ? AND bodies IS NOT NULL", e.SubjectKey); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO forgotten (id, log, log_index, time, subject_key) VALUES (?, ?, ?, ?, ?)",
		e.ID, e.Log, int64(e.Index), e.Time.UTC().Format(timeLayout), e.SubjectKey) //nolint:gosec // an index of a log is below 2⁶³
	return err
}

// Close implements Destination.
func (s *SQLite) Close() error { return s.db.Close() }

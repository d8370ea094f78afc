package sink

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// Reader answers questions about calls.
type Reader struct {
	db   *sql.DB
	file string
	cols []Column
}

// OpenReader opens a database that a SQLite sink keeps, for reading alone; a
// sink may be at work on it.
func OpenReader(ctx context.Context, file string) (*Reader, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fault.New(fault.NotFound, "no such database").At(file).Fix("name the file of a sqlite sink").Because(err)
	}
	db, err := sql.Open("sqlite", uri(file)+"?mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(1)")
	if err != nil {
		return nil, unavailable(file, err)
	}
	have, err := version(ctx, db, file)
	if err == nil && have == 0 {
		err = foreign(file)
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return &Reader{db: db, file: file, cols: columnsOf(have)}, nil
}

// batchSize is how many calls ReadLog inserts at once.
const batchSize = 500

// ReadLog makes a Reader of a log itself: of the calls that the filter
// selects, without bodies. They are held in memory up to 64 MiB, beyond that
// in a file that the operating system deletes with the process.
func ReadLog(ctx context.Context, dir string, f Filter) (*Reader, error) {
	db, err := sql.Open("sqlite", "file:?_pragma=cache_size(-65536)&_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)")
	if err != nil {
		return nil, unavailable(dir, err)
	}
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	s, err := newSQLite(db, "temporary database")
	if err != nil {
		return nil, err
	}
	var batch []Entry
	err = Each(ctx, dir, f, nil, func(e *Entry) error {
		if batch = append(batch, *e); len(batch) < batchSize {
			return nil
		}
		err := s.Write(ctx, e.Log, batch, Cursor{})
		batch = batch[:0]
		return err
	})
	if err == nil && len(batch) > 0 {
		err = s.Write(ctx, batch[0].Log, batch, Cursor{})
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return &Reader{db: db, file: dir, cols: s.cols}, nil
}

// Close closes the database.
func (r *Reader) Close() error { return r.db.Close() }

// Rows gives visit the calls that the filter selects, oldest first; with a
// limit over 0 the latest so many. Bodies are read only if asked for. The entry
// must not be kept.
func (r *Reader) Rows(ctx context.Context, f Filter, limit int, bodies bool, visit func(*Entry) error) error {
	if err := f.Check(); err != nil {
		return err
	}
	cols := r.cols
	if !bodies {
		cols = slices.DeleteFunc(slices.Clone(cols), func(c Column) bool { return strings.HasSuffix(c.Name, "_body") || c.Name == "bodies" })
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
	}
	where, values := f.where()
	text := fmt.Sprintf("SELECT %s FROM calls WHERE %s", strings.Join(names, ", "), where)
	if limit > 0 {
		text = fmt.Sprintf("SELECT * FROM (%s ORDER BY time DESC, id DESC LIMIT ?)", text)
		values = append(values, limit)
	}
	rows, err := r.db.QueryContext(ctx, text+" ORDER BY time, id", values...)
	if err != nil {
		return unavailable(r.file, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		e, err := scan(rows, cols)
		if err != nil {
			return unavailable(r.file, err)
		}
		if err := visit(e); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return unavailable(r.file, err)
	}
	return nil
}

func scan(rows *sql.Rows, cols []Column) (*Entry, error) {
	cells := make([]any, len(cols))
	targets := make([]any, len(cols))
	for i := range cells {
		targets[i] = &cells[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	var e Entry
	for i, c := range cols {
		if err := c.set(&e, cells[i]); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return &e, nil
}

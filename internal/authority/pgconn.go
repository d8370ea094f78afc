package authority

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// connector gives database/sql connections of pgconn, the protocol's part of
// pgx. What pgx has above it, types and pools, would make the small binary a
// quarter bigger for three kinds of values.
type connector struct{ cfg *pgconn.Config }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := pgconn.ConnectConfig(ctx, c.cfg.Copy())
	if err != nil {
		return nil, err
	}
	return pgConn{conn}, nil
}

func (c connector) Driver() driver.Driver { return c }

// Open is what a name would be opened by; there is none.
func (connector) Open(string) (driver.Conn, error) { return nil, errors.ErrUnsupported }

type pgConn struct{ conn *pgconn.PgConn }

// endTime bounds what ends a transaction or a connection, whose request may
// have ended already: a commit is not to be left in doubt for that.
const endTime = 10 * time.Second

func (c pgConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (c pgConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (c pgConn) IsValid() bool                       { return !c.conn.IsClosed() }

func (c pgConn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	return c.conn.Close(ctx)
}

func (c pgConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	_, err := c.run(ctx, "BEGIN", nil)
	return c, err
}

// Commit is an error too where the server has rolled back in place of it.
func (c pgConn) Commit() error {
	tag, err := c.end("COMMIT")
	if err == nil && tag != "COMMIT" {
		err = errors.New("the transaction was not committed: " + tag)
	}
	return err
}

func (c pgConn) Rollback() error {
	_, err := c.end("ROLLBACK")
	return err
}

func (c pgConn) end(command string) (tag string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	result, err := c.run(ctx, command, nil)
	if err != nil {
		return "", err
	}
	return result.CommandTag.String(), nil
}

func (c pgConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 { // which may be several statements
		_, err := c.conn.Exec(ctx, query).ReadAll()
		return driver.RowsAffected(0), elsewhere(err)
	}
	result, err := c.run(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(result.CommandTag.RowsAffected()), nil
}

func (c pgConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	result, err := c.run(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return &pgRows{result: result}, nil
}

// run asks, and reads the whole answer.
func (c pgConn) run(ctx context.Context, query string, args []driver.NamedValue) (*pgconn.Result, error) {
	texts := make([][]byte, len(args))
	for i, a := range args {
		switch v := a.Value.(type) {
		case nil:
		case int64:
			texts[i] = strconv.AppendInt(nil, v, 10)
		case string:
			texts[i] = []byte(v)
		case []byte:
			texts[i] = []byte(`\x` + hex.EncodeToString(v))
		default:
			return nil, fmt.Errorf("a value of type %T", v)
		}
	}
	result := c.conn.ExecParams(ctx, query, texts, nil, nil, nil).Read()
	return result, elsewhere(result.Err)
}

// elsewhere has database/sql take another connection where this one had died
// before anything was sent.
func elsewhere(err error) error {
	if err != nil && pgconn.SafeToRetry(err) {
		return driver.ErrBadConn
	}
	return err
}

// pgRows are rows of integers, texts and bytes.
type pgRows struct {
	result *pgconn.Result
	next   int
}

func (r *pgRows) Close() error { return nil }

func (r *pgRows) Columns() []string {
	var names []string
	for _, f := range r.result.FieldDescriptions {
		names = append(names, f.Name)
	}
	return names
}

// The types' numbers, of PostgreSQL's catalogue pg_type.
const (
	oidBytea = 17
	oidInt8  = 20
	oidInt4  = 23
)

func (r *pgRows) Next(into []driver.Value) (err error) {
	if r.next == len(r.result.Rows) {
		return io.EOF
	}
	for i, text := range r.result.Rows[r.next] {
		switch {
		case text == nil:
			into[i] = nil
		case r.result.FieldDescriptions[i].DataTypeOID == oidBytea:
			into[i], err = hex.DecodeString(strings.TrimPrefix(string(text), `\x`))
		case r.result.FieldDescriptions[i].DataTypeOID == oidInt8, r.result.FieldDescriptions[i].DataTypeOID == oidInt4:
			into[i], err = strconv.ParseInt(string(text), 10, 64)
		default:
			into[i] = string(text)
		}
		if err != nil {
			return err
		}
	}
	r.next++
	return nil
}

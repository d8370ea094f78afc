package chat

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/jackc/pgx/v5"
)

// A driver of database/sql over a pgx connection, as far as this package's
// statements need one. It keeps no statement: pgx caches what it prepares.

var errNotPrepared = errors.New("statements are not prepared by hand")

type postgresConnector struct{ config *pgx.ConnConfig }

// Connect opens a connection.
func (c *postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, c.config.Copy())
	if err != nil {
		return nil, err
	}
	return &postgresConn{conn}, nil
}

// Driver is for the interface's sake.
func (c *postgresConnector) Driver() driver.Driver { return nil }

type postgresConn struct{ conn *pgx.Conn }

var (
	_ driver.QueryerContext = (*postgresConn)(nil)
	_ driver.ExecerContext  = (*postgresConn)(nil)
	_ driver.ConnBeginTx    = (*postgresConn)(nil)
	_ driver.Pinger         = (*postgresConn)(nil)
	_ driver.Validator      = (*postgresConn)(nil)
)

func (c *postgresConn) Prepare(string) (driver.Stmt, error) { return nil, errNotPrepared }
func (c *postgresConn) Close() error                        { return c.conn.Close(context.Background()) }
func (c *postgresConn) IsValid() bool                       { return !c.conn.IsClosed() }
func (c *postgresConn) Ping(ctx context.Context) error      { return c.conn.Ping(ctx) }

// Begin is the old form, which database/sql does not use where there is BeginTx.
func (c *postgresConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx begins a transaction of the server's default isolation.
func (c *postgresConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	tx, err := c.conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return postgresTx{tx}, nil
}

type postgresTx struct{ tx pgx.Tx }

func (t postgresTx) Commit() error   { return t.tx.Commit(context.Background()) }
func (t postgresTx) Rollback() error { return t.tx.Rollback(context.Background()) }

func arguments(named []driver.NamedValue) []any {
	args := make([]any, len(named))
	for i, v := range named {
		args[i] = v.Value
	}
	return args
}

// ExecContext runs a statement; without arguments it may be several.
func (c *postgresConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	tag, err := c.conn.Exec(ctx, query, arguments(args)...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

// QueryContext runs a query.
func (c *postgresConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.conn.Query(ctx, query, arguments(args)...)
	if err != nil {
		return nil, err
	}
	return &postgresRows{rows}, nil
}

type postgresRows struct{ rows pgx.Rows }

func (r *postgresRows) Columns() []string {
	var names []string
	for _, f := range r.rows.FieldDescriptions() {
		names = append(names, f.Name)
	}
	return names
}

func (r *postgresRows) Close() error { r.rows.Close(); return nil }

// Next reads a row of the kinds that database/sql knows.
func (r *postgresRows) Next(dest []driver.Value) error {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	values, err := r.rows.Values()
	for i, v := range values {
		switch v := v.(type) {
		case int32:
			dest[i] = int64(v)
		case int16:
			dest[i] = int64(v)
		default:
			dest[i] = v
		}
	}
	return err
}

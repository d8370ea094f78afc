package upstream

import (
	"context"
	"errors"
	"io"
	"time"
)

// body is an answer's. Its end frees the connection.
type body struct {
	c    *conn // nil once it is free or closed
	in   io.ReadCloser
	ctx  context.Context
	stop func() bool
	sent sending
	keep bool
	err  error // what every further Read returns
}

func (b *body) Read(p []byte) (int, error) {
	if b.c == nil {
		return 0, b.err
	}
	n, err := b.in.Read(p)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		return n, b.finish()
	case b.ctx.Err() != nil:
		err = context.Cause(b.ctx)
	}
	b.drop(err)
	return n, err
}

// finish frees the connection, if it can carry another call: the request went
// out whole and nobody has ended the context meanwhile.
func (b *body) finish() error {
	c := b.c
	if !b.keep || c.stray || !b.stop() || !b.requestSent() {
		b.drop(io.EOF)
		return io.EOF
	}
	b.c, b.err = nil, io.EOF
	c.t.give(c)
	return io.EOF
}

// sendGrace is how long the end of a whole answer waits for the sending of the
// request to say that it has ended too.
const sendGrace = 50 * time.Millisecond

func (b *body) requestSent() bool {
	done, err := b.sent.ended(sendGrace)
	return done && err == nil
}

// drop breaks the connection off.
func (b *body) drop(err error) {
	c := b.c
	b.c, b.err = nil, err
	b.stop()
	_ = c.net.Close()
}

var errClosed = errors.New("read after close")

// Close breaks the connection off unless the answer was read to its end: the
// server sees that nobody waits for the rest.
func (b *body) Close() error {
	if b.c != nil {
		b.drop(errClosed)
	}
	return nil
}

// tunnel is what an answer that switches protocols leaves: both directions of
// the connection. The request's context still ends it.
type tunnel struct {
	c    *conn
	stop func() bool
}

func (t *tunnel) Read(p []byte) (int, error)  { return t.c.r.Read(p) }
func (t *tunnel) Write(p []byte) (int, error) { return t.c.net.Write(p) }

func (t *tunnel) Close() error {
	t.stop()
	return t.c.net.Close()
}

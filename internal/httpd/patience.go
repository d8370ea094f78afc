package httpd

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

type connKey struct{}

// guard is the handler before the service's own: it answers for what the gate
// refused, and bounds what a client may leave undone.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == refusedMethod {
			refuse(w, r)
			return
		}
		if r.ContentLength != 0 { // or net/http would wait for ever for a body that the handler does not read
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(Stall))
		}
		if r.ProtoMajor == 2 {
			p := newPatientWriter(w)
			defer p.last()
			w = p
		} else if r.Header["Upgrade"] != nil {
			w.Header().Set("Connection", "close") // if it is answered in HTTP: the gate is open
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers in the shape of Azure's errors.
func refuse(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	bad := malformed("The request is malformed")
	if g, ok := r.Context().Value(connKey{}).(*gate); ok {
		if known := g.refused.Load(); known != nil {
			bad = known
		}
	}
	bad.answer().Write(w)
}

// withGate keeps a connection's gate for guard.
func withGate(ctx context.Context, c net.Conn) context.Context {
	switch c := c.(type) {
	case *tlsGate:
		return context.WithValue(ctx, connKey{}, c.gate)
	case *gate:
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// patientWriter ends a stream of HTTP/2 whose client opens no window for what
// it is sent: such a write waits within the server, where no connection's
// deadline reaches. The stream's own deadline would end it while nothing is
// written too, so it is only set once a write has waited too long.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	timer   *time.Timer
	writing atomic.Bool
}

// pieceBytes is what must be taken in the time of a stall.
const pieceBytes = 16 << 10

func newPatientWriter(w http.ResponseWriter) *patientWriter {
	p := &patientWriter{ResponseWriter: w, control: http.NewResponseController(w)}
	p.timer = time.AfterFunc(time.Hour, func() {
		if p.writing.Load() {
			_ = p.control.SetWriteDeadline(time.Unix(1, 0))
		}
	})
	p.timer.Stop()
	return p
}

func (p *patientWriter) Write(b []byte) (int, error) {
	sent := 0
	for {
		piece := b[sent:min(len(b), sent+pieceBytes)]
		n, err := 0, error(nil)
		p.bounded(func() { n, err = p.ResponseWriter.Write(piece) })
		if sent += n; err != nil || sent == len(b) {
			return sent, err
		}
	}
}

// FlushError is what http.ResponseController calls.
func (p *patientWriter) FlushError() (err error) {
	p.bounded(func() { err = p.control.Flush() })
	return err
}

// Unwrap leads http.ResponseController to the rest.
func (p *patientWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *patientWriter) bounded(write func()) {
	p.writing.Store(true)
	p.timer.Reset(Stall)
	write()
	p.writing.Store(false)
	p.timer.Stop()
}

// last bounds what net/http still has to send once the handler has returned.
func (p *patientWriter) last() {
	p.timer.Stop()
	_ = p.control.SetWriteDeadline(time.Now().Add(Stall))
}

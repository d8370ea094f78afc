package upstream

import (
	"time"
)

// take finds an idle connection that is still good; nil if there is none.
func (t *Transport) take(where target) *conn {
	for {
		c := t.pop(where)
		if c == nil {
			return nil
		}
		if c.alive() {
			return c
		}
		_ = c.net.Close()
	}
}

// pop takes the connection that was used last: the others may grow old.
func (t *Transport) pop(where target) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	stack := t.idle[where]
	if len(stack) == 0 {
		return nil
	}
	c := stack[len(stack)-1]
	stack[len(stack)-1] = nil
	t.idle[where] = stack[:len(stack)-1]
	return c
}

// give keeps a connection whose answer was read to its end, and closes those
// that have been idle too long. They stand at the stack's bottom.
func (t *Transport) give(c *conn) {
	most, keep := t.MaxIdle, t.IdleTimeout
	if most == 0 {
		most = defaultIdle
	}
	if keep == 0 {
		keep = defaultKeep
	}
	c.since = time.Now()
	var old []*conn
	t.mu.Lock()
	stack := t.idle[c.where]
	n := 0
	for n < len(stack) && (len(stack)-n >= most || c.since.Sub(stack[n].since) > keep) {
		n++
	}
	if n > 0 {
		old = append(old, stack[:n]...)
		stack = append(stack[:0], stack[n:]...)
	}
	if t.idle == nil {
		t.idle = map[target][]*conn{}
	}
	t.idle[c.where] = append(stack, c)
	t.mu.Unlock()
	for _, c := range old {
		_ = c.net.Close()
	}
}

// CloseIdleConnections closes what is kept and not in use.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	idle := t.idle
	t.idle = nil
	t.mu.Unlock()
	for _, stack := range idle {
		for _, c := range stack {
			_ = c.net.Close()
		}
	}
}

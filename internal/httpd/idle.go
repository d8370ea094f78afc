package httpd

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// idlers are the connections on which no request is under way. Of too many the
// one that is idle longest is closed: its client would have to reckon with that
// at any time (RFC 9112 section 9.5).
type idlers struct {
	most int

	mu    sync.Mutex
	order list.List // of net.Conn, the longest idle first
	at    map[net.Conn]*list.Element
}

func newIdlers(most int) *idlers { return &idlers{most: most, at: map[net.Conn]*list.Element{}} }

// state is told of every change by net/http.
func (i *idlers) state(c net.Conn, s http.ConnState) {
	var oldest net.Conn
	i.mu.Lock()
	if e, ok := i.at[c]; ok {
		i.order.Remove(e)
		delete(i.at, c)
	}
	if s == http.StateIdle {
		i.at[c] = i.order.PushBack(c)
		if i.order.Len() > i.most {
			oldest = i.order.Front().Value.(net.Conn)
			i.order.Remove(i.order.Front())
			delete(i.at, oldest)
		}
	}
	i.mu.Unlock()
	if oldest != nil {
		go func() { _ = oldest.Close() }() // TLS says goodbye first, and may have to wait
	}
}

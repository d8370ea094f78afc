package gateway

import (
	"errors"
	"sync"

	"github.com/ostiary/ostiary/internal/ledger"
)

// maxSaid is how much text of a client's events a session may have where they
// are kept, in bytes: an hour of sound takes 220 MiB.
const maxSaid = 256 << 20

var errSaid = errors.New("the session's client has sent more than is kept of one")

// said keeps what a client says in a realtime session: the text of its
// messages, each with a line feed after it. One goroutine takes, another ends.
type said struct {
	err error // of take; then the session cannot go on

	mu    sync.Mutex
	kept  *ledger.BodyWriter
	bytes int
	over  bool
}

// take is given pieces of messages.
func (s *said) take(p []byte, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.err != nil {
		return
	}
	if end {
		p = []byte{'\n'}
	}
	if s.bytes += len(p); s.bytes > maxSaid {
		s.err = errSaid
		return
	}
	_, s.err = s.kept.Write(p)
}

// end describes what was kept; what comes later is not.
func (s *said) end() ledger.Body {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.kept.End()
}

package portal

import (
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/channel"
)

// SessionStatus is one session that stands, in numbers.
type SessionStatus struct {
	Peer  string // the other end's SPIFFE id
	Relay string // by which it goes
	Since time.Time
	channel.Stats
}

// standing are the sessions of an end.
type standing struct {
	mu sync.Mutex
	at map[*channel.Session]SessionStatus
}

// add notes a session until remove is called.
func (st *standing) add(s *channel.Session, relay string) (remove func()) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.at == nil {
		st.at = map[*channel.Session]SessionStatus{}
	}
	st.at[s] = SessionStatus{Peer: s.Peer().String(), Relay: relay, Since: time.Now()}
	return func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		delete(st.at, s)
	}
}

// leave has the sessions by a relay replaced, or all where relay is empty.
func (st *standing) leave(relay string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for s, status := range st.at {
		if relay == "" || status.Relay == relay {
			s.Leave()
		}
	}
}

func (st *standing) status() []SessionStatus {
	st.mu.Lock()
	defer st.mu.Unlock()
	all := make([]SessionStatus, 0, len(st.at))
	for s, status := range st.at {
		status.Stats = s.Stats()
		all = append(all, status)
	}
	return all
}

// Sessions are those that stand now.
func (in *Inlet) Sessions() []SessionStatus { return in.standing.status() }

// Sessions are those that stand now.
func (o *Outlet) Sessions() []SessionStatus { return o.standing.status() }

package chat

import (
	"context"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/chat/render"
)

// run is one answer that is being written. It goes on when its browser leaves:
// whoever opens the conversation again sees the rest.
type run struct {
	owner        string
	conversation string
	stop         context.CancelCauseFunc

	mu       sync.Mutex
	changed  chan struct{} // closed at each change
	closed   []string      // blocks
	open     string        // the block in hand
	message  Message       // as it stands; Seq is 0 until it is stored
	asked    Message       // the question, with its number
	ended    bool
	replaces bool // the question takes the place of an earlier one
}

// seen is what a browser has of a run.
type seen struct {
	closed int
	open   string
}

// view is a run at a moment.
type view struct {
	closed  []string // those that were not seen
	open    string
	message Message
	asked   Message
	ended   bool
	changed <-chan struct{}
}

// look gives what is new.
func (r *run) look(at seen) view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return view{r.closed[at.closed:], r.open, r.message, r.asked, r.ended, r.changed}
}

func (r *run) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// update changes the run and wakes who watches.
func (r *run) update(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	close(r.changed)
	r.changed = make(chan struct{})
}

// show puts the text so far in place.
func (r *run) show(s *render.Stream) {
	open, closed := s.Open(), s.Closed()
	r.update(func() { r.open, r.closed, r.message.Text = open, closed, s.Text() })
}

// Bounds of answers being written.
const (
	maxRuns          = 2000
	maxRunsPerPerson = 4
)

// runs are all of them, one a conversation at most.
type runs struct {
	mu  sync.Mutex
	all map[string]*run
}

func newRuns() *runs { return &runs{all: map[string]*run{}} }

// lingers is how long a run that has ended is kept, for browsers that come a
// little late to see how.
const lingers = 30 * time.Second

// begin adds a run, unless its conversation has one, or there are too many.
func (s *runs) begin(r *run) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := 0
	for _, other := range s.all {
		if other.owner == r.owner && !other.over() {
			own++
		}
	}
	if old := s.all[r.conversation]; old != nil && !old.over() || own >= maxRunsPerPerson || len(s.all) >= maxRuns {
		return false
	}
	r.changed = make(chan struct{})
	s.all[r.conversation] = r
	return true
}

// drop forgets a run.
func (s *runs) drop(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[r.conversation] == r {
		delete(s.all, r.conversation)
	}
}

// writing says whether a conversation's answer is being written.
func (s *runs) writing(owner, conversation string) bool {
	r := s.find(owner, conversation)
	return r != nil && !r.over()
}

// find gives the run of a person's conversation, which may have ended a moment
// ago; nil for none.
func (s *runs) find(owner, conversation string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.all[conversation]; r != nil && r.owner == owner {
		return r
	}
	return nil
}

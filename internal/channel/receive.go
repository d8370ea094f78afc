package channel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// readLoop takes the peer's frames until the session ends. It never waits for
// anything but the next frame.
func (s *Session) readLoop() {
	r := &reader{src: s.conn, block: s.cfg.Pool.block()}
	for {
		f, err := r.next()
		if err == nil {
			s.pulse.beat(time.Now())
			var kept bool
			if kept, err = s.handle(f, r.block); kept {
				r.block = s.cfg.Pool.block()
			}
		}
		if err != nil {
			if _, ours := errors.AsType[*fault.Error](err); !ours && !errors.Is(err, ErrSessionEnded) {
				err = fmt.Errorf("%w: %w", ErrSessionEnded, noEOF(err))
			}
			s.fail(err)
			return
		}
	}
}

// handle acts on one frame, whose payload lies in b; kept says that a stream
// has kept b. An error ends the session.
func (s *Session) handle(f Frame, b *block) (kept bool, err error) {
	switch f.Type {
	case Open:
		return false, s.handleOpen(f)
	case Data, Window, End, Reset:
		st, err := s.find(f.Stream)
		if st == nil {
			return false, err
		}
		return st.handle(f, b)
	case Ping:
		return false, s.handlePing(f.Payload)
	case GoAway:
		s.goAway()
		return false, nil
	case Pad:
		return false, nil
	default:
		return false, broken(fmt.Sprintf("frame type %d inside a session", f.Type))
	}
}

// goAway hears that no more streams will come, or, at the inlet, that none
// should, and confirms that none will.
func (s *Session) goAway() {
	s.mu.Lock()
	if !s.asked && !s.noMore {
		close(s.winding)
	}
	s.noMore = true
	over := len(s.streams) == 0
	s.mu.Unlock()
	if s.isInlet {
		s.Leave()
	} else if over {
		s.out.finish()
	}
}

func (s *Session) handleOpen(f Frame) error {
	if s.isInlet {
		return broken("the owner's side tried to open a stream")
	}
	service := string(f.Payload)
	if !pki.ValidLabel(service) {
		return broken("a stream to a service without a proper name")
	}
	s.mu.Lock()
	if f.Stream%2 == 0 || f.Stream <= s.last {
		defer s.mu.Unlock()
		return broken(fmt.Sprintf("stream %d opened after stream %d", f.Stream, s.last))
	}
	if s.noMore {
		defer s.mu.Unlock()
		return broken("a stream opened after the inlet said that no more would be")
	}
	s.last = f.Stream
	leaving := !time.Now().Before(s.cfg.Expires)
	full := len(s.streams) >= s.cfg.MaxStreams || len(s.accepted) == cap(s.accepted)
	if !leaving && !full {
		st := newStream(s, f.Stream, service)
		s.streams[f.Stream] = st
		s.accepted <- st // has room: only this goroutine fills it
	}
	s.mu.Unlock()
	switch {
	case leaving:
		s.say(appendFrame(nil, Reset, f.Stream, appendReason(Leaving, "this session has had its time")))
	case full:
		s.say(appendFrame(nil, Reset, f.Stream, appendReason(Limited, "no room for another stream")))
	}
	return nil
}

func (s *Session) handlePing(payload []byte) error {
	value := binary.BigEndian.Uint64(payload[1:])
	switch payload[0] {
	case 0:
		s.say(pingFrame(1, value))
	case 1:
		s.pulse.answered(int64(value), time.Now()) //nolint:gosec // our own number, echoed
	default:
		return broken("a ping that neither asks nor answers")
	}
	return nil
}

// find returns the stream, or nil where it has ended already: frames that
// crossed its end on the wire are dropped. An id never opened is an error.
func (s *Session) find(id uint32) (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[id]; st != nil {
		return st, nil
	}
	if id%2 == 0 || id > s.last {
		return nil, broken(fmt.Sprintf("a frame for stream %d, which was never opened", id))
	}
	return nil, nil //nolint:nilnil // no stream and no error: see above
}

package channel

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// Leg is a connection between a node and a relay until it is paired. From
// then on it carries the other end's bytes, which no frame reader may touch:
// Conn hands it over.
type Leg struct {
	conn     net.Conn
	in       reader
	patience time.Duration // how long to wait for each frame; 0 is for ever
}

// NewLeg wraps an authenticated connection.
func NewLeg(conn net.Conn) *Leg { return &Leg{conn: conn, in: reader{src: conn, block: new(block)}} }

// Conn is the connection, for use once the leg is paired. The reader takes
// whole frames and never reads ahead, so no byte of the other end is lost.
func (l *Leg) Conn() net.Conn { return l.conn }

// Send writes one frame of the leg.
func (l *Leg) Send(t Type, payload string) error {
	_, err := l.conn.Write(appendFrame(nil, t, 0, []byte(payload)))
	return err
}

// SendPing asks the other end for a sign of life.
func (l *Leg) SendPing() error {
	_, err := l.conn.Write(pingFrame(0, 0))
	return err
}

// ErrLeaving is what a waiting outlet hears from a relay that is about to end:
// wait elsewhere, and have the sessions that go through it replaced.
var ErrLeaving = errors.New("the relay is leaving")

// SendLeaving says so.
func (l *Leg) SendLeaving() error {
	return l.Send(GoAway, string(appendReason(Leaving, "this relay is leaving")))
}

// Refuse says no and why.
func (l *Leg) Refuse(code Code, text string) error {
	return l.Send(Refuse, string(appendReason(code, text)))
}

// Next reads a frame of a leg and answers pings by itself. A refusal by the
// other end is an error.
func (l *Leg) Next() (Type, string, error) {
	for {
		if l.patience > 0 {
			_ = l.conn.SetReadDeadline(time.Now().Add(l.patience))
		}
		f, err := l.in.next()
		if err != nil {
			return 0, "", err
		}
		switch f.Type {
		case Ping:
			if f.Payload[0] != 0 {
				return Ping, "", nil
			}
			if _, err := l.conn.Write(appendFrame(nil, Ping, 0, append([]byte{1}, f.Payload[1:]...))); err != nil {
				return 0, "", err
			}
		case Refuse:
			code, text := parseReason(f.Payload)
			return 0, "", fault.New(refusalKind(code), fmt.Sprintf("the relay refused: %s %s", code, text))
		case GoAway:
			return 0, "", ErrLeaving
		case Listen, Dial, Pair, Ready:
			return f.Type, string(f.Payload), nil
		default:
			return 0, "", broken(fmt.Sprintf("frame type %d on a leg", f.Type))
		}
	}
}

func refusalKind(code Code) fault.Kind {
	switch code {
	case Denied:
		return fault.Denied
	case Limited:
		return fault.Throttled
	case Unreachable, Leaving:
		return fault.Unavailable
	default:
		return fault.Upstream
	}
}

// ParseDial reads the payload of a Dial frame.
func ParseDial(payload string) (service, outlet string, err error) {
	service, outlet, named := strings.Cut(payload, " ")
	if !pki.ValidLabel(service) || named && !pki.ValidLabel(outlet) {
		return "", "", broken("a dial that names no proper service or outlet")
	}
	return service, outlet, nil
}

// pairTime bounds how long a dialling inlet waits for the relay's answer.
const pairTime = 15 * time.Second

// DialService asks the relay for an outlet of a service, by its member's name
// or, where that is empty, for any, and returns once one has answered that it is
// there: no request is ever sent into a dead leg.
func (l *Leg) DialService(service, outlet string) error {
	if outlet != "" {
		service += " " + outlet
	}
	_ = l.conn.SetDeadline(time.Now().Add(pairTime))
	defer func() { _ = l.conn.SetDeadline(time.Time{}) }()
	if err := l.Send(Dial, service); err != nil {
		return err
	}
	t, _, err := l.Next()
	if err == nil && t != Ready {
		err = broken(fmt.Sprintf("frame type %d in answer to a dial", t))
	}
	return err
}

// silence is how long a waiting leg may hear nothing: the relay pings more
// often than that.
const silence = PingEvery * (maxMissed + 1)

// AwaitPair registers with the relay for a service and waits until an inlet
// comes, then answers that it is here. The relay's word about who comes is not
// trusted: the session's own handshake decides that.
func (l *Leg) AwaitPair(me pki.ID, service string) error {
	if err := l.Send(Listen, service); err != nil {
		return err
	}
	l.patience = silence
	t, _, err := l.Next()
	l.patience = 0
	_ = l.conn.SetReadDeadline(time.Time{})
	if err == nil && t != Pair {
		err = broken(fmt.Sprintf("frame type %d on a waiting leg", t))
	}
	if err != nil {
		return err
	}
	return l.Send(Ready, me.String())
}

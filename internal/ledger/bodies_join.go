package ledger

import (
	"cmp"
	"errors"
	"slices"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/secret"
)

// assembly gathers what a log holds of one call.
type assembly struct {
	log    logID
	id     string
	index  uint64
	call   *Call
	result *Result
	parts  map[Part][]*strand
	bytes  int64
}

// strand is the pieces of one body, in order.
type strand struct {
	pieces [][]byte // payloads
	first  piece
	ended  bool
	broken error
}

var (
	errCutOff = errors.New("pieces of it are missing at its end")
	errChange = errors.New("a piece is missing, repeated, or not of the same body as the one before")
)

// add takes an entry of the call that is a piece.
func (a *assembly) add(payload []byte) error {
	p, err := parsePiece(payload)
	if err != nil {
		return damagedBody(a.id, err)
	}
	if a.bytes += int64(len(payload)); a.bytes > maxOpened {
		return fault.New(fault.TooLarge, "the call's bodies are over 1 GiB").At("call " + p.id)
	}
	all := a.parts[p.part]
	i := slices.IndexFunc(all, func(s *strand) bool { return s.first.stream == p.stream })
	if i < 0 {
		i, all = len(all), append(all, &strand{first: p})
		all[i].first.body = nil
		a.parts[p.part] = all
	}
	s := all[i]
	same := p.sealed == s.first.sealed && p.subject == s.first.subject && p.key == s.first.key && p.id == s.first.id
	if s.ended || !same || int(p.number) != len(s.pieces) {
		s.broken = errChange
	}
	s.pieces, s.ended = append(s.pieces, slices.Clone(payload)), p.last
	return nil
}

func (s *strand) whole() bool { return s.ended && s.broken == nil }

// complete says whether all that the records promise is there.
func (a *assembly) complete() bool {
	has := func(part Part, b Body) bool { return b.Pieces == 0 || a.pick(part, b.Pieces) != nil }
	return a.call != nil && has(Request, a.request()) && (a.result == nil || has(Response, a.result.Response))
}

// request describes what the client sent: in a realtime session the outcome
// knows it.
func (a *assembly) request() Body {
	if a.result != nil && a.result.Request != (Body{}) {
		return a.result.Request
	}
	return a.call.Request
}

// pick is the latest strand of so many pieces. Others were given up: their
// record was never acknowledged.
func (a *assembly) pick(part Part, pieces int) *strand {
	for _, s := range slices.Backward(a.parts[part]) {
		if len(s.pieces) == pieces && s.whole() {
			return s
		}
	}
	return nil
}

// open gives back a body and holds it to its commitment, where that can be.
func (a *assembly) open(part Part, b Body, partial bool, keys keySource, salt secret.String) (content []byte, checked bool, err error) {
	s := a.pick(part, b.Pieces)
	switch strands := a.parts[part]; {
	case partial && len(strands) > 0:
		s = strands[len(strands)-1]
	case partial:
		return nil, false, fault.New(fault.NotFound, "the call has no outcome, and nothing of an answer is kept").At("call " + a.id)
	case b.Pieces == 0 && b.Bytes == 0:
		return []byte{}, b.Commitment != "", nil
	case b.Pieces == 0:
		return nil, false, notKept(a.id, part, b)
	case s == nil && len(strands) > 0:
		return nil, false, damagedBody(a.id, cmp.Or(strands[len(strands)-1].broken, errCutOff))
	case s == nil:
		return nil, false, damagedBody(a.id, errCutOff)
	}
	content, err = s.open(a.log, keys)
	if err != nil || b.Redacted || b.Commitment == "" || salt.Empty() {
		return content, false, err
	}
	h := newBodyHash(salt, part, a.id)
	_, _ = h.Write(content)
	if sum := h.Sum(); sum.Commitment != b.Commitment || sum.Bytes != b.Bytes {
		return nil, false, damagedBody(a.id, errCommitment)
	}
	return content, true, nil
}

var errCommitment = errors.New("it does not fit the commitment in the record")

// open joins the pieces of a strand, and unseals them.
func (s *strand) open(log logID, keys keySource) ([]byte, error) {
	if s.broken != nil {
		return nil, damagedBody(s.first.id, s.broken)
	}
	var opener *seal.Opener
	if s.first.sealed {
		key, err := keys(s.first.subject, s.first.key)
		if err != nil {
			return nil, err
		}
		if opener, err = key.Opener(s.first.context(log)); err != nil {
			return nil, fault.New(fault.NotFound, "the body's key is gone").Because(err)
		}
	}
	size := 0
	for _, payload := range s.pieces {
		size += len(payload)
	}
	content := make([]byte, 0, size)
	for _, payload := range s.pieces {
		p, err := parsePiece(payload)
		switch {
		case err != nil:
		case opener == nil:
			content = append(content, p.body...)
		default:
			content, err = opener.Open(content, p.body, payload[:len(payload)-len(p.body)], p.last)
		}
		if err != nil {
			return nil, damagedBody(s.first.id, err)
		}
	}
	return content, nil
}

func damagedBody(id string, why error) error {
	return fault.New(fault.Unavailable, "a body is not as it was kept").At("call " + printable(id)).Fix("see what ledger verify says").Because(why)
}

func notKept(id string, part Part, b Body) error {
	why := "the " + string(part) + " was not kept: the workload's capture was not full"
	if b.Omitted != "" {
		why = "the " + string(part) + " was not kept: " + printable(b.Omitted)
	}
	return fault.New(fault.NotFound, why).At("call " + id)
}

package sink

import (
	"container/list"
	"slices"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
)

const (
	// maxOpen bounds the calls under way that are kept in memory. A gateway
	// has some thousands at most; what is beyond is left by crashes.
	maxOpen = 1 << 16

	// maxPieces bounds the pieces of bodies that wait in memory for the rest
	// of their call, in bytes. Those of further calls are read again later.
	maxPieces = 64 << 20
)

// joiner makes whole calls of entries that are read in order.
type joiner struct {
	log    string
	pieces bool // bodies are wanted
	bytes  int64
	open   map[string]*list.Element
	order  list.List // of *half, by the index of their first entry
}

// half is a call that has begun.
type half struct {
	id     string
	first  uint64    // its first entry in the log: a piece, or the intent
	seen   time.Time // the log's time then
	begun  bool      // the intent has come
	intent uint64
	call   *ledger.Call
	made   time.Time // when the intent was made

	bodies bodies
}

// bodies are the pieces of a call's bodies.
type bodies struct {
	first             uint64 // entry of the first of them
	subject           string // pseudonym
	request, response [][]byte
	bytes             int64
	dropped           bool // there were too many: they must be read again
}

// whole is an entry, and what there is of its bodies.
type whole struct {
	Entry
	bodies
}

func newJoiner(log string, pieces bool) *joiner {
	return &joiner{log: log, pieces: pieces, open: map[string]*list.Element{}}
}

func (j *joiner) find(id string, index uint64, now time.Time) *half {
	if el, ok := j.open[id]; ok {
		return el.Value.(*half)
	}
	o := &half{id: id, first: index, seen: now}
	j.open[id] = j.order.PushBack(o)
	return o
}

// piece takes a piece of a body; now is the time of the record before it.
func (j *joiner) piece(index uint64, p *ledger.Piece, now time.Time) {
	if !j.pieces {
		return
	}
	b := &j.find(p.ID, index, now).bodies
	if b.bytes == 0 && !b.dropped {
		b.first = index
	}
	if p.Subject != "" {
		b.subject = p.Subject
	}
	n := int64(len(p.Payload))
	if b.dropped || j.bytes+n > maxPieces {
		j.bytes -= b.bytes
		b.request, b.response, b.bytes, b.dropped = nil, nil, 0, true
		return
	}
	j.bytes, b.bytes = j.bytes+n, b.bytes+n
	if p.Part == ledger.Request {
		b.request = append(b.request, p.Payload)
	} else {
		b.response = append(b.response, p.Payload)
	}
}

// record takes a record; it returns the call that is complete with it.
func (j *joiner) record(index uint64, r ledger.Record) (whole, bool) {
	if r.Kind == ledger.Intent {
		o := j.find(r.ID, index, r.Time)
		o.begun, o.intent, o.call, o.made = true, index, r.Call, r.Time
		return whole{}, false
	}
	intent := index
	o, ok := j.drop(r.ID)
	if !ok {
		return whole{Entry: NewEntry(j.log, index, index, r)}, true
	}
	if r.Kind == ledger.Outcome && o.begun {
		intent, r.Call = o.intent, o.call
	}
	return o.whole(NewEntry(j.log, intent, index, r)), true
}

func (o *half) whole(e Entry) whole {
	e.SubjectKey = max(e.SubjectKey, o.bodies.subject) // one of them is empty
	return whole{e, o.bodies}
}

// drop forgets a call.
func (j *joiner) drop(id string) (*half, bool) {
	el, ok := j.open[id]
	if !ok {
		return nil, false
	}
	delete(j.open, id)
	o := j.order.Remove(el).(*half)
	j.bytes -= o.bodies.bytes
	return o, true
}

// overdue gives up, from the oldest on, the calls that began in the log before
// index start, or by its times before a time, and those that are too many. It
// calls each with what is known of a call that had an intent.
func (j *joiner) overdue(start uint64, before time.Time, each func(whole)) {
	for el := j.order.Front(); el != nil; el = j.order.Front() {
		o := el.Value.(*half)
		if o.first >= start && (o.seen.IsZero() || !o.seen.Before(before)) && j.order.Len() <= maxOpen {
			return
		}
		j.drop(o.id)
		if o.begun {
			each(o.unfinished(j.log))
		}
	}
}

func (o *half) unfinished(log string) whole {
	r := ledger.Record{Kind: ledger.Intent, ID: o.id, Time: o.made, Call: o.call}
	return o.whole(NewEntry(log, o.intent, o.intent, r))
}

// cursor is that of all before next. Intents that have not been read again yet
// are open too.
func (j *joiner) cursor(next uint64, unread []uint64) Cursor {
	c := Cursor{Next: next, From: next, Open: slices.Clone(unread)}
	for el := j.order.Front(); el != nil; el = el.Next() {
		o := el.Value.(*half)
		c.From = min(c.From, o.first)
		if o.begun {
			c.Open = append(c.Open, o.intent)
		}
	}
	slices.Sort(c.Open)
	if len(c.Open) > 0 {
		c.From = min(c.From, c.Open[0])
	}
	return c
}

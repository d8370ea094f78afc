package ledger

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/secret"
)

// BodyConfig is how bodies are kept, of calls whose capture is Full. The zero
// value keeps none: such calls are refused.
type BodyConfig struct {
	// Auditors can open what is kept; nobody else can, but for ReadBack.
	Auditors []seal.Recipient

	// Clear keeps bodies in clear instead. Not with Auditors.
	Clear bool

	// Epoch is how long a subject's key serves; epochs begin at multiples of
	// it, so days begin at midnight UTC. From 1 s; zero means 24 h.
	Epoch time.Duration

	// Subjects bounds the keys in memory, one a subject. Beyond it the longest
	// unused goes, and its subject's next body makes a key file more. Zero
	// means 16384.
	Subjects int

	// ReadBack is for how long after its epoch this process can open a body,
	// after a restart too, by wraps to an identity of its own in the ledger's
	// directory. Zero means that only keys in memory open anything.
	ReadBack time.Duration

	// Keys, if set, is a second place of key files. It is needed where Domain
	// is elsewhere: bodies outlive the disk there, and their keys must too.
	Keys KeyStore

	// Redact is applied, in order, to what is kept; never to what is sent.
	Redact []Redaction
}

func (c BodyConfig) withDefaults() (BodyConfig, error) {
	if c.Epoch == 0 {
		c.Epoch = 24 * time.Hour
	}
	if c.Subjects == 0 {
		c.Subjects = 1 << 14
	}
	switch {
	case c.Clear && len(c.Auditors) > 0:
		return c, fault.New(fault.Invalid, "bodies are to be kept in clear, and there are auditors").Fix("choose one")
	case len(c.Auditors) > seal.MaxRecipients:
		return c, fault.New(fault.Invalid, "more than 64 auditors")
	case c.Epoch < time.Second || c.Subjects < 1 || c.ReadBack < 0:
		return c, fault.New(fault.Invalid, "the epoch of bodies' keys, the number of subjects or the time to read back is out of bounds")
	}
	return c, nil
}

// openBodies prepares for bodies, and for requests to forget whose there are.
func (l *Ledger) openBodies(c Config) (err error) {
	if l.bodies, err = c.Bodies.withDefaults(); err != nil {
		return err
	}
	if l.rules, err = compileRules(c.Bodies.Redact); err != nil {
		return err
	}
	if c.Domain != nil && len(c.Bodies.Auditors) > 0 && c.Bodies.Keys == nil {
		return fault.New(fault.Invalid, "bodies would outlive their disk, and their keys would not").
			Fix("keep the ledger in PostgreSQL too, which takes the keys, or keep no sealed bodies")
	}
	if c.Bodies.Keys != nil {
		if err := markElsewhere(c.FS, c.Directory); err != nil {
			return unavailable("cannot note that keys have a second place", c.Directory, err)
		}
	}
	l.ring = newKeyring(c.FS, c.Directory, l.log.keys.id, l.key, l.bodies, c.Now)
	if l.ring.own, err = openReadBack(c.FS, c.Directory, l.bodies.ReadBack); err != nil {
		return unavailable("cannot open the way back to bodies", join(c.Directory, readBackName), err)
	}
	l.tender = &tender{l: l, dir: c.Directory, fs: c.FS, quit: make(chan struct{})}
	l.tender.tend()
	l.tender.ended.Go(func() { l.tender.run(l.log.cfg.CheckpointEvery) })
	return nil
}

// bodyTime bounds the wait for room in the log while a body is written.
const bodyTime = 30 * time.Second

// BodyWriter takes one body of a call as it comes, commits to it, and keeps it
// if the call's capture is Full: pieces enter the log as they fill, and the
// last waits for the call's record. It is for one goroutine.
type BodyWriter struct {
	bytes int64
	hash  *BodyHash // nil if nothing is committed to
	kept  *keeper   // nil if the body is not kept
	body  *Body     // once it has ended
}

// Body begins one body of a call. What End says of it belongs into the record.
func (l *Ledger) Body(id string, part Part, call Call) *BodyWriter {
	w := &BodyWriter{}
	if call.Capture != None {
		w.hash = l.salter.begin(part, id)
	}
	if call.Capture == Full {
		w.kept = &keeper{l: l, subjectName: subject(call), piece: piece{part: part, id: id}}
	}
	return w
}

// Write takes the next part of the body. An error means that the body cannot
// be kept, and that its record will not be taken either.
func (w *BodyWriter) Write(p []byte) (int, error) {
	w.bytes += int64(len(p))
	if w.hash != nil {
		_, _ = w.hash.Write(p)
	}
	if w.kept == nil {
		return len(p), nil
	}
	return len(p), w.kept.write(p)
}

// End ends the body and describes it, for Call.Request, Result.Request or
// Result.Response: what it returns carries the last piece, so that Intent,
// Outcome or Refusal makes it durable with the record, or fails if the body
// could not be kept. Nothing may be written after it; further calls say the
// same.
func (w *BodyWriter) End() Body {
	if w.body != nil {
		return *w.body
	}
	w.body = &Body{Bytes: w.bytes}
	if w.hash != nil {
		*w.body = w.hash.Sum()
	}
	if w.kept != nil {
		w.kept.end(w.body)
		w.body.kept = w.kept
	}
	return *w.body
}

// keeper is a body on its way into the log.
type keeper struct {
	l           *Ledger
	subjectName string
	piece
	sealer *seal.Sealer
	buf    []byte // room for the header, then what waits
	head   int    // length of the header
	held   int64  // bytes that wait for redaction
	last   []byte // the last piece, for the record's own commit
	err    error
}

func (k *keeper) write(p []byte) error {
	if len(k.l.rules) > 0 {
		k.hold(p)
	} else {
		k.take(p)
	}
	return k.err
}

// take fills pieces, and sends off those that are full once more has come.
func (k *keeper) take(p []byte) {
	for len(p) > 0 && k.err == nil {
		if k.buf == nil && !k.begin(len(p)) {
			return
		}
		room := k.head + pieceSize - len(k.buf)
		if room == 0 {
			k.send()
			continue
		}
		n := min(room, len(p))
		k.buf = append(k.buf, p[:n]...)
		p = p[n:]
	}
}

// begin finds out how the body is kept, and makes room for n bytes at first.
func (k *keeper) begin(n int) bool {
	_, _ = rand.Read(k.stream[:]) // never fails
	switch {
	case len(k.id) == 0 || len(k.id) > maxID:
		k.err = errID
	case k.l.bodies.Clear:
	case len(k.l.bodies.Auditors) == 0:
		k.err = fault.New(fault.Invalid, "a call's bodies are to be kept, and there is nobody to seal them to").
			Fix("name auditors, or let the workload's capture be metadata")
	default:
		var e *epochKey
		if k.sealer, e, k.err = k.l.ring.sealer(k.subjectName, k.context(k.l.log.keys.id)); k.err == nil {
			k.sealed, k.subject, k.key = true, e.subject, e.key.ID()
		}
	}
	if k.err != nil {
		return false
	}
	k.head = pieceHead + len(k.id)
	k.buf = make([]byte, k.head, k.head+min(max(n, 1<<10), pieceSize)+seal.Overhead)
	return true
}

// wrap makes a payload of what waits, in place.
func (k *keeper) wrap(last bool) []byte {
	k.piece.last = last
	header := k.writeHeader(k.buf)
	k.number++
	if k.sealer == nil {
		return k.buf
	}
	var sealed []byte
	sealed, k.err = k.sealer.Seal(header, k.buf[k.head:], header, last)
	return sealed
}

// send puts a full piece into the log. What is durable of it does not matter
// until the record is.
func (k *keeper) send() {
	payload := k.wrap(false)
	if k.err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), bodyTime)
	defer cancel()
	_, _, k.err = k.l.log.enter(ctx, payload)
	k.buf = k.buf[:k.head]
}

// end makes the last piece. An empty body has none.
func (k *keeper) end(b *Body) {
	if len(k.l.rules) > 0 && k.err == nil {
		k.redact(b)
	}
	if k.buf == nil || k.err != nil {
		return
	}
	k.last = k.wrap(true)
	b.Pieces = int(k.number)
}

// subject is whose key a call's bodies are sealed with.
func subject(c Call) string {
	for _, name := range []string{c.Subject, c.Member, c.App, c.Workload} {
		if name != "" {
			return name
		}
	}
	return "unknown"
}

// pseudonym is HMAC-SHA256(commitment key, "subject" ‖ 0 ‖ subject), the first
// 16 bytes.
func (l *Ledger) pseudonym(subject string) pseudonym { return newPseudonym(l.key, subject) }

func newPseudonym(key secret.String, subject string) pseudonym {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = mac.Write([]byte("subject\x00" + subject))
	return pseudonym(mac.Sum(nil))
}

// discreet is what is recorded of a call, by its capture.
func (c Call) discreet() Call {
	if c.Capture != None {
		return c
	}
	c.Issuer, c.Tenant, c.Subject, c.Name, c.App, c.Member, c.Client, c.Correlation = "", "", "", "", "", "", "", ""
	c.Request.Commitment = ""
	return c
}

// lastPieces is what waits of a record's bodies.
func (r Record) lastPieces() (payloads [][]byte, err error) {
	var bodies []Body
	if r.Call != nil {
		bodies = append(bodies, r.Call.Request)
	}
	if r.Result != nil {
		bodies = append(bodies, r.Result.Request, r.Result.Response)
	}
	for _, b := range bodies {
		switch {
		case b.kept == nil && b.Pieces > 0:
			return nil, fault.New(fault.Internal, "a record says that a body is kept, and nobody kept it").Fix("use what BodyWriter.End returned")
		case b.kept == nil:
		case b.kept.err != nil:
			return nil, b.kept.err
		case b.kept.last != nil:
			payloads = append(payloads, b.kept.last)
		}
	}
	return payloads, nil
}

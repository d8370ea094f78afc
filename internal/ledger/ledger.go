package ledger

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// Config is where a ledger is kept and how.
type Config struct {
	Directory       string                   // required; made if missing, with mode 0700
	SegmentSize     int64                    // as in LogConfig
	CheckpointEvery time.Duration            // as in LogConfig
	Relaxed         time.Duration            // as in LogConfig
	Domain          func(Domain) Domain      // as in LogConfig
	Retention       Retention                // as in LogConfig
	Keep            func() uint64            // as in LogConfig
	Signed          func(SignedTree)         // as in LogConfig
	Committed       func(time.Duration, int) // as in LogConfig
	Bodies          BodyConfig               // how bodies are kept, of calls whose capture is Full
	FS              FS                       // nil means the operating system's
	Logger          *slog.Logger             // nil means none
	Now             func() time.Time         // nil means time.Now
}

// Ledger is a log of calls with one writer. Its methods may be called from
// any goroutine.
type Ledger struct {
	log    *Log
	key    secret.String // for commitments
	salter *salter
	now    func() time.Time

	buffers sync.Pool // of *[]byte, for records

	bodies BodyConfig
	rules  []rule
	ring   *keyring
	tender *tender
}

// Open opens a ledger for writing, or makes one where there is none; its
// faults are those of OpenLog.
func Open(c Config) (*Ledger, error) {
	if c.FS == nil {
		c.FS = disk{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	log, err := OpenLog(LogConfig{
		Directory: c.Directory, SegmentSize: c.SegmentSize, CheckpointEvery: c.CheckpointEvery,
		Relaxed: c.Relaxed, Domain: c.Domain, Retention: c.Retention, Keep: c.Keep, Signed: c.Signed, Committed: c.Committed,
		FS: c.FS, Logger: c.Logger, Now: c.Now,
	})
	if err != nil {
		return nil, err
	}
	key, err := openCommitmentKey(c.FS, c.Directory, log.Len() == 0)
	if err != nil {
		_ = log.Close()
		return nil, err
	}
	l := &Ledger{log: log, key: key, salter: newSalter(key), now: c.Now}
	l.buffers.New = func() any { b := make([]byte, 0, recordSize); return &b }
	if err := l.openBodies(c); err != nil {
		_ = log.Close()
		return nil, err
	}
	return l, nil
}

// Intent records a call that is about to be forwarded. Forward it only when
// this returns nil: the record is durable then. Faults are those of Append.
// What is kept of bodies that End described becomes durable with their record.
func (l *Ledger) Intent(ctx context.Context, id string, call Call) error {
	call = call.discreet()
	return l.append(ctx, Record{Kind: Intent, ID: id, Call: &call})
}

// Outcome records what came of a call. End the answer only when this returns
// nil.
func (l *Ledger) Outcome(ctx context.Context, id string, res Result) error {
	return l.append(ctx, Record{Kind: Outcome, ID: id, Result: &res})
}

// Refusal records a call that was not forwarded.
func (l *Ledger) Refusal(ctx context.Context, id string, call Call, res Result) error {
	call = call.discreet()
	return l.append(ctx, Record{Kind: Refusal, ID: id, Call: &call, Result: &res})
}

func (l *Ledger) append(ctx context.Context, r Record) error {
	if r.ID == "" || len(r.ID) > maxID {
		return errID
	}
	payloads, err := r.lastPieces()
	if err != nil {
		return err
	}
	r.Version, r.Time = RecordVersion, l.now()
	buf := l.buffers.Get().(*[]byte) // the log copies what it takes
	defer l.buffers.Put(buf)
	payload, err := r.appendTo((*buf)[:0])
	if err != nil {
		return err
	}
	if cap(payload) <= maxBuffer {
		*buf = payload
	}
	_, err = l.log.Append(ctx, append(payloads, payload)...)
	return err
}

// maxBuffer bounds the buffers that are kept for further records, in bytes.
const maxBuffer = 8 << 10

var errID = fault.New(fault.Internal, "a call's id must have 1 to 64 bytes").Fix("use NewID")

// Len is how many records are durable.
func (l *Ledger) Len() uint64 { return l.log.Len() }

// Close signs a last checkpoint and gives up the directory. It returns the
// failure that stopped the ledger, if one did.
func (l *Ledger) Close() error {
	l.tender.stop()
	return l.log.Close()
}

// NewID is a fresh id for a call: a UUIDv7 (RFC 9562, section 5.7), so that
// ids sort by time to the millisecond.
func (l *Ledger) NewID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(l.now().UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never fails
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[0:8], b[0:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:36], b[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

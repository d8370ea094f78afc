package sink

import (
	"context"
	"slices"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
)

// follow gives the entries of the log to Run, once they are durable: one that
// is only written could be gone after a power loss, and another take its
// index.
func (s *Shipper) follow(ctx context.Context, items chan<- ledger.Item) {
	from := s.skip.From
	s.persist(ctx, "the log cannot be read on", func() error {
		return ledger.FollowItems(ctx, s.cfg.Source.Directory, from, s.cfg.Poll, func(it ledger.Item) error {
			if err := s.durable(ctx, it.Index); err != nil {
				return err
			}
			select {
			case items <- it:
				from = it.Index + 1
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
}

// durable waits until an entry is.
func (s *Shipper) durable(ctx context.Context, index uint64) error {
	for s.cfg.Source.Durable() <= index {
		select {
		case <-time.After(s.cfg.Poll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// take reads one entry.
func (s *Shipper) take(ctx context.Context, it ledger.Item) {
	if it.Index < s.next {
		s.again(it)
	} else {
		s.skip.Open, s.next = nil, it.Index+1
		s.read(ctx, it)
	}
	var start uint64
	if s.next >= s.cfg.Source.Start {
		start = s.cfg.Source.Start
	}
	if len(s.skip.Open) == 0 {
		s.join.overdue(start, s.newest.Add(-s.cfg.NoOutcome), func(w whole) { s.put(ctx, w) })
	}
}

func (s *Shipper) read(ctx context.Context, it ledger.Item) {
	if it.Piece != nil {
		s.join.piece(it.Index, it.Piece, s.newest)
		s.begun(s.newest)
		return
	}
	s.begun(it.Record.Time)
	if it.Record.Time.After(s.newest) {
		s.newest = it.Record.Time
	}
	if w, ok := s.join.record(it.Index, it.Record); ok {
		s.put(ctx, w)
	}
}

// again takes an entry that was read before Run began: only what belongs to
// calls that were under way then is of use.
func (s *Shipper) again(it ledger.Item) {
	if it.Piece != nil {
		s.join.piece(it.Index, it.Piece, s.newest)
		return
	}
	if it.Record.Time.After(s.newest) {
		s.newest = it.Record.Time
	}
	open := slices.Index(s.skip.Open, it.Index)
	if open < 0 {
		s.join.drop(it.Record.ID)
		return
	}
	s.skip.Open = slices.Delete(s.skip.Open, 0, open+1)
	s.join.record(it.Index, it.Record)
}

// begun sets the time when what has been read is written at the latest.
func (s *Shipper) begun(at time.Time) {
	if s.due == nil {
		s.due = time.After(s.cfg.BatchWait)
		s.oldest.Store(at.UnixNano())
	}
}

// put adds an entry to the batch.
func (s *Shipper) put(ctx context.Context, w whole) {
	if ctx.Err() != nil {
		return
	}
	s.begun(w.Time)
	s.attach(ctx, &w)
	s.batch = append(s.batch, w.Entry)
	s.bytes += int64(len(w.RequestBody) + len(w.ResponseBody))
	if len(s.batch) >= s.cfg.BatchEntries || s.bytes >= s.cfg.BatchBytes {
		s.flush(ctx)
	}
}

// flush writes what has been read, and moves the cursor behind it.
func (s *Shipper) flush(ctx context.Context) {
	if s.due == nil {
		return
	}
	cursor := s.join.cursor(s.next, s.skip.Open)
	if !s.persist(ctx, "calls cannot be delivered", func() error {
		return s.cfg.Destination.Write(ctx, s.log, s.batch, cursor)
	}) {
		return
	}
	s.acked.Store(cursor.Next)
	s.needs.Store(cursor.From)
	s.oldest.Store(0)
	s.metrics.delivered(s.batch)
	clear(s.batch) // lets go of the bodies
	s.batch, s.bytes, s.due = s.batch[:0], 0, nil
}

package sink

import (
	"context"
	"errors"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
)

// Each gives visit every call of a log that is there, as far as the filter
// selects it: whole calls in the order in which they ended, then those without
// an outcome. Bodies are opened with open, which may be nil: then there are
// none. What does not open is left out; Entry.Bodies says so. It takes no
// lock.
func Each(ctx context.Context, dir string, f Filter, open func(payloads [][]byte) ([]byte, error), visit func(*Entry) error) error {
	id, err := ledger.ID(dir)
	if err != nil {
		return err
	}
	j := newJoiner(id, open != nil)
	show := func(w whole) error {
		if w.Kind == KindForgotten || !f.Match(&w.Entry) {
			return nil
		}
		if open != nil {
			if err := w.open(ctx, dir, string(BodiesClear), open); errors.Is(err, ctx.Err()) && err != nil {
				return err
			}
		}
		return visit(&w.Entry)
	}
	now := time.Time{}
	err = ledger.ReadItems(dir, 0, func(it ledger.Item) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if it.Piece != nil {
			j.piece(it.Index, it.Piece, now)
			return nil
		}
		now = it.Record.Time
		if w, ok := j.record(it.Index, it.Record); ok {
			return show(w)
		}
		return nil
	})
	for el := j.order.Front(); el != nil && err == nil; el = el.Next() {
		if o := el.Value.(*half); o.begun {
			err = show(o.unfinished(id))
		}
	}
	return err
}

package authority

import (
	"context"
	"database/sql"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/revocation"
)

// RevokeRequest names a member or one certificate. Above, if set, makes the
// list's epoch higher than that, which an authority needs once that was
// restored from a backup.
type RevokeRequest struct {
	Member string `json:"member,omitempty"` // SPIFFE id
	Serial string `json:"serial,omitempty"` // hex
	Reason string `json:"reason,omitempty"` // for the log and for people; not on the list
	Above  uint64 `json:"above,omitempty"`
}

// Revocation answers a RevokeRequest.
type Revocation struct {
	Epoch uint64 `json:"epoch"`
}

const maxReason = 200

// Revoke puts a member out for good, or one certificate. When it returns, the
// new list is durable and nodes that wait for it are being told.
func (a *Authority) Revoke(ctx context.Context, req RevokeRequest) (Revocation, error) {
	if len(req.Reason) > maxReason || (req.Member == "") == (req.Serial == "") {
		return Revocation{}, fault.New(fault.Invalid, "name a member or a serial number, and a reason of 200 bytes at most")
	}
	err := a.publish(ctx, func(ctx context.Context, tx *sql.Tx, now time.Time) (record, error) {
		if req.Member == "" {
			serial, err := revocation.ParseSerial(req.Serial)
			if err != nil {
				return record{}, err
			}
			return record{Kind: "revoke", Serial: serial, Reason: req.Reason}, addRevocation(ctx, tx, "serial", serial, "", now)
		}
		id, err := pki.ParseID(req.Member)
		if err != nil {
			return record{}, err
		}
		if err := markRevoked(ctx, tx, id, req.Reason, now); err != nil {
			return record{}, err
		}
		return record{Kind: "revoke", ID: id.String(), Reason: req.Reason}, addRevocation(ctx, tx, "member", id.String(), id.String(), now)
	}, req.Above)
	return Revocation{a.published().epoch}, err
}

// publish changes the database, logs the change, signs the list that follows
// from it with the next epoch, and lets nodes have it: all or nothing. In the
// embedded database's log a record may stand whose change was never made.
func (a *Authority) publish(ctx context.Context, change func(context.Context, *sql.Tx, time.Time) (record, error), above uint64) error {
	now := a.now().UTC().Truncate(time.Second)
	var next published
	var r record
	err := a.store.write(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if r, err = change(ctx, tx, now); err != nil {
			return err
		}
		if next, err = a.nextList(ctx, tx, now, above); err != nil {
			return err
		}
		r.Time, r.Epoch = now, next.epoch
		if err := a.note(ctx, tx, r); err != nil {
			return err
		}
		return setList(ctx, tx, next)
	})
	if err != nil {
		return err
	}
	a.announce(next)
	a.log.Info("revocation list", "epoch", next.epoch, "kind", r.Kind, "member", r.ID, "serial", r.Serial)
	if err := a.store.settle(ctx); err != nil { // it is in force and on record; the copy comes later, before anything is signed
		a.log.Error("cannot keep up with the authority's database", "err", a.store.failed(err))
	}
	return nil
}

func (a *Authority) nextList(ctx context.Context, tx *sql.Tx, now time.Time, above uint64) (published, error) {
	last, err := a.store.list(ctx, tx)
	if err != nil {
		return published{}, err
	}
	l, err := listed(ctx, tx, now)
	if err != nil {
		return published{}, err
	}
	l.Project, l.Epoch, l.Issued = a.cfg.Project, max(last.epoch, above)+1, now.Unix()
	signed, err := revocation.Sign(l, a.ca.Signer())
	return published{epoch: l.Epoch, signed: signed}, err
}

// openList reads the list in force, or makes the first one, which is empty.
func (a *Authority) openList(ctx context.Context) error {
	if err := a.look(ctx); err != nil || a.published().epoch > 0 {
		return err
	}
	return a.publish(ctx, func(context.Context, *sql.Tx, time.Time) (record, error) { return record{Kind: "found"}, nil }, 0)
}

func (a *Authority) announce(p published) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.epoch <= a.current.epoch {
		return // of two that came at once, the later stays
	}
	if a.current.changed != nil {
		close(a.current.changed)
	}
	p.changed = make(chan struct{})
	a.current = p
}

func (a *Authority) published() published {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current
}

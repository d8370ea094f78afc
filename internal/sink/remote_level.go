package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// clockSkew is how much the clocks of this machine and of a remote may differ.
const clockSkew = time.Minute

// birth is a time before anything of a new log went anywhere.
func birth(dir string) (time.Time, error) {
	info, err := os.Stat(filepath.Join(dir, "checkpoint.key"))
	if err != nil {
		return time.Time{}, fault.New(fault.Unavailable, "cannot tell when the log began").At(dir).Because(err)
	}
	return info.ModTime().Add(-clockSkew), nil
}

// level connects, if need be, and brings both sides to the same end. What the
// directory lacks goes to take; without it the directory may lack nothing.
func (r *Remote) level(ctx context.Context, take func(block []byte) error) error {
	if r.live {
		return nil
	}
	if err := r.store.connect(ctx); err != nil {
		return err
	}
	last, err := r.store.tail(ctx, r.log, r.born)
	if err != nil {
		return err
	}
	switch {
	case last.next > r.have && take == nil:
		return r.forked(fmt.Sprintf("it has %d entries, and the directory %d", last.next, r.have))
	case last.next > r.have:
		err = r.fetch(ctx, take)
	case last.next > 0:
		err = r.compare(last)
	}
	if err != nil {
		return err
	}
	if r.sent > last.next {
		r.cfg.log.Warn("the ledger's remote has lost entries that it had acknowledged; they are sent again",
			"directory", r.cfg.dir, "first", last.next, "last", r.sent-1)
	}
	if r.sent = last.next; r.sent < r.have {
		err = ledger.ReadBlocks(r.cfg.dir, r.sent, func(block []byte) error {
			head, err := ledger.ParseBlock(block)
			if err != nil || head.First >= r.have {
				return err
			}
			return r.send(ctx, head, block)
		})
	}
	if err == nil && r.sent < r.have {
		err = fault.New(fault.Internal, fmt.Sprintf("the directory has no blocks from entry %d on", r.sent)).At(r.cfg.dir)
	}
	r.live = err == nil
	return err
}

// fetch gives take what the remote has more.
func (r *Remote) fetch(ctx context.Context, take func(block []byte) error) error {
	return r.store.read(ctx, r.log, r.have, func(i remoteItem) error {
		switch {
		case i.block == nil || i.next <= r.have:
			return nil
		case i.first < r.have:
			return r.forked(fmt.Sprintf("its block of entries %d to %d is not the directory's", i.first, i.next-1))
		}
		if err := take(i.block); err != nil {
			return err
		}
		r.have = i.next
		r.progressed()
		return nil
	})
}

var errSeen = errors.New("seen")

// compare sees that the remote's last block is the directory's.
func (r *Remote) compare(last mark) error {
	err := ledger.ReadBlocks(r.cfg.dir, last.first, func(block []byte) error {
		head, err := ledger.ParseBlock(block)
		if err != nil {
			return err
		}
		if markOf(head, block) != last {
			return r.forked(fmt.Sprintf("its block of entries %d to %d is not the directory's", last.first, last.next-1))
		}
		return errSeen
	})
	if fault.KindOf(err) == fault.Conflict {
		return err
	}
	return nil // pruned, and with it what could be compared
}

func (r *Remote) forked(what string) error {
	return fault.New(fault.Conflict, "the ledger's remote has another history of this log: "+what).At(r.cfg.dir).
		Fix("another writer has a copy of this directory: stop it; begin a new log in an empty directory, and restore this one to see what both wrote")
}

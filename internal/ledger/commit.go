package ledger

import (
	"runtime"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// run is the committer: the one goroutine that writes. While it waits for the
// disk, appenders gather in the next batch, so that one sync serves them all.
func (l *Log) run() {
	defer close(l.done)
	tick := time.NewTicker(l.cfg.CheckpointEvery)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-l.wake:
			l.gather()
			l.commitPending()
		case <-tick.C:
			l.checkpoint()
			l.prune()
		case <-l.stop:
			l.commitPending()
			l.checkpoint()
			running = false
		}
	}
	if err := l.domain.Close(); err != nil {
		l.fail("the log's last file did not close", err)
	}
	_ = l.lock.Close()
}

// gather lets whoever the last commit woke add its next entry first, as long
// as more come: without this, half the commits at 64 writers carry one entry.
// To yield once is not enough: the scheduler comes back after 61 others at most.
func (l *Log) gather() {
	for before, n := -1, 0; n > before; {
		runtime.Gosched()
		l.mu.Lock()
		before, n = n, len(l.pending.leaves)
		l.mu.Unlock()
	}
}

// commitPending makes the pending batch durable, or fails the log.
func (l *Log) commitPending() {
	b := l.take()
	if len(b.leaves) == 0 {
		b.finish(nil)
		return
	}
	if l.failure == nil {
		began := time.Now()
		if err := l.commit(b); err != nil {
			l.fail("an entry could not be made durable", err)
		} else if l.cfg.Committed != nil {
			l.cfg.Committed(time.Since(began), len(b.leaves))
		}
	}
	b.finish(l.failure)
	l.spare = b
}

// take starts a new batch and closes the old one to appenders.
func (l *Log) take() *batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.pending
	l.pending = newBatch(b.first+uint64(len(b.leaves)), l.spare)
	l.spare = nil
	close(b.taken)
	return b
}

func (l *Log) commit(b *batch) error {
	if l.own.full(len(b.buf) + trailer) {
		if err := l.own.rotate(l.header()); err != nil {
			return err
		}
	}
	b.buf = sealBlock(b.buf, l.keys.id, b.first, len(b.leaves), l.chain)
	if err := l.domain.Commit(b.buf); err != nil {
		return err
	}
	l.chain = chainHash(b.buf[:blockHeader], b.leaves)
	for _, leaf := range b.leaves {
		l.tree.push(leaf)
		if l.cfg.Signed != nil {
			l.grown.push(leaf)
		}
	}
	l.mu.Lock()
	l.durable = l.tree.size
	l.mu.Unlock()
	return nil
}

// header is that of a segment which starts here.
func (l *Log) header() segmentHeader {
	return segmentHeader{id: l.keys.id, first: l.tree.size, chain: l.chain, peaks: l.tree.peaks}
}

// checkpoint signs the tree, if it has grown since.
func (l *Log) checkpoint() {
	if l.failure != nil || l.tree.size == l.signed {
		return
	}
	if err := l.own.sync(); err != nil {
		l.fail("entries could not be made durable", err)
		return
	}
	if err := l.writeCheckpoint(); err != nil {
		l.fail("a checkpoint could not be written", err)
	}
}

func (l *Log) writeCheckpoint() error {
	c := checkpoint{size: l.tree.size, root: l.tree.root()}
	msg, err := c.sign(l.keys.signer)
	if err != nil {
		return err
	}
	if err := install(l.cfg.FS, l.cfg.Directory, checkpointName, msg); err != nil {
		return err
	}
	l.signed = c.size
	l.announce(msg)
	return nil
}

// fail stops the log for good. The first failure is the one that is told.
func (l *Log) fail(what string, err error) {
	if l.failure != nil {
		return
	}
	l.failure = fault.New(fault.Unavailable, "the log has stopped: "+what).
		Fix("mend the disk, or where else the log is kept, then restart the service").Because(err)
	l.cfg.Logger.Error(what+"; the log takes nothing more", "directory", l.cfg.Directory, "error", err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = l.failure
}

package ledger

import "golang.org/x/mod/sumdb/tlog"

// batch gathers the entries of one commit. Appenders fill it under the log's
// lock; once taken it is the committer's alone.
type batch struct {
	first  uint64
	buf    []byte // the block, with room for its header
	leaves []tlog.Hash
	taken  chan struct{} // closed when it takes no more
	done   chan struct{} // closed when it is durable, or err says why not
	err    error
}

// newBatch takes over the buffers of a batch that is done, if there is one.
func newBatch(first uint64, old *batch) *batch {
	b := &batch{first: first, taken: make(chan struct{}), done: make(chan struct{})}
	if old != nil {
		b.buf, b.leaves = old.buf[:blockHeader], old.leaves[:0]
		old.buf, old.leaves = nil, nil
	} else {
		b.buf = make([]byte, blockHeader, 64<<10)
	}
	return b
}

func (b *batch) fits(n int) bool {
	return len(b.leaves) < maxEntries && len(b.buf)+entryHeader+n+trailer <= maxBlock
}

// add returns the entry's index.
func (b *batch) add(payload []byte, leaf tlog.Hash, sum uint32) uint64 {
	index := b.first + uint64(len(b.leaves))
	b.buf = appendEntry(b.buf, payload, sum)
	b.leaves = append(b.leaves, leaf)
	return index
}

// finish wakes everybody who waits for the batch.
func (b *batch) finish(err error) {
	b.err = err
	close(b.done)
}

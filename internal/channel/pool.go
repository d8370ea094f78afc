package channel

import "sync"

// batch is how many bytes one system call moves at most: large enough that
// calls cost little beside encryption, small enough to stay in a core's cache.
const batch = 128 << 10

// Pool lends buffers, so that none is held by a connection that is idle. The
// zero value is ready; share one among all connections of a service.
type Pool struct{ batches, blocks sync.Pool }

func (p *Pool) batch() *[]byte {
	if b, ok := p.batches.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, batch)
	return &b
}

func (p *Pool) putBatch(b *[]byte) { p.batches.Put(b) }

// block holds the payload of one frame or of several small ones, or one TLS
// record.
type block struct {
	record [16384]byte
	r, w   int // what is unread lies between
}

func (b *block) unread() []byte { return b.record[b.r:b.w] }

func (p *Pool) block() *block {
	if b, ok := p.blocks.Get().(*block); ok {
		b.r, b.w = 0, 0
		return b
	}
	return new(block)
}

func (p *Pool) putBlock(b *block) { p.blocks.Put(b) }

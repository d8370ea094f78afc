package identity

import (
	"crypto/sha256"
	"sync"
	"time"
)

// verified is what is known of a token whose signature was found good.
type verified struct {
	who         Principal
	signer      signer
	from, until time.Time // leeway included
}

// timely holds the token to its times.
func (k *verified) timely(now time.Time) error {
	switch {
	case !now.Before(k.until):
		return refused("the token has expired").Fix("get a new one")
	case now.Before(k.from):
		return refused("the token is not valid yet").Fix("check the clocks")
	}
	return nil
}

const (
	cacheTokens = 4096    // in each of two halves
	cacheBytes  = 4 << 20 // of tokens in each half; what is kept of one is smaller than the token
)

// cache remembers tokens by their SHA-256, and keeps none itself. A signature
// costs fifty times a lookup. Only tokens that were found good get in, so
// strangers cannot fill it. When the young half is full it becomes the old
// one, and what is then asked for again moves back; the rest is forgotten.
// The zero value is ready.
type cache struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]kept
	bytes      int // of the young
}

type kept struct {
	token *verified
	size  int
}

func (c *cache) get(sum [sha256.Size]byte) (*verified, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.young[sum]; ok {
		return k.token, true
	}
	k, ok := c.old[sum]
	if ok {
		c.add(sum, k)
	}
	return k.token, ok
}

func (c *cache) put(sum [sha256.Size]byte, token *verified, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(sum, kept{token, size})
}

func (c *cache) add(sum [sha256.Size]byte, k kept) {
	if c.young == nil || len(c.young) >= cacheTokens || c.bytes+k.size > cacheBytes {
		c.young, c.old, c.bytes = map[[sha256.Size]byte]kept{}, c.young, 0
	}
	if before, ok := c.young[sum]; ok {
		c.bytes -= before.size
	}
	c.young[sum] = k
	c.bytes += k.size
}

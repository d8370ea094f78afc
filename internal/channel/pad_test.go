package channel

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"io"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
)

// sized is a connection that keeps the sizes of what is written.
type sized struct {
	net.Conn
	mu    sync.Mutex
	sizes []int
}

func (c *sized) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.sizes = append(c.sizes, len(p))
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// With padding every record's content is a multiple of what was asked for, but
// for those that are full; and what streams carry is as without.
func TestPadding(t *testing.T) {
	for _, padTo := range []int{0, 16, 512, MaxPadTo} {
		a, b := loopback(t)
		conn := &sized{Conn: a}
		in, out := NewInlet(conn, outletID, SessionConfig{PadTo: padTo}), NewOutlet(b, inletID, SessionConfig{PadTo: padTo})
		defer in.Close()
		defer out.Close()
		var sent []byte
		st, other := openPair(t, in, out)
		got := make(chan []byte)
		go func() { all, _ := io.ReadAll(other); got <- all }()
		for _, n := range append([]int{1, 7, 8, 9, 503, 504, 505, 16_000, MaxPayload, 3*MaxPayload + 5, 100_000}, mathrand.Perm(200)...) {
			p := make([]byte, n)
			_, _ = rand.Read(p)
			if _, err := st.Write(p); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, p...)
		}
		_ = st.CloseWrite()
		if !bytes.Equal(<-got, sent) {
			t.Fatalf("padded to %d: other bytes arrived", padTo)
		}
		conn.mu.Lock()
		odd := slices.IndexFunc(conn.sizes, func(n int) bool { return padTo > 0 && n%padTo != 0 && n+padTo+HeaderSize <= HeaderSize+MaxPayload })
		if len(conn.sizes) < 100 || odd >= 0 || slices.Max(conn.sizes) > HeaderSize+MaxPayload {
			t.Errorf("padded to %d, %d records; one of %d bytes", padTo, len(conn.sizes), conn.sizes[max(odd, 0)])
		}
		conn.mu.Unlock()
	}
}

// Resumption would skip nothing of ours, and is off all the same: a peer that
// keeps sessions gets none to keep.
func TestNothingIsResumed(t *testing.T) {
	ca := pkitest.Project(t, "demo")
	inlet, outlet := pkitest.Member(t, ca, inletID), pkitest.Member(t, ca, outletID)
	for what, c := range map[string]struct{ server, client *tls.Config }{
		"session": {pki.MutualTLS(outlet, pki.Exactly(inletID), sessionProtocol), pki.MutualTLS(inlet, pki.Exactly(outletID), sessionProtocol)},
		"leg":     {LegServer(inlet), LegClient(outlet, pki.Exactly(inletID))},
	} {
		cache := &keeping{ClientSessionCache: tls.NewLRUClientSessionCache(8)}
		c.client.ClientSessionCache, c.client.SessionTicketsDisabled = cache, false
		for range 2 {
			a, b := loopback(t)
			go func() {
				server := tls.Server(b, c.server)
				_, _ = io.WriteString(server, "x") // behind which a ticket would have come
				_ = b.Close()
			}()
			client := tls.Client(a, c.client)
			if _, err := client.Read(make([]byte, 1)); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if client.ConnectionState().DidResume || cache.put {
				t.Errorf("the %s was resumed, or could be", what)
			}
		}
	}
}

// keeping notes whether there was anything to keep.
type keeping struct {
	tls.ClientSessionCache
	put bool
}

func (k *keeping) Put(key string, s *tls.ClientSessionState) {
	k.put = k.put || s != nil
	k.ClientSessionCache.Put(key, s)
}

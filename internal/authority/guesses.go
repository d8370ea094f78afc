package authority

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Bounds of guessing at tickets. A code has 256 bits and is not to be guessed;
// these keep the noise of trying out of the database and the log.
const (
	maxGuesses  = 10 // that fail, from one address in one window
	guessWindow = time.Minute
	maxGuessers = 4096 // addresses remembered in one window; beyond, all new ones share one count
)

// guesses counts refused redemptions by address: by /64 for IPv6, which is what
// one customer has. The zero value is ready.
type guesses struct {
	mu    sync.Mutex
	since time.Time
	count map[netip.Prefix]int
}

// guard refuses an address that has guessed too often.
func (g *guesses) guard(a *Authority, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := prefix(r.RemoteAddr)
		if g.over(from, a.now()) {
			a.problem(w, r, fault.New(fault.Throttled, "too many tickets were refused from this address").Fix("wait a minute"))
			return
		}
		seen := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		if seen.status == http.StatusForbidden { // who is told of a conflict knew a real ticket
			g.add(from, a.now())
		}
	})
}

func prefix(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	address, parseErr := netip.ParseAddr(host)
	if err != nil || parseErr != nil {
		return netip.Prefix{}
	}
	bits := 32
	if address = address.Unmap().WithZone(""); address.Is6() {
		bits = 64
	}
	p, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// window begins a new one where the old has passed. g.mu is held.
func (g *guesses) window(from netip.Prefix, now time.Time) netip.Prefix {
	if g.count == nil || now.Sub(g.since) >= guessWindow || now.Before(g.since) {
		g.since, g.count = now, map[netip.Prefix]int{}
	}
	if _, known := g.count[from]; !known && len(g.count) >= maxGuessers {
		return netip.Prefix{}
	}
	return from
}

func (g *guesses) over(from netip.Prefix, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count[g.window(from, now)] >= maxGuesses
}

func (g *guesses) add(from netip.Prefix, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count[g.window(from, now)]++
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

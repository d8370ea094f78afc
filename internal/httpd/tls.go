package httpd

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// lookAgain is the least time between two looks at a certificate's files.
const lookAgain = 2 * time.Second

// FollowTLS makes a server's configuration with load, and again at the first
// handshake after one of the files has changed; it looks at them every 2 s at
// most. Files that cannot be used leave the configuration as it was, and the
// log says why, once. Connections that stand keep what they began with.
//
// NextProtos of the first configuration stay in force.
func FollowTLS(files []string, load func() (*tls.Config, error), logger *slog.Logger) (*tls.Config, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	f := &follower{files: files, load: load, log: logger, looked: time.Now()}
	f.seen = f.read()
	first, err := load()
	if err != nil {
		return nil, err
	}
	f.current.Store(first)
	outer := first.Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		f.look()
		return f.current.Load(), nil
	}
	return outer, nil
}

type follower struct {
	files   []string
	load    func() (*tls.Config, error)
	log     *slog.Logger
	current atomic.Pointer[tls.Config]

	mu     sync.Mutex
	looked time.Time
	seen   [sha256.Size]byte // of what the files held
}

// look loads again if there is anything new. Handshakes that come meanwhile go
// on with what there is.
func (f *follower) look() {
	if !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	if time.Since(f.looked) < lookAgain {
		return
	}
	f.looked = time.Now()
	now := f.read()
	if now == f.seen {
		return
	}
	f.seen = now
	next, err := f.load()
	if err != nil {
		f.log.Error("the certificate in use is the old one", "file", f.files[0], "error", err)
		return
	}
	next.NextProtos = f.current.Load().NextProtos
	f.current.Store(next)
	f.log.Info("the certificate was read again", "file", f.files[0])
}

// read gives the hash of what the files hold; of one that cannot be read,
// nothing goes in.
func (f *follower) read() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, name := range f.files {
		data, _ := os.ReadFile(name) // why not is for load to say
		_, _ = fmt.Fprintf(h, "%d\n%s", len(data), data)
	}
	h.Sum(sum[:0])
	return sum
}

// Certificate reads a chain and its private key, both PEM. Errors are faults of
// kind Invalid.
func Certificate(certificate, key string) (tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return tls.Certificate{}, fault.New(fault.Invalid, "the certificate and its key cannot be used").At(certificate).
			Fix("check that both files are PEM and belong together").Because(err)
	}
	return cert, nil
}

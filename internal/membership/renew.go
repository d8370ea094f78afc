package membership

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// lookEvery bounds how long Run sleeps at a time: timers stand still while a
// machine does, and one that wakes must not wait out its old timer with a
// certificate that has expired meanwhile.
const lookEvery = 10 * time.Second

// Run keeps the member's certificate and its list of revocations fresh, until
// ctx ends. The certificate is renewed at half of its life, give or take a
// tenth. While the authority is away Run tries again, ever more slowly; the old
// certificate serves until it expires, and renewal works after that too.
func (m *Member) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { m.watch(ctx) })
	for retry := firstRetry; ctx.Err() == nil; {
		if wait := m.untilRenewal(); wait > 0 {
			sleep(ctx, min(wait, lookEvery))
			continue
		}
		err := m.Renew(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			m.noticeOwn()
			m.log.Log(ctx, retryLevel(retry), "certificate not renewed", "member", m.id.String(), "expires", m.Expires(), "err", err)
			sleep(ctx, retry/2+mathrand.N(retry)) // full jitter around the backoff
			retry = min(retry*2, m.lastRetry())
		default:
			retry = firstRetry
			sleep(ctx, firstRetry) // however odd the clocks are, the authority is not pressed
		}
	}
	return nil
}

// lastRetry is the longest wait between two attempts: 10 minutes, and less for
// certificates that live for minutes.
func (m *Member) lastRetry() time.Duration {
	return max(min(life(m.state.Load().cert.Leaf)/8, 10*time.Minute), firstRetry)
}

// retryLevel makes the first failure news and those that go on a warning.
func retryLevel(retry time.Duration) slog.Level {
	if retry <= firstRetry {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// untilRenewal is by the wall clock: see lookEvery.
func (m *Member) untilRenewal() time.Duration {
	return m.state.Load().due.Sub(m.now().Round(0))
}

// life is how long a certificate is good for from when it was signed.
func life(leaf *x509.Certificate) time.Duration { return leaf.NotAfter.Sub(pki.SignedAt(leaf)) }

// dueAt is when to renew. A certificate that is not this key's (a rotation was
// interrupted) is due at once.
func (m *Member) dueAt(leaf *x509.Certificate, key *ecdsa.PrivateKey) time.Time {
	if public, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(key.Public()) {
		return time.Time{}
	}
	l := life(leaf)
	return m.received(leaf).Add(l/2 + mathrand.N(l/5+1) - l/10)
}

// received is when the certificate came, by our own clock, which may differ
// from the authority's by minutes: the file's time. A time that makes no sense
// (the directory was copied) gives way to the authority's.
func (m *Member) received(leaf *x509.Certificate) time.Time {
	info, err := os.Stat(filepath.Join(m.dir, certFile))
	if err != nil || info.ModTime().Before(leaf.NotBefore) || info.ModTime().After(leaf.NotAfter) {
		return pki.SignedAt(leaf)
	}
	return info.ModTime()
}

// Renew asks for a new certificate now.
func (m *Member) Renew(ctx context.Context) error {
	key := m.state.Load().key
	request, err := pki.Request(key)
	if err != nil {
		return err
	}
	var answer Membership
	err = post(ctx, client(m.pin, m.origin.Project, nil), m.origin.Authority, RenewPath, RenewRequest{request}, &answer)
	if err != nil {
		return err
	}
	if answer.ID != m.id.String() {
		return fault.New(fault.Upstream, "the authority answered for another member")
	}
	if err := m.keep(answer, key); err != nil {
		return err
	}
	if err := m.reload(); err != nil {
		return err
	}
	m.log.Info("certificate renewed", "member", m.id.String(), "expires", m.Expires())
	return nil
}

func (m *Member) keep(answer Membership, key *ecdsa.PrivateKey) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	return store(m.dir, answer, key, m.pin)
}

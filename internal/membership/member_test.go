package membership

import (
	"crypto/ecdsa"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
)

// Renewal comes at half of a certificate's life, give or take a tenth, and at
// once where that has passed.
func TestRenewalAtHalfLife(t *testing.T) {
	start := time.Now().Truncate(time.Second)
	key, cert := keyAndCertificate(t, start, 20*time.Hour)
	m := &Member{dir: t.TempDir(), now: func() time.Time { return start }}
	seen := map[time.Duration]bool{}
	for range 200 {
		m.state.Store(&state{due: m.dueAt(cert, key)})
		wait := m.untilRenewal()
		if wait < 8*time.Hour || wait > 12*time.Hour {
			t.Fatalf("renewal after %s of 20 h", wait)
		}
		seen[wait] = true
	}
	if len(seen) < 100 {
		t.Errorf("a fleet would renew at only %d moments", len(seen))
	}
	m.now = func() time.Time { return start.Add(30 * time.Hour) }
	if wait := m.untilRenewal(); wait > 0 {
		t.Errorf("an expired certificate waits %s", wait)
	}
	other, _ := keyAndCertificate(t, start, time.Hour)
	if due := m.dueAt(cert, other); !due.IsZero() {
		t.Errorf("a certificate of another key is renewed only at %s", due)
	}
}

// A node whose clock is ten minutes off renews at half of a certificate's life
// all the same: what counts is when the certificate came, by the same clock.
func TestRenewalBesideASkewedClock(t *testing.T) {
	signed := time.Now().Truncate(time.Second)
	key, cert := keyAndCertificate(t, signed, 40*time.Minute)
	for _, skew := range []time.Duration{-10 * time.Minute, 0, 10 * time.Minute} {
		m := &Member{dir: t.TempDir()}
		path := filepath.Join(m.dir, certFile)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		came := signed.Add(skew)
		if err := os.Chtimes(path, came, came); err != nil {
			t.Fatal(err)
		}
		if wait := m.dueAt(cert, key).Sub(came); wait < 16*time.Minute || wait > 24*time.Minute {
			t.Errorf("clock %s off: renewal after %s of 40 minutes", skew, wait)
		}
	}
}

func keyAndCertificate(t *testing.T, signed time.Time, life time.Duration) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	c := pkitest.MemberAt(t, pkitest.Project(t, "demo"), pki.ID{Project: "demo", Role: pki.Inlet, Member: "a"}, signed, life)
	return c.Cert.PrivateKey.(*ecdsa.PrivateKey), c.Cert.Leaf
}

// A directory that is no member's, or is damaged, says what to do, and never
// quotes a key.
func TestLoadRefusesWhatIsNoMember(t *testing.T) {
	dir := t.TempDir()
	check := func(what string) {
		t.Helper()
		_, err := Load(dir, nil)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "portal enroll") {
			t.Errorf("%s: %v", what, err)
		}
		if strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%s: the error quotes the file", what)
		}
	}
	check("empty directory")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(originFile, "{")
	check("half an origin")
	write(originFile, `{"authority":"a:1","project":"demo","pin":"00"}`)
	check("a short pin")
	write(originFile, `{"authority":"a:1","project":"demo","pin":"`+strings.Repeat("00", 32)+`"}`)
	check("no key")
	write(keyFile, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
	check("not a key")
}

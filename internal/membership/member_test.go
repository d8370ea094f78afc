package membership

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Renewal comes at half of a certificate's life, give or take a tenth, and at
// once where that has passed.
func TestRenewalAtHalfLife(t *testing.T) {
	start := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	m := &Member{now: func() time.Time { return start }}
	m.state.Store(&state{cert: tls.Certificate{Leaf: &x509.Certificate{NotBefore: start, NotAfter: start.Add(20 * time.Hour)}}})
	seen := map[time.Duration]bool{}
	for range 200 {
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
	if wait := m.untilRenewal(); wait != 0 {
		t.Errorf("an expired certificate waits %s", wait)
	}
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

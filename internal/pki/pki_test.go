package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
)

func TestIDs(t *testing.T) {
	for _, good := range []string{"spiffe://demo/inlet/health-corp", "spiffe://a.b-c/relay/0", "spiffe://p/gateway/" + strings.Repeat("x", 63)} {
		if id, err := pki.ParseID(good); err != nil || id.String() != good {
			t.Errorf("%s: %s, %v", good, id, err)
		}
	}
	for _, bad := range []string{
		"", "spiffe://", "spiffe://demo/inlet", "spiffe://demo/inlet/", "spiffe://demo/king/x", "spiffe://Demo/inlet/x",
		"spiffe://demo/inlet/x/y", "spiffe://demo:1/inlet/x", "spiffe://u@demo/inlet/x", "https://demo/inlet/x",
		"spiffe://demo/inlet/x?y", "spiffe://demo/inlet/%78", "spiffe://demo/inlet/.x", "spiffe://demo/inlet/x-",
		"spiffe://demo/inlet/" + strings.Repeat("x", 64), "spiffe://demo/inlet/ü",
	} {
		if id, err := pki.ParseID(bad); err == nil {
			t.Errorf("%q parsed as %s", bad, id)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("spiffe://demo/inlet/health-corp")
	f.Add("spiffe://demo/inlet/%78")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := pki.ParseID(s); err == nil && id.String() != s {
			t.Errorf("%q reads as %q", s, id)
		}
	})
}

func TestCAIsKeptAndNeverHalfReplaced(t *testing.T) {
	dir := t.TempDir()
	first, err := pki.LoadOrCreateCA(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	again, err := pki.LoadOrCreateCA(dir, "test")
	if err != nil || !again.Certificate().Equal(first.Certificate()) {
		t.Fatalf("loaded another CA: %v", err)
	}
	if info, _ := os.Stat(filepath.Join(dir, "ca.key")); info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key has mode %v", info.Mode())
	}
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.LoadOrCreateCA(dir, "test"); err == nil {
		t.Error("a CA without its key was replaced in silence")
	}
}

// handshake returns what each side said.
func handshake(client, server *tls.Config) (clientErr, serverErr error) {
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() {
		conn := tls.Server(b, server)
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		_ = b.Close()
		done <- err
	}()
	conn := tls.Client(a, client)
	clientErr = conn.Handshake()
	if clientErr == nil {
		_, clientErr = conn.Read(make([]byte, 1)) // TLS 1.3: the server's refusal comes after
	}
	_ = a.Close()
	return clientErr, <-done
}

func TestMutualTLSAdmitsExactlyWhomItShould(t *testing.T) {
	ours, theirs := pkitest.Project(t, "demo"), pkitest.Project(t, "other")
	now := time.Now()
	inlet := pki.ID{Project: "demo", Role: pki.Inlet, Member: "a"}
	outlet := pki.ID{Project: "demo", Role: pki.Outlet, Member: "b"}
	server := pkitest.MemberAt(t, ours, outlet, now, time.Hour)
	good := pkitest.MemberAt(t, ours, inlet, now, time.Hour)
	for name, c := range map[string]struct {
		client   pkitest.Credentials
		admit    pki.Check
		protocol string
		ok       bool
	}{
		"the member":           {good, pki.Exactly(inlet), "p/1", true},
		"by role":              {good, pki.InRole("demo", pki.Inlet), "p/1", true},
		"another member":       {good, pki.Exactly(outlet), "p/1", false},
		"another role":         {good, pki.InRole("demo", pki.Relay), "p/1", false},
		"another project":      {good, pki.InRole("other", pki.Inlet), "p/1", false},
		"another protocol":     {good, pki.Exactly(inlet), "p/2", false},
		"expired":              {pkitest.MemberAt(t, ours, inlet, now.Add(-2*time.Hour), time.Hour), pki.Exactly(inlet), "p/1", false},
		"not yet valid":        {pkitest.MemberAt(t, ours, inlet, now.Add(time.Hour), time.Hour), pki.Exactly(inlet), "p/1", false},
		"a stranger's root":    {pkitest.MemberAt(t, theirs, pki.ID{Project: "other", Role: pki.Inlet, Member: "a"}, now, time.Hour), pki.Exactly(inlet), "p/1", false},
		"a stranger who lies":  {pkitest.MemberAt(t, theirs, inlet, now, time.Hour), pki.Exactly(inlet), "p/1", false},
		"inside clock backing": {pkitest.MemberAt(t, ours, inlet, now.Add(4*time.Minute), time.Hour), pki.Exactly(inlet), "p/1", true},
	} {
		t.Run(name, func(t *testing.T) {
			c.client.Trusts = pki.Pool(ours.Certificate())
			clientErr, serverErr := handshake(
				pki.MutualTLS(c.client, pki.Exactly(outlet), c.protocol), pki.MutualTLS(server, c.admit, "p/1"))
			if ok := clientErr == nil && serverErr == nil; ok != c.ok {
				t.Errorf("client: %v; server: %v", clientErr, serverErr)
			}
		})
	}
	if _, err := handshake(&tls.Config{InsecureSkipVerify: true, NextProtos: []string{"p/1"}},
		pki.MutualTLS(server, pki.Exactly(inlet), "p/1")); err == nil {
		t.Error("a client without a certificate was admitted")
	}
}

func TestMemberOfWantsOneName(t *testing.T) {
	one := &url.URL{Scheme: "spiffe", Host: "demo", Path: "/inlet/a"}
	for name, uris := range map[string][]*url.URL{
		"none": nil, "two": {one, one}, "foreign": {{Scheme: "https", Host: "demo", Path: "/inlet/a"}},
	} {
		if id, _, err := pki.MemberOf(&x509.Certificate{URIs: uris}); err == nil {
			t.Errorf("%s: %s", name, id)
		}
	}
}

func FuzzParseAttribute(f *testing.F) {
	f.Add("service=openai")
	f.Add("a=b=c")
	f.Fuzz(func(t *testing.T, s string) {
		if k, v, err := pki.ParseAttribute(s); err == nil && k+"="+v != s {
			t.Errorf("%q reads as %q, %q", s, k, v)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := pki.Request(key)
	f.Add(der)
	f.Fuzz(func(_ *testing.T, der []byte) {
		_, _, _ = pki.ParseRequest(der) // must not panic, whatever a stranger sends
	})
}

// Clocks that differ by ten minutes, either way, do not part members: a
// certificate counts from a quarter of an hour before it was signed, and is
// renewed long before it ends. One that has really ended, or comes from far
// ahead, is refused.
func TestClockSkew(t *testing.T) {
	ca := pkitest.Project(t, "demo")
	id := pki.ID{Project: "demo", Role: pki.Inlet, Member: "a"}
	signed := time.Now()
	cert := pkitest.MemberAt(t, ca, id, signed, time.Hour).Cert.Leaf
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	for name, c := range map[string]struct {
		at   time.Duration // after it was signed, by the judge's clock
		good bool
	}{
		"just signed, ten minutes behind":       {-10 * time.Minute, true},
		"just signed, ten minutes ahead":        {10 * time.Minute, true},
		"due for renewal, ten minutes ahead":    {46 * time.Minute, true},
		"due for renewal, ten minutes behind":   {20 * time.Minute, true},
		"twenty minutes behind":                 {-20 * time.Minute, false},
		"ended":                                 {61 * time.Minute, false},
		"ended, judged by a clock that is late": {59 * time.Minute, true},
	} {
		if _, _, err := pki.VerifyPeer(state, pki.Pool(ca.Certificate()), signed.Add(c.at)); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := pki.SignedAt(cert); got.Sub(signed).Abs() > time.Second {
		t.Errorf("signed at %s, read as %s", signed, got)
	}
}

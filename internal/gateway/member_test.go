package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// credentials are a member's, made by a test's authority.
type credentials struct {
	id    pki.ID
	cert  tls.Certificate
	roots *x509.CertPool
}

func (c credentials) ID() pki.ID                             { return c.id }
func (c credentials) Certificate() (*tls.Certificate, error) { return &c.cert, nil }
func (c credentials) Roots() *x509.CertPool                  { return c.roots }

func enroll(t *testing.T, ca *pki.CA, id pki.ID) credentials {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := ca.IssueMember(id, map[string]string{"team": "research"}, key.Public(), time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return credentials{id, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pki.Pool(ca.Certificate())}
}

func newCA(t *testing.T, project string) *pki.CA {
	t.Helper()
	ca, err := pki.LoadOrCreateCA(t.TempDir(), project, project)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestMembers(t *testing.T) {
	ca := newCA(t, "demo")
	name := func(role pki.Role, member string) pki.ID { return pki.ID{Project: "demo", Role: role, Member: member} }
	us := enroll(t, ca, name(pki.Gateway, "g"))
	r := newRig(t, whole, func(c *Config) { c.Member = us })
	config, err := r.MemberTLS()
	if err != nil {
		t.Fatal(err)
	}
	if !config.SessionTicketsDisabled || config.MinVersion != tls.VersionTLS13 {
		t.Error("sessions may be resumed, or an old TLS spoken")
	}
	server := httptest.NewUnstartedServer(r.MemberHandler())
	server.TLS = config
	server.StartTLS()
	defer server.Close()
	call := func(me credentials, header http.Header) (*http.Response, error) {
		transport := &http.Transport{TLSClientConfig: pki.MutualTLS(me, pki.Exactly(us.id), memberProtocol)}
		defer transport.CloseIdleConnections()
		req := r.request("POST", v1Chat, chatBody)
		req.URL.Scheme, req.URL.Host = "https", server.Listener.Addr().String()
		req.Header = header
		resp, err := transport.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		return resp, err
	}
	health := enroll(t, ca, name(pki.Inlet, "health-corp"))
	// The SDK's dummy key, and even another caller's good key, are ignored.
	for _, key := range []string{"", "sk-dummy", r.key} {
		resp, err := call(health, http.Header{"Content-Type": {"application/json"}, "Api-Key": {key}, "Authorization": {"Bearer x"}})
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("key %q: %+v %v", key, resp, err)
		}
		record, _, _ := r.book.last(t)
		if record.Member != health.id.String() || record.Subject != health.id.String() || record.Issuer != "demo" || record.Workload != "members" || record.Name != "health-corp" {
			t.Errorf("%+v", record)
		}
	}
	stranger := newCA(t, "demo")
	for what, who := range map[string]credentials{
		"outlet":            enroll(t, ca, name(pki.Outlet, "ai-corp")),
		"gateway":           us,
		"relay":             enroll(t, ca, name(pki.Relay, "r")),
		"another authority": enroll(t, stranger, name(pki.Inlet, "health-corp")),
	} {
		who.roots = us.roots
		if resp, err := call(who, http.Header{"Api-Key": {r.key}}); err == nil {
			t.Errorf("%s: %d", what, resp.StatusCode)
		}
	}
	// Without a certificate there is no identity, whatever else is shown.
	if resp, err := (&http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{memberProtocol}}}).RoundTrip(func() *http.Request {
		req := r.request("POST", v1Chat, chatBody)
		req.URL.Scheme, req.URL.Host = "https", server.Listener.Addr().String()
		return req
	}()); err == nil {
		t.Errorf("without a certificate: %d", resp.StatusCode)
	}
	plain := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodPost, v1Chat, nil)
	req.Header.Set("Api-Key", r.key)
	r.MemberHandler().ServeHTTP(plain, req)
	if plain.Code != 401 {
		t.Errorf("without TLS: %d", plain.Code)
	}
	r.book.last(t)
}

func TestNoMember(t *testing.T) {
	r := newRig(t, whole)
	if _, err := r.MemberTLS(); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

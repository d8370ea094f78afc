package gateway

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
)

func TestMembers(t *testing.T) {
	ca := pkitest.Project(t, "demo")
	name := func(role pki.Role, member string) pki.ID { return pki.ID{Project: "demo", Role: role, Member: member} }
	us := pkitest.Member(t, ca, name(pki.Gateway, "g"))
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
	call := func(me pki.Credentials, header http.Header) (*http.Response, error) {
		transport := &http.Transport{TLSClientConfig: pki.MutualTLS(me, pki.Exactly(us.ID()), memberProtocol)}
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
	health := pkitest.Member(t, ca, name(pki.Inlet, "health-corp"))
	// The SDK's dummy key, and even another caller's good key, are ignored.
	for _, key := range []string{"", "sk-dummy", r.key} {
		resp, err := call(health, http.Header{"Content-Type": {"application/json"}, "Api-Key": {key}, "Authorization": {"Bearer x"}})
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("key %q: %+v %v", key, resp, err)
		}
		record, _, _ := r.book.last(t)
		if record.Member != health.ID().String() || record.Subject != health.ID().String() || record.Issuer != "demo" || record.Workload != "members" || record.Name != "health-corp" {
			t.Errorf("%+v", record)
		}
	}
	stranger := pkitest.Project(t, "demo")
	for what, who := range map[string]pkitest.Credentials{
		"outlet":            pkitest.Member(t, ca, name(pki.Outlet, "ai-corp")),
		"gateway":           us,
		"relay":             pkitest.Member(t, ca, name(pki.Relay, "r")),
		"another authority": pkitest.Member(t, stranger, name(pki.Inlet, "health-corp")),
	} {
		who.Trusts = us.Trusts
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

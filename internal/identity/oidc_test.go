package identity

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// TestOIDC: any issuer, by discovery or by the place of its keys, with claims
// of its own naming.
func TestOIDC(t *testing.T) {
	const iss = loginURL + "/" + tenant + "/v2.0" // the fake serves this one's discovery
	header := `{"alg":"RS256","kid":"r1","typ":"JWT"}`
	token := func(aud, more string) string {
		return signRaw(t, header, fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":%d%s}`, iss, aud, time.Now().Add(time.Hour).Unix(), more))
	}
	for name, tt := range map[string]struct {
		oidc   OIDC
		claims string
		want   Principal
	}{
		"discovery": {
			OIDC{Audiences: []string{"ostiary"}}, `,"sub":"s","oid":"o","tid":"t","azp":"app","name":"N","groups":["a","b"]`,
			Principal{Issuer: iss, Subject: "s", App: "app", Name: "N", Groups: []string{"a", "b"}},
		},
		"keys given": {
			OIDC{Audiences: []string{"other", "ostiary"}, Keys: loginURL + "/keys"}, `,"sub":"s","client_id":"c","groups":"one"`,
			Principal{Issuer: iss, Subject: "s", App: "c", Name: "c", Groups: []string{"one"}},
		},
		"claims named": {
			OIDC{Audiences: []string{"ostiary"}, Claims: OIDCClaims{Subject: "email", Name: "display", App: "client", Groups: "https://corp.example/teams", Roles: "permissions"}},
			`,"sub":"s","email":"p@corp.example","display":"P","client":"c","https://corp.example/teams":["x"],"permissions":["r"],"groups":["not these"]`,
			Principal{Issuer: iss, Subject: "p@corp.example", App: "c", Name: "P", Groups: []string{"x"}, Roles: []string{"r"}},
		},
	} {
		tt.oidc.Issuer = iss
		f := newFake()
		issuer, err := tt.oidc.Trusted(&http.Client{Transport: f})
		if err != nil {
			t.Fatal(err)
		}
		i, err := New(Config{Issuers: []Issuer{issuer}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := i.Token(t.Context(), token("ostiary", tt.claims))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if tt.oidc.Keys != "" && !reflect.DeepEqual(f.asked, []string{loginURL + "/keys"}) {
			t.Errorf("%s: asked %v", name, f.asked)
		}
		for _, bad := range []string{token("another", tt.claims), token("ostiary", `,"name":"nobody"`)} {
			if p, err := i.Token(t.Context(), bad); fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("%s: %+v %v", name, p, err)
			}
		}
	}
	for _, bad := range []OIDC{
		{Issuer: "http://plain.example", Audiences: []string{"a"}}, {Issuer: "https://sts.windows.net/" + tenant + "/", Audiences: []string{"a"}},
		{Issuer: "https://Login.MicrosoftOnline.com/common/v2.0", Audiences: []string{"a"}}, {Issuer: iss, Audiences: []string{"a"}, Keys: "http://x/keys"},
	} {
		if _, err := bad.Trusted(nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := New(Config{Issuers: []Issuer{{Names: []string{iss}, Audiences: []string{"a"}}}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an issuer without keys: %v", err)
	}
}

func TestCertificate(t *testing.T) {
	now := time.Now()
	key, hash := NewKey()
	i, err := New(Config{TrustDomain: "corp.example", Keys: []Key{{Name: "k", Hash: hash, Workload: "w"}}})
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(ids ...string) *x509.Certificate {
		c := &x509.Certificate{NotAfter: now.Add(time.Hour)}
		for _, id := range ids {
			u, err := url.Parse(id)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		}
		return c
	}
	const id = "spiffe://corp.example/ns/Prod/sa/web_1"
	request := func(cert *x509.Certificate, apiKey string) *http.Request {
		return &http.Request{Header: http.Header{"Api-Key": {apiKey}}, TLS: &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{cert}}}}
	}
	want := Principal{Issuer: CertificateIssuer, Subject: id, Name: "web_1"}
	if p, err := i.Identify(request(certificate(id), "")); err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("%+v %v", p, err)
	}
	old, ca := certificate(id), certificate(id)
	old.NotAfter, ca.IsCA = now.Add(-time.Second), true
	for name, r := range map[string]*http.Request{
		"beside a key":         request(certificate(id), key.Reveal()),
		"beside a dummy":       request(certificate(id), "sk-dummy"),
		"two ids":              request(certificate(id, id), ""),
		"no id":                request(certificate(), ""),
		"expired":              request(old, ""),
		"an authority":         request(ca, ""),
		"another trust domain": request(certificate("spiffe://corp.example.evil/ns/Prod"), ""),
		"no path":              request(certificate("spiffe://corp.example"), ""),
		"a host":               request(certificate("https://corp.example/ns"), ""),
		"a port":               request(certificate("spiffe://corp.example:1/ns"), ""),
		"a user":               request(certificate("spiffe://u@corp.example/ns"), ""),
		"a query":              request(certificate("spiffe://corp.example/ns?x"), ""),
		"a fragment":           request(certificate("spiffe://corp.example/ns#x"), ""),
		"dots":                 request(certificate("spiffe://corp.example/ns/../sa"), ""),
		"empty segment":        request(certificate("spiffe://corp.example/ns//sa"), ""),
		"an escape":            request(certificate("spiffe://corp.example/ns%2fsa"), ""),
		"too long":             request(certificate("spiffe://corp.example/"+strings.Repeat("a", maxSPIFFE)), ""),
	} {
		if p, err := i.Identify(r); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
	without, err := New(Config{Keys: []Key{{Name: "k", Hash: hash, Workload: "w"}}})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := without.Identify(request(certificate(id), key.Reveal())); err != nil || p.Subject != "k" {
		t.Errorf("where no certificate is accepted: %+v %v", p, err)
	}
	if p, err := without.Certificate(certificate(id)); err == nil {
		t.Errorf("%+v", p)
	}
}

func TestCertificatesAccept(t *testing.T) {
	dir := t.TempDir()
	ca, err := pki.LoadOrCreateCA(filepath.Join(dir, "ca"), "corp")
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(dir, "bundle.pem")
	if err := os.WriteFile(bundle, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	var server tls.Config
	if err := (&Certificates{CA: bundle, TrustDomain: "corp.example"}).Accept(&server); err != nil {
		t.Fatal(err)
	}
	if server.ClientAuth != tls.VerifyClientCertIfGiven || !server.ClientCAs.Equal(pki.Pool(ca.Certificate())) {
		t.Errorf("%v %v", server.ClientAuth, server.ClientCAs)
	}
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []Certificates{{bundle, "Corp.Example"}, {bundle, "spiffe://corp"}, {empty, "corp"}, {filepath.Join(dir, "none"), "corp"}} {
		if err := bad.Accept(&server); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

package witness

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// TestClientBelievesOnlyTheKey meets servers that answer as no witness may.
func TestClientBelievesOnlyTheKey(t *testing.T) {
	b := newBook(t, 5)
	honest, other := newRig(t, b), newRig(t, b)
	msg := b.checkpoint(t)
	answer := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
		}
	}
	for name, c := range map[string]struct {
		handler http.Handler
		kind    fault.Kind
	}{
		"another witness":     {other.Handler(), fault.Upstream},
		"nothing":             {answer(200, "", ""), fault.Upstream},
		"nonsense":            {answer(200, "", "hello"), fault.Upstream},
		"a line of its own":   {answer(200, "", "— x AAAAAAAAAAA=\n"), fault.Upstream},
		"more text":           {answer(200, "", "\nmore\n\n— x AAAAAAAAAAA=\n"), fault.Upstream},
		"too much":            {answer(200, "", strings.Repeat("x", 1<<20)), fault.Upstream},
		"a size of no type":   {answer(409, "text/plain", "3\n"), fault.Upstream},
		"a size without end":  {answer(409, sizeType, "3"), fault.Upstream},
		"a size of no number": {answer(409, sizeType, "-3\n"), fault.Upstream},
		"unknown":             {answer(404, "", ""), fault.NotFound},
		"another key":         {answer(403, "", ""), fault.Denied},
		"refused":             {answer(422, "", ""), fault.Conflict},
		"broken":              {answer(500, "", ""), fault.Upstream},
		"elsewhere":           {http.RedirectHandler("http://192.0.2.1/", http.StatusTemporaryRedirect), fault.Upstream},
	} {
		web := httptest.NewServer(c.handler)
		key, err := ParseKey(honest.Key())
		if err != nil {
			t.Fatal(err)
		}
		client, err := NewClient(ClientConfig{URL: web.URL, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Add(t.Context(), b.key, 0, nil, msg); fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		} else if _, ok := errors.AsType[*SizeError](err); ok {
			t.Errorf("%s: %v", name, err)
		}
		web.Close()
	}
	client := honest.client(t)
	honest.stop()
	if _, err := client.Add(t.Context(), b.key, 0, nil, msg); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("away: %v", err)
	}
	honest.start(t)
	keyless, err := NewClient(ClientConfig{URL: honest.web.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyless.Add(t.Context(), b.key, 0, nil, msg); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without a key: %v", err)
	}
}

func TestAddressesRefused(t *testing.T) {
	for _, u := range []string{"", "witness.example", "ftp://witness.example", "https://", "https://me:you@witness.example", "https://witness.example/?a=b", "https://x/\x00"} {
		if _, err := NewClient(ClientConfig{URL: u}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", u, err)
		}
	}
}

// TestAuthorityIsKnownByItsRole serves a witness with a certificate of a
// project, as an authority does.
func TestAuthorityIsKnownByItsRole(t *testing.T) {
	b := newBook(t, 5)
	r := newRig(t, b)
	ca, err := pki.LoadOrCreateCA(t.TempDir(), "a project", "demo")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := pki.LoadOrCreateCA(t.TempDir(), "another", "demo")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(r.Key())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		role  pki.Role
		roots *pki.CA
		ok    bool
	}{{pki.Authority, ca, true}, {pki.Relay, ca, false}, {pki.Authority, stranger, false}} {
		cert, err := ca.ServerIdentity(pki.ID{Project: "demo", Role: c.role, Member: "x"})
		if err != nil {
			t.Fatal(err)
		}
		web := httptest.NewUnstartedServer(r.Handler())
		web.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		web.StartTLS()
		client, err := NewClient(ClientConfig{URL: web.URL, Key: key, Roots: pki.Pool(c.roots.Certificate())})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Latest(t.Context(), b.key)
		if got := fault.KindOf(err) == fault.NotFound; got != c.ok { // it has nothing yet, and says so
			t.Errorf("%s: %v", c.role, err)
		}
		web.Close()
	}
}

// TestPlainCertificateNeedsItsName serves a witness with a web certificate.
func TestPlainCertificateNeedsItsName(t *testing.T) {
	b := newBook(t, 1)
	web := httptest.NewTLSServer(http.NotFoundHandler()) // for example.com and 127.0.0.1
	defer web.Close()
	for url, want := range map[string]fault.Kind{
		web.URL: fault.NotFound,
		strings.Replace(web.URL, "127.0.0.1", "localhost", 1): fault.Unavailable,
	} {
		client, err := NewClient(ClientConfig{URL: url, Roots: pki.Pool(web.Certificate())})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Latest(t.Context(), b.key); fault.KindOf(err) != want {
			t.Errorf("%s: %v", url, err)
		}
	}
}

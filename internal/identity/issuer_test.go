package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	tenant   = "11111111-2222-3333-4444-555555555555"
	loginURL = "https://login.example"
	v2Issuer = loginURL + "/" + tenant + "/v2.0"
	v1Issuer = loginURL + "/" + tenant + "/"
	audience = "https://cognitiveservices.azure.com"
)

// fakeIssuer is an http.RoundTripper that serves discovery and keys in memory
// and remembers every URL that it was asked for.
type fakeIssuer struct {
	mu      sync.Mutex
	keys    map[string]crypto.Signer
	rawKeys string // instead of keys
	issuer  string // named by discovery; default v2Issuer
	down    bool
	status  int
	asked   []string
	block   chan struct{} // a fetch waits until it is closed
	jwksURI string
	fetches atomic.Int64
}

func (f *fakeIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.asked = append(f.asked, r.URL.String())
	block, down := f.block, f.down
	f.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if down {
		return nil, errors.New("connection refused")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	body := ""
	switch r.URL.Path {
	case "/" + tenant + "/v2.0/.well-known/openid-configuration":
		f.fetches.Add(1)
		uri, name := f.jwksURI, f.issuer
		if uri == "" {
			uri = loginURL + "/keys"
		}
		if name == "" {
			name = v2Issuer
		}
		body = `{"issuer":"` + name + `","jwks_uri":"` + uri + `"}`
	case "/keys":
		if body = f.rawKeys; body == "" {
			body = f.keySet()
		}
	}
	status := f.status
	if status == 0 {
		status = http.StatusOK
	}
	header := http.Header{}
	if status == http.StatusFound {
		header.Set("Location", "https://elsewhere.example/keys")
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (f *fakeIssuer) keySet() string {
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	b64 := base64.RawURLEncoding.EncodeToString
	for kid, key := range f.keys {
		switch public := key.Public().(type) {
		case *rsa.PublicKey:
			set.Keys = append(set.Keys, map[string]string{"kty": "RSA", "use": "sig", "kid": kid, "n": b64(public.N.Bytes()), "e": b64(big.NewInt(int64(public.E)).Bytes())})
		case *ecdsa.PublicKey:
			point, err := public.Bytes()
			if err != nil {
				panic(err)
			}
			set.Keys = append(set.Keys, map[string]string{"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(point[1:33]), "y": b64(point[33:])})
		}
	}
	body, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return string(body)
}

func (f *fakeIssuer) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

type testKeys struct {
	rsa, other *rsa.PrivateKey
	ec         *ecdsa.PrivateKey
}

var makeKeys = sync.OnceValue(func() testKeys {
	a, err1 := rsa.GenerateKey(rand.Reader, 2048)
	b, err2 := rsa.GenerateKey(rand.Reader, 2048)
	c, err3 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		panic(err)
	}
	return testKeys{a, b, c}
})

// newIdentifier trusts one tenant of f, and the given keys.
func newIdentifier(t testing.TB, f *fakeIssuer, now func() time.Time, keys ...Key) *Identifier {
	t.Helper()
	e := Entra{Tenant: tenant, Authority: loginURL + "/"}
	issuer, err := e.Issuer(&http.Client{Transport: f})
	if err != nil {
		t.Fatal(err)
	}
	i, err := New(Config{Issuers: []Issuer{issuer}, Keys: keys, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func newFake() *fakeIssuer {
	k := makeKeys()
	return &fakeIssuer{keys: map[string]crypto.Signer{"r1": k.rsa, "e1": k.ec}}
}

func goodClaims(now time.Time) jwt.MapClaims {
	return jwt.MapClaims{
		"iss": v2Issuer, "aud": audience, "tid": tenant, "oid": "person-1", "sub": "pairwise",
		"name": "Sample Person One", "azp": "app-1", "groups": []string{"g1"}, "roles": []string{"reader"},
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// sign makes a token; header entries given as nil are left out.
func sign(t testing.TB, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = "r1"
	for k, v := range header {
		token.Header[k] = v
		if v == nil {
			delete(token.Header, k)
		}
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

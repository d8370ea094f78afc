package identity

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/fault"
)

func TestTokenGivesPrincipal(t *testing.T) {
	now := time.Now()
	k := makeKeys()
	i := newIdentifier(t, newFake(), nil)
	want := Principal{
		Issuer: v2Issuer, Tenant: tenant, Subject: "person-1", Name: "Sample Person One", App: "app-1",
		Groups: []string{"g1"}, Roles: []string{"reader"},
	}
	v1 := goodClaims(now)
	maps.Copy(v1, jwt.MapClaims{"iss": v1Issuer, "aud": audience + "/", "appid": "app-2"})
	for _, gone := range []string{"azp", "oid", "name"} {
		delete(v1, gone)
	}
	wantV1 := want
	wantV1.Issuer, wantV1.Subject, wantV1.Name, wantV1.App = v1Issuer, "pairwise", "app-2", "app-2"
	several := goodClaims(now)
	several["aud"] = []string{"other", "https://ai.azure.com"}
	tests := map[string]struct {
		token string
		want  Principal
	}{
		"RS256":             {sign(t, jwt.SigningMethodRS256, k.rsa, nil, goodClaims(now)), want},
		"PS256":             {sign(t, jwt.SigningMethodPS256, k.rsa, nil, goodClaims(now)), want},
		"ES256":             {sign(t, jwt.SigningMethodES256, k.ec, map[string]any{"kid": "e1"}, goodClaims(now)), want},
		"version 1":         {sign(t, jwt.SigningMethodRS256, k.rsa, nil, v1), wantV1},
		"several audiences": {sign(t, jwt.SigningMethodRS256, k.rsa, nil, several), want},
	}
	for name, tt := range tests {
		got, err := i.Token(t.Context(), tt.token)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// TestTokenAttacks presents what must be refused, and checks that nothing but
// the configured issuer was ever asked.
func TestTokenAttacks(t *testing.T) {
	now := time.Now()
	k := makeKeys()
	spki, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	rs := func(header map[string]any, change jwt.MapClaims) string {
		c := goodClaims(now)
		maps.Copy(c, change)
		for name, v := range change {
			if v == nil {
				delete(c, name)
			}
		}
		return sign(t, jwt.SigningMethodRS256, k.rsa, header, c)
	}
	good := rs(nil, nil)
	parts := strings.Split(good, ".")
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	tests := map[string]string{
		"alg none":           sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, goodClaims(now)),
		"alg None":           b64(`{"alg":"None","kid":"r1"}`) + "." + parts[1] + ".",
		"no signature":       parts[0] + "." + parts[1] + ".",
		"HS256, public key":  sign(t, jwt.SigningMethodHS256, publicPEM, nil, goodClaims(now)),
		"HS256, modulus":     sign(t, jwt.SigningMethodHS256, k.rsa.N.Bytes(), nil, goodClaims(now)),
		"RS512":              sign(t, jwt.SigningMethodRS512, k.rsa, nil, goodClaims(now)),
		"another key":        sign(t, jwt.SigningMethodRS256, k.other, nil, goodClaims(now)),
		"RS256, kid of EC":   rs(map[string]any{"kid": "e1"}, nil),
		"ES256, kid of RSA":  sign(t, jwt.SigningMethodES256, k.ec, nil, goodClaims(now)),
		"no kid":             rs(map[string]any{"kid": nil}, nil),
		"kid a number":       rs(map[string]any{"kid": 1}, nil),
		"kid a path":         rs(map[string]any{"kid": "../../r1"}, nil),
		"kid too long":       rs(map[string]any{"kid": strings.Repeat("k", 300)}, nil),
		"crit":               rs(map[string]any{"crit": []string{"b64"}, "b64": false}, nil),
		"jku":                sign(t, jwt.SigningMethodRS256, k.other, map[string]any{"jku": "https://evil.example/keys", "kid": "evil"}, goodClaims(now)),
		"x5u":                sign(t, jwt.SigningMethodRS256, k.other, map[string]any{"x5u": "https://evil.example/cert"}, goodClaims(now)),
		"jwk":                sign(t, jwt.SigningMethodRS256, k.other, map[string]any{"jwk": map[string]any{"kty": "RSA"}}, goodClaims(now)),
		"wrong audience":     rs(nil, jwt.MapClaims{"aud": "https://management.azure.com"}),
		"two slashes":        rs(nil, jwt.MapClaims{"aud": audience + "//"}),
		"no audience":        rs(nil, jwt.MapClaims{"aud": nil}),
		"unknown issuer":     rs(nil, jwt.MapClaims{"iss": "https://evil.example/"}),
		"issuer, other case": rs(nil, jwt.MapClaims{"iss": strings.ToUpper(v2Issuer)}),
		"issuer plus slash":  rs(nil, jwt.MapClaims{"iss": v2Issuer + "/"}),
		"no issuer":          rs(nil, jwt.MapClaims{"iss": nil}),
		"public cloud's v1":  rs(nil, jwt.MapClaims{"iss": "https://sts.windows.net/" + tenant + "/"}),
		"another tenant":     rs(nil, jwt.MapClaims{"tid": "99999999-2222-3333-4444-555555555555"}),
		"no tenant":          rs(nil, jwt.MapClaims{"tid": nil}),
		"expired":            rs(nil, jwt.MapClaims{"exp": now.Add(-2 * time.Minute).Unix()}),
		"no expiry":          rs(nil, jwt.MapClaims{"exp": nil}),
		"expiry a text":      rs(nil, jwt.MapClaims{"exp": "tomorrow"}),
		"not yet":            rs(nil, jwt.MapClaims{"nbf": now.Add(2 * time.Minute).Unix()}),
		"from the future":    rs(nil, jwt.MapClaims{"iat": now.Add(2 * time.Minute).Unix()}),
		"no subject":         rs(nil, jwt.MapClaims{"oid": nil, "sub": nil}),
		"changed claims":     parts[0] + "." + b64(`{"iss":"`+v2Issuer+`","aud":"`+audience+`","oid":"boss","exp":9999999999}`) + "." + parts[2],
		"four parts":         good + ".x",
		"two parts":          parts[0] + "." + parts[1],
		"padded":             parts[0] + "=." + parts[1] + "." + parts[2],
		"JSON":               `{"alg":"none"}`,
		"empty":              "",
	}
	f := newFake()
	i := newIdentifier(t, f, nil)
	if _, err := i.Token(t.Context(), good); err != nil {
		t.Fatalf("the good token: %v", err)
	}
	for name, token := range tests {
		p, err := i.Token(t.Context(), token)
		if fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %+v %v", name, p, err)
		}
		if err != nil && token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("%s: the error quotes the token", name)
		}
	}
	for _, url := range f.asked {
		if !strings.HasPrefix(url, loginURL+"/") {
			t.Errorf("asked %s", url)
		}
	}
}

func TestLeeway(t *testing.T) {
	now := time.Now()
	i := newIdentifier(t, newFake(), nil)
	for name, change := range map[string]jwt.MapClaims{
		"just expired": {"exp": now.Add(-30 * time.Second).Unix()},
		"just coming":  {"nbf": now.Add(30 * time.Second).Unix(), "iat": now.Add(30 * time.Second).Unix()},
	} {
		c := goodClaims(now)
		maps.Copy(c, change)
		if _, err := i.Token(t.Context(), sign(t, jwt.SigningMethodRS256, makeKeys().rsa, nil, c)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnknownKeysCauseFewFetches: a storm of made-up key ids costs one fetch
// each half minute, and the good key works all along.
func TestUnknownKeysCauseFewFetches(t *testing.T) {
	k := makeKeys()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		i := newIdentifier(t, f, time.Now)
		good := sign(t, jwt.SigningMethodRS256, k.rsa, nil, goodClaims(time.Now()))
		evil := sign(t, jwt.SigningMethodRS256, k.other, map[string]any{"kid": "made up"}, goodClaims(time.Now()))
		if _, err := i.Token(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		for range 40 { // two minutes, a storm every three seconds
			for range 25 {
				if _, err := i.Token(t.Context(), evil); fault.KindOf(err) != fault.Unauthenticated {
					t.Fatal(err)
				}
			}
			if _, err := i.Token(t.Context(), good); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
		}
		if n := f.fetches.Load(); n != 4 { // the first, and at 30, 60 and 90 s
			t.Errorf("%d fetches", n)
		}
	})
}

// TestRotation: a new key is found at once, by all who wait for one fetch.
func TestRotation(t *testing.T) {
	k := makeKeys()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		i := newIdentifier(t, f, time.Now)
		if _, err := i.Token(t.Context(), sign(t, jwt.SigningMethodRS256, k.rsa, nil, goodClaims(time.Now()))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second)
		f.set(func() { f.keys = map[string]crypto.Signer{"r2": k.other}; f.block = make(chan struct{}) })
		fresh := sign(t, jwt.SigningMethodRS256, k.other, map[string]any{"kid": "r2"}, goodClaims(time.Now()))
		errs := make(chan error, 20)
		for range cap(errs) {
			go func() {
				_, err := i.Token(t.Context(), fresh)
				errs <- err
			}()
		}
		synctest.Wait()
		// A caller that gives up does not end the fetch for the others.
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := i.Token(gone, fresh); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a caller that gave up: %v", err)
		}
		close(f.block)
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if n := f.fetches.Load(); n != 2 {
			t.Errorf("%d fetches", n)
		}
		if _, err := i.Token(t.Context(), sign(t, jwt.SigningMethodRS256, k.rsa, nil, goodClaims(time.Now()))); err == nil {
			t.Error("the withdrawn key still works")
		}
	})
}

func TestStaleKeysServe(t *testing.T) {
	k := makeKeys()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		i := newIdentifier(t, f, time.Now)
		token := func() string { return sign(t, jwt.SigningMethodRS256, k.rsa, nil, goodClaims(time.Now())) }
		if _, err := i.Token(t.Context(), token()); err != nil {
			t.Fatal(err)
		}
		f.set(func() { f.down = true })
		for range 5 {
			time.Sleep(time.Hour)
			if _, err := i.Token(t.Context(), token()); err != nil {
				t.Fatalf("the issuer is away: %v", err)
			}
			synctest.Wait()
		}
		unknown := sign(t, jwt.SigningMethodRS256, k.other, map[string]any{"kid": "r2"}, goodClaims(time.Now()))
		if _, err := i.Token(t.Context(), unknown); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a key that might be new, with the issuer away: %v", err)
		}
		f.set(func() { f.down = false })
		time.Sleep(time.Hour)
		before := f.fetches.Load()
		if _, err := i.Token(t.Context(), token()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if f.fetches.Load() != before+1 {
			t.Error("old keys were not fetched again")
		}
	})
}

func TestBadIssuers(t *testing.T) {
	token := sign(t, jwt.SigningMethodRS256, makeKeys().rsa, nil, goodClaims(time.Now()))
	tests := map[string]func(f *fakeIssuer){
		"down":            func(f *fakeIssuer) { f.down = true },
		"500":             func(f *fakeIssuer) { f.status = http.StatusInternalServerError },
		"redirect":        func(f *fakeIssuer) { f.status = http.StatusFound },
		"other name":      func(f *fakeIssuer) { f.issuer = "https://evil.example" },
		"plain http keys": func(f *fakeIssuer) { f.jwksURI = "http://login.example/keys" },
		"not JSON":        func(f *fakeIssuer) { f.rawKeys = "<html>" },
		"no keys":         func(f *fakeIssuer) { f.rawKeys = `{"keys":[]}` },
		"short key":       func(f *fakeIssuer) { f.rawKeys = `{"keys":[{"kty":"RSA","kid":"r1","n":"AQAB","e":"AQAB"}]}` },
		"symmetric key":   func(f *fakeIssuer) { f.rawKeys = `{"keys":[{"kty":"oct","kid":"r1","k":"AQAB"}]}` },
		"off the curve": func(f *fakeIssuer) {
			zero := strings.Repeat("A", 43)
			f.rawKeys = `{"keys":[{"kty":"EC","crv":"P-256","kid":"r1","x":"` + zero + `","y":"` + zero + `"}]}`
		},
		"endless": func(f *fakeIssuer) { f.rawKeys = `{"keys":[` + strings.Repeat(" ", maxDocument) + `]}` },
		"too many": func(f *fakeIssuer) {
			f.rawKeys = `{"keys":[` + strings.Repeat(`{"kty":"RSA"},`, maxKeys) + `{}]}`
		},
	}
	for name, spoil := range tests {
		f := newFake()
		spoil(f)
		_, err := newIdentifier(t, f, nil).Token(t.Context(), token)
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		for _, url := range f.asked {
			if strings.Contains(url, "elsewhere") {
				t.Errorf("%s: followed to %s", name, url)
			}
		}
	}
}

func TestKeyRestrictedByIssuer(t *testing.T) {
	f := newFake()
	b64 := base64.RawURLEncoding.EncodeToString
	f.rawKeys = `{"keys":[{"kty":"RSA","alg":"PS256","kid":"r1","e":"AQAB","n":"` + b64(makeKeys().rsa.N.Bytes()) + `"},` +
		`{"kty":"RSA","use":"enc","kid":"enc","e":"AQAB","n":"` + b64(makeKeys().rsa.N.Bytes()) + `"}]}`
	i := newIdentifier(t, f, nil)
	if _, err := i.Token(t.Context(), sign(t, jwt.SigningMethodPS256, makeKeys().rsa, nil, goodClaims(time.Now()))); err != nil {
		t.Error(err)
	}
	if _, err := i.Token(t.Context(), sign(t, jwt.SigningMethodRS256, makeKeys().rsa, nil, goodClaims(time.Now()))); err == nil {
		t.Error("RS256 with a key for PS256")
	}
	if _, err := i.Token(t.Context(), sign(t, jwt.SigningMethodPS256, makeKeys().rsa, map[string]any{"kid": "enc"}, goodClaims(time.Now()))); err == nil {
		t.Error("a key for encryption")
	}
}

func TestEntra(t *testing.T) {
	e := Entra{Tenant: tenant}
	got, err := e.Issuer(nil)
	want := Issuer{
		Names:     []string{"https://login.microsoftonline.com/" + tenant + "/v2.0", "https://sts.windows.net/" + tenant + "/"},
		Discovery: "https://login.microsoftonline.com/" + tenant + "/v2.0/.well-known/openid-configuration",
		Tenant:    tenant,
		Audiences: []string{"https://cognitiveservices.azure.com", "https://ai.azure.com", "7d312290-28c8-473c-a0ed-8e53749b6d6d"},
		Claims:    entraClaims(),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []Entra{{Tenant: "common"}, {Tenant: "Organizations"}, {Tenant: "a/b"}, {Tenant: "t?x"}, {Tenant: tenant, Authority: "http://login"}, {Tenant: tenant, Authority: "https://u@h"}} {
		if _, err := bad.Issuer(nil); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	issuer, err := e.Issuer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Issuers: []Issuer{issuer, issuer}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("one issuer twice: %v", err)
	}
	if _, err := New(Config{Issuers: []Issuer{{Names: []string{"x"}}}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an issuer without audience: %v", err)
	}
}

func FuzzToken(f *testing.F) {
	now := time.Now()
	fake := newFake()
	i := newIdentifier(f, fake, nil)
	good := sign(f, jwt.SigningMethodRS256, makeKeys().rsa, nil, goodClaims(now))
	f.Add(good)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		p, err := i.Token(t.Context(), token)
		if err == nil && token != good && isToken68(token) {
			// Only the very token that the key has signed may pass.
			t.Fatalf("accepted %q as %+v", token, p)
		}
		if err != nil && fault.KindOf(err) != fault.Unauthenticated {
			t.Fatal(err)
		}
	})
}

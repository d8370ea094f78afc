package identity

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/fault"
)

func TestIdentify(t *testing.T) {
	now := time.Now()
	secretKey, hash := NewKey()
	oldKey, oldHash := NewKey()
	otherKey, _ := NewKey()
	key := secretKey.Reveal()
	token := sign(t, jwt.SigningMethodRS256, makeKeys().rsa, nil, goodClaims(now))
	i := newIdentifier(t, newFake(), nil,
		Key{Name: "ci", Hash: strings.ToUpper(hash), Workload: "build", Expires: now.Add(time.Hour)},
		Key{Name: "old", Hash: oldHash, Workload: "build", Expires: now.Add(-time.Second)})
	tests := []struct {
		name    string
		apiKey  []string
		auth    []string
		subject string // empty: refused
	}{
		{"key in api-key", []string{key}, nil, "ci"},
		{"key as bearer", nil, []string{"Bearer " + key}, "ci"},
		{"key in both", []string{key}, []string{"bearer " + key}, "ci"},
		{"token as bearer", nil, []string{"Bearer " + token}, "person-1"},
		{"token in api-key", []string{token}, nil, "person-1"},
		{"scheme in capitals", nil, []string{"BEARER   " + token}, "person-1"},
		{"empty api-key beside", []string{""}, []string{"Bearer " + token}, "person-1"},
		{"empty bearer beside", []string{key}, []string{"Bearer "}, "ci"},
		{"nothing", nil, nil, ""},
		{"both empty", []string{" "}, []string{"Bearer"}, ""},
		{"key and token", []string{key}, []string{"Bearer " + token}, ""},
		{"two keys", []string{key, otherKey.Reveal()}, nil, ""},
		{"two bearers", nil, []string{"Bearer " + token, "Bearer " + key}, ""},
		{"third differs", []string{key, key, otherKey.Reveal()}, nil, ""},
		{"first differs", []string{otherKey.Reveal(), key, key}, nil, ""},
		{"basic", nil, []string{"Basic dTpw"}, ""},
		{"basic beside", []string{key}, []string{"Basic dTpw"}, ""},
		{"unknown key", []string{otherKey.Reveal()}, nil, ""},
		{"expired key", []string{oldKey.Reveal()}, nil, ""},
		{"its hash", []string{hash}, nil, ""},
		{"cut key", []string{key[:len(key)-1]}, nil, ""},
		{"mistyped key", []string{key[:20] + "!" + key[21:]}, nil, ""},
		{"only the prefix", []string{KeyPrefix}, nil, ""},
		{"dummy", []string{"sk-dummy"}, nil, ""},
		{"with a comma", nil, []string{"Bearer " + token + ", Bearer " + key}, ""},
		{"too long", []string{strings.Repeat("a", maxCredential+1)}, nil, ""},
	}
	for _, tt := range tests {
		r := &http.Request{Header: http.Header{"Api-Key": tt.apiKey, "Authorization": tt.auth}, URL: &url.URL{RawQuery: "api-key=" + key}}
		p, err := i.Identify(r)
		if p.Subject != tt.subject || (err == nil) != (tt.subject != "") {
			t.Errorf("%s: %+v %v", tt.name, p, err)
		}
		if err != nil && (fault.KindOf(err) != fault.Unauthenticated || strings.Contains(err.Error(), key) || strings.Contains(err.Error(), token)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	p, err := i.Identify(&http.Request{Header: http.Header{"Api-Key": {key}}})
	if want := (Principal{Issuer: "key", Subject: "ci", Name: "ci", Workload: "build"}); err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("%+v %v", p, err)
	}
}

func TestIsToken68(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
	for c := range 256 {
		if got, want := isToken68("a"+string([]byte{byte(c)})), strings.IndexByte(alphabet, byte(c)) >= 0; got != want {
			t.Errorf("%#x: %v", c, got)
		}
	}
}

func TestNewKey(t *testing.T) {
	shape := regexp.MustCompile(`^ostiary-[A-Za-z0-9_-]{49}$`)
	seen := map[string]bool{}
	for range 100 {
		key, hash := NewKey()
		if !shape.MatchString(key.Reveal()) || HashKey(key.Reveal()) != hash || seen[hash] {
			t.Fatalf("shape or hash of a key is wrong, or it came twice: %s", hash)
		}
		seen[hash] = true
	}
	_, hash := NewKey()
	if _, err := New(Config{Keys: []Key{{Name: "a", Hash: hash}, {Name: "b", Hash: strings.ToUpper(hash)}}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("one hash twice: %v", err)
	}
	for bad, want := range map[string]int{"zz": 1, hash[:62]: 1, hash: 0} {
		n := 0
		(&Key{Hash: bad}).Check(func(string, string, string) { n++ })
		if n != want {
			t.Errorf("%q: %d problems", bad, n)
		}
	}
}

func TestMember(t *testing.T) {
	now := time.Now()
	i := newIdentifier(t, newFake(), nil)
	certificate := func(id string, ends time.Time) *x509.Certificate {
		u, err := url.Parse(id)
		if err != nil {
			t.Fatal(err)
		}
		return &x509.Certificate{URIs: []*url.URL{u}, NotAfter: ends, Subject: pkix.Name{OrganizationalUnit: []string{"team=research"}}}
	}
	p, err := i.Member(certificate("spiffe://demo/inlet/health-corp", now.Add(time.Hour)))
	want := Principal{
		Issuer: "demo", Subject: "spiffe://demo/inlet/health-corp", Name: "health-corp",
		Member: "spiffe://demo/inlet/health-corp", Attributes: map[string]string{"team": "research"},
	}
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("%+v %v", p, err)
	}
	two := certificate("spiffe://demo/inlet/a", now.Add(time.Hour))
	two.URIs = append(two.URIs, two.URIs[0])
	for name, cert := range map[string]*x509.Certificate{
		"outlet":   certificate("spiffe://demo/outlet/ai-corp", now.Add(time.Hour)),
		"gateway":  certificate("spiffe://demo/gateway/g", now.Add(time.Hour)),
		"expired":  certificate("spiffe://demo/inlet/health-corp", now.Add(-time.Second)),
		"a host":   certificate("https://demo/inlet/health-corp", now.Add(time.Hour)),
		"two ids":  two,
		"no names": {},
	} {
		if p, err := i.Member(cert); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

func FuzzCredential(f *testing.F) {
	f.Add("", "Bearer a.b.c")
	f.Add("key", "bearer key")
	f.Add("key", "Basic x")
	f.Add(" ", "\tBearer\t x")
	f.Fuzz(func(t *testing.T, apiKey, authorization string) {
		got, err := Credential(http.Header{"Api-Key": {apiKey}, "Authorization": {authorization}})
		if err != nil {
			if got != "" || fault.KindOf(err) != fault.Unauthenticated {
				t.Fatalf("%q %v", got, err)
			}
			return
		}
		if got == "" || !isToken68(got) || !strings.Contains(apiKey+authorization, got) {
			t.Fatalf("%q %q gave %q", apiKey, authorization, got)
		}
		if key := strings.Trim(apiKey, " \t"); key != "" && key != got {
			t.Fatalf("api-key %q, and yet %q", apiKey, got)
		}
	})
}

// BenchmarkIdentify is a request with a token of usual size: one that was seen
// before, and one that was not.
func BenchmarkIdentify(b *testing.B) {
	i := newIdentifier(b, newFake(), nil)
	c := goodClaims(time.Now())
	c["groups"] = []string{strings.Repeat("a", 36), strings.Repeat("b", 36), strings.Repeat("c", 36)}
	c["scp"] = strings.Repeat("x", 600)
	token := sign(b, jwt.SigningMethodRS256, makeKeys().rsa, nil, c)
	r := &http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
	for name, prepare := range map[string]func(){"known": func() {}, "new": func() { i.tokens.known = cache{} }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				prepare()
				if _, err := i.Identify(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package identity

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/fault"
)

// signRaw signs a token of exactly this text, which no library would write.
func signRaw(t testing.TB, header, claims string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, makeKeys().rsa, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(sig)
}

// TestDuplicates: a token in which a name stands twice, or in another case, is
// read in one way or not at all, though its issuer signed it.
func TestDuplicates(t *testing.T) {
	now := time.Now()
	header := `{"alg":"RS256","kid":"r1","typ":"JWT"}`
	claims := func(more string) string {
		return fmt.Sprintf(`{"iss":%q,"aud":%q,"tid":%q,"oid":"person-1","exp":%d%s}`, v2Issuer, audience, tenant, now.Add(time.Hour).Unix(), more)
	}
	i := newIdentifier(t, newFake(), nil)
	for name, token := range map[string]string{
		"plain":                signRaw(t, header, claims("")),
		"another case":         signRaw(t, header, claims(`,"OID":"boss","Exp":1,"AUD":"x","Tid":"y"`)),
		"unknown claims":       signRaw(t, header, claims(`,"x":{"oid":"boss","oid":"chief"}`)),
		"nulls":                signRaw(t, header, claims(`,"nbf":null,"iat":null,"groups":null,"name":null`)),
		"groups that are none": signRaw(t, header, claims(`,"groups":{"a":1},"roles":[1,2],"name":7`)),
		"no typ":               signRaw(t, `{"alg":"RS256","kid":"r1"}`, claims("")),
		"RFC 9068":             signRaw(t, `{"alg":"RS256","kid":"r1","typ":"application/AT+JWT"}`, claims("")),
	} {
		p, err := i.Token(t.Context(), token)
		if err != nil || p.Subject != "person-1" || p.Groups != nil || p.Roles != nil || p.Name != "" {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
	for name, token := range map[string]string{
		"oid twice":           signRaw(t, header, claims(`,"oid":"boss"`)),
		"oid twice, escaped":  signRaw(t, header, claims(`,"o\u0069d":"boss"`)),
		"exp twice":           signRaw(t, header, claims(`,"exp":9999999999`)),
		"any twice":           signRaw(t, header, claims(`,"x":1,"x":1`)),
		"alg twice":           signRaw(t, `{"alg":"none","kid":"r1","alg":"RS256"}`, claims("")),
		"kid twice":           signRaw(t, `{"alg":"RS256","kid":"r2","kid":"r1"}`, claims("")),
		"alg in another case": signRaw(t, `{"ALG":"RS256","kid":"r1"}`, claims("")),
		"more after claims":   signRaw(t, header, claims("")+`{}`),
		"more after header":   signRaw(t, header+`{}`, claims("")),
		"claims no object":    signRaw(t, header, `["iss"]`),
		"header no object":    signRaw(t, `"RS256"`, claims("")),
		"iss a list":          signRaw(t, header, strings.Replace(claims(""), `"`+v2Issuer+`"`, `["`+v2Issuer+`"]`, 1)),
		"a logout token":      signRaw(t, `{"alg":"RS256","kid":"r1","typ":"logout+jwt"}`, claims("")),
		"typ a number":        signRaw(t, `{"alg":"RS256","kid":"r1","typ":1}`, claims("")),
		"critical extension":  signRaw(t, `{"alg":"RS256","kid":"r1","crit":[]}`, claims("")),
		"too long":            signRaw(t, header, claims(`,"x":"`+strings.Repeat("x", maxCredential)+`"`)),
	} {
		if p, err := i.Token(t.Context(), token); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

// TestEmulatorIsNotTrusted: a configuration that names a tenant and nothing
// else refuses what an emulated login service issues, under its own name and
// under Microsoft's.
func TestEmulatorIsNotTrusted(t *testing.T) {
	e := Entra{Tenant: tenant}
	f := newFake()
	f.issuer = defaultAuthority + "/" + tenant + "/v2.0"
	issuer, err := e.Issuer(&http.Client{Transport: f})
	if err != nil {
		t.Fatal(err)
	}
	i, err := New(Config{Issuers: []Issuer{issuer}})
	if err != nil {
		t.Fatal(err)
	}
	for _, iss := range []string{
		"https://127.0.0.1:8443/" + tenant + "/v2.0", "https://login.microsoftonline.com:8443/" + tenant + "/v2.0",
		"https://sts.windows.net/" + tenant + "/", "https://login.microsoftonline.com/" + tenant + "/v2.0",
	} {
		c := goodClaims(time.Now())
		c["iss"] = iss
		token := sign(t, jwt.SigningMethodRS256, makeKeys().other, map[string]any{"kid": "emulated"}, c)
		if p, err := i.Token(t.Context(), token); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %+v %v", iss, p, err)
		}
	}
	c := goodClaims(time.Now())
	c["iss"] = "https://sts.windows.net/" + tenant + "/"
	if _, err := i.Token(t.Context(), sign(t, jwt.SigningMethodRS256, makeKeys().rsa, nil, c)); err != nil {
		t.Errorf("the tenant's own version 1 token: %v", err)
	}
}

func TestClouds(t *testing.T) {
	for authority, v1 := range map[string]string{
		"https://login.microsoftonline.us/":          "https://sts.windows.net/",
		"https://login.partner.microsoftonline.cn":   "https://sts.chinacloudapi.cn/",
		"https://login.example":                      "https://login.example/",
		"https://login.microsoftonline.com.evil.com": "https://login.microsoftonline.com.evil.com/",
	} {
		e := Entra{Tenant: strings.ToUpper("ab" + tenant[2:]), Authority: authority}
		is, err := e.Issuer(nil)
		if err != nil || is.Names[1] != v1+"ab"+tenant[2:]+"/" || is.Tenant != "ab"+tenant[2:] {
			t.Errorf("%+v %v", is, err)
		}
	}
	if _, err := (&Entra{Tenant: "contoso.onmicrosoft.com"}).Issuer(nil); err == nil {
		t.Error("a domain was taken for a tenant")
	}
}

// TestKnownTokens: a token that was verified is not verified again, and yet
// expires, and dies with its key.
func TestKnownTokens(t *testing.T) {
	k := makeKeys()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		i := newIdentifier(t, f, time.Now)
		c := goodClaims(time.Now())
		c["exp"] = time.Now().Add(3 * time.Hour).Unix()
		long := sign(t, jwt.SigningMethodRS256, k.rsa, nil, c)
		short := sign(t, jwt.SigningMethodRS256, k.rsa, nil, goodClaims(time.Now()))
		want, err := i.Token(t.Context(), long)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got, err := i.Token(t.Context(), long); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v %v", got, err)
			}
		}
		if p, err := i.Token(t.Context(), long[:len(long)-2]+"AA"); err == nil {
			t.Fatalf("another signature: %+v", p)
		}
		if _, err := i.Token(t.Context(), short); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour + leeway - time.Second)
		if _, err := i.Token(t.Context(), short); err != nil {
			t.Fatalf("within the leeway: %v", err)
		}
		synctest.Wait() // the keys were old, and are fetched again: the same
		if _, err := i.Token(t.Context(), long); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := i.Token(t.Context(), short); err == nil || !strings.Contains(err.Error(), "expired") {
			t.Fatalf("a known token that expired: %v", err)
		}
		f.set(func() { f.keys = map[string]crypto.Signer{"r1": k.other} }) // the same id, another key
		time.Sleep(time.Hour)
		_, _ = i.Token(t.Context(), long) // old keys serve once more
		synctest.Wait()
		if p, err := i.Token(t.Context(), long); fault.KindOf(err) != fault.Unauthenticated {
			t.Fatalf("its key is gone: %+v %v", p, err)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	token := &verified{}
	sum := func(n int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, n)) }
	for n := range 5 * cacheTokens {
		c.put(sum(n), token, 100)
		if n%100 == 0 {
			if _, ok := c.get(sum(0)); !ok {
				t.Fatalf("forgot what is asked for all along, at %d", n)
			}
		}
	}
	if len(c.young) > cacheTokens || len(c.old) > cacheTokens {
		t.Errorf("%d and %d tokens", len(c.young), len(c.old))
	}
	if _, ok := c.get(sum(1)); ok {
		t.Error("nothing is forgotten")
	}
	for n := range 1000 {
		c.put(sum(n), token, maxCredential)
	}
	if c.bytes > cacheBytes || len(c.old)*maxCredential > cacheBytes {
		t.Errorf("%d bytes in the young half, %d tokens in the old", c.bytes, len(c.old))
	}
}

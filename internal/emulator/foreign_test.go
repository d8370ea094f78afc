package emulator

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/cloud"
)

const (
	buildIssuer = "https://token.actions.githubusercontent.com"
	buildJob    = "repo:sample/estate:environment:production"
)

// keySet writes the public half of a key as its issuer would publish it.
func keySet(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	data, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "build", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A job of a build service stands for the secret of an application that trusts
// it, and for no other's.
func TestAJobStandsForASecret(t *testing.T) {
	key, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e := newTest(t, Config{Settings: Settings{Directory: Directory{Issuers: []Issuer{{URL: buildIssuer, Keys: keySet(t, key)}}}}})
	e.issuer.made = &inGraph{web: cloud.Application{
		AppID: webAppID, ObjectID: derivedGUID("principal", webAppID), Name: "pipeline",
		Federated: []cloud.Federated{{Issuer: buildIssuer, Subject: buildJob, Audiences: []string{exchangeURI}}},
	}}
	signed := func(key *rsa.PrivateKey, change func(gojwt.MapClaims)) string {
		c := gojwt.MapClaims{"iss": buildIssuer, "aud": exchangeURI, "sub": buildJob, "exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Unix()}
		change(c)
		token := gojwt.NewWithClaims(gojwt.SigningMethodRS256, c)
		token.Header["kid"] = "build"
		s, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	set := func(name string, to any) func(gojwt.MapClaims) { return func(c gojwt.MapClaims) { c[name] = to } }
	for name, c := range map[string]struct {
		assertion string
		want      string // AADSTS number; empty: signed in
	}{
		"as it should be":       {signed(key, func(gojwt.MapClaims) {}), ""},
		"another branch":        {signed(key, set("sub", "repo:sample/estate:ref:refs/heads/other")), "AADSTS700213"},
		"another audience":      {signed(key, set("aud", "https://github.com/sample")), "AADSTS700212"},
		"the id as audience":    {signed(key, set("aud", exchangeAppID)), "AADSTS700212"},
		"two audiences":         {signed(key, set("aud", []string{exchangeURI, "other"})), "AADSTS700211"},
		"another issuer":        {signed(key, set("iss", buildIssuer+"/sample")), "AADSTS700211"},
		"ended":                 {signed(key, set("exp", time.Now().Add(-time.Hour).Unix())), "AADSTS700024"},
		"without an end":        {signed(key, func(c gojwt.MapClaims) { delete(c, "exp") }), "AADSTS700211"},
		"another's key":         {signed(stranger, func(gojwt.MapClaims) {}), "AADSTS700211"},
		"ours in its name":      {signed(e.issuer.key, set("iss", e.issuer.azureNames().issuer(2, defaultTenant))), "AADSTS700211"},
		"a token of no issuer":  {signed(key, func(c gojwt.MapClaims) { delete(c, "iss") }), "AADSTS700211"},
		"nothing that is a JWT": {"x.y.z", "AADSTS50027"},
	} {
		t.Run(name, func(t *testing.T) {
			w := requestToken(e, defaultTenant, url.Values{
				"grant_type": {"client_credentials"}, "client_id": {webAppID}, "scope": {"https://management.azure.com/.default"},
				"client_assertion_type": {assertionType}, "client_assertion": {c.assertion},
			})
			if c.want == "" && (w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "access_token")) ||
				c.want != "" && (w.Code == http.StatusOK || !strings.Contains(w.Body.String(), c.want+":")) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// Keys that cannot be read are said at the start, and settings that name none.
func TestKeysOfIssuers(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"broken": "{", "large": strings.Repeat(" ", maxKeySet+1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"absent", "broken", "large"} {
		file := filepath.Join(dir, name)
		_, err := New(Config{Settings: Settings{State: t.TempDir(), Directory: Directory{Issuers: []Issuer{{URL: buildIssuer, Keys: file}}}}})
		if err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var said []string
	Directory{Issuers: []Issuer{{URL: "http://plain.example"}, {URL: buildIssuer}, {URL: buildIssuer}}}.checkIssuers(func(path, _, _ string) { said = append(said, path) })
	if got := strings.Join(said, " "); got != "directory.issuers[0].url directory.issuers[2].url" {
		t.Error(got)
	}
}

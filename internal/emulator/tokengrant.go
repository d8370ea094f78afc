package emulator

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxForm bounds the body of a form, in bytes.
const maxForm = 64 << 10

// How long what is handed out may be taken back, as Entra documents it. The
// 90 days of a refresh token begin anew with each use.
const (
	codeLife    = 10 * time.Minute
	refreshLife = 90 * 24 * time.Hour
)

// ticket is what a code or a refresh token stands for.
type ticket struct {
	ID        string    `json:"id"`
	Client    string    `json:"client"`
	Person    string    `json:"person"` // object id
	Scope     string    `json:"scope"`
	Redirect  string    `json:"redirect,omitempty"`
	Nonce     string    `json:"nonce,omitempty"`
	Challenge string    `json:"challenge,omitempty"`
	Method    string    `json:"method,omitempty"`
	Ends      time.Time `json:"ends"`
}

type tokenAnswer struct {
	Type       string `json:"token_type"`
	Scope      string `json:"scope,omitempty"`
	Expires    int    `json:"expires_in"`
	ExtExpire  int    `json:"ext_expires_in"`
	Token      string `json:"access_token"`
	Refresh    string `json:"refresh_token,omitempty"`
	ID         string `json:"id_token,omitempty"`
	ClientInfo string `json:"client_info,omitempty"`
}

// grantRequest is one request to the token endpoint.
type grantRequest struct {
	names
	tenant string // as the path names it
	form   url.Values
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	answer, refused := i.grant(w, r)
	if refused != nil {
		i.refuse(w, *refused)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (i *issuer) grant(w http.ResponseWriter, r *http.Request) (*tokenAnswer, *entraError) {
	form, refused := readForm(w, r)
	if refused != nil {
		return nil, refused
	}
	for _, name := range []string{"grant_type", "client_id"} {
		if form.Get(name) == "" {
			return nil, missingParameter(name)
		}
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := grantRequest{i.named(r), tenant, form}
	switch grant := form.Get("grant_type"); grant {
	case "client_credentials":
		return i.byClient(q)
	case "authorization_code":
		return i.byCode(q)
	case "refresh_token":
		return i.byRefresh(q)
	case "urn:ietf:params:oauth:grant-type:device_code", "device_code":
		return i.byDevice(q)
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		return i.onBehalfOf(q)
	case "password":
		return nil, i.byPassword(q)
	default:
		return nil, unsupportedGrant(grant)
	}
}

// byClient is the client-credentials grant (RFC 6749 section 4.4).
func (i *issuer) byClient(q grantRequest) (*tokenAnswer, *entraError) {
	client, refused := i.authenticate(q.form, missingSecret())
	if refused != nil {
		return nil, refused
	}
	if client.Public {
		return nil, missingSecret()
	}
	if anyTenant(q.tenant) {
		return nil, whichTenant()
	}
	to, refused := i.appTarget(q.form.Get("scope"))
	if refused != nil {
		return nil, refused
	}
	signed, err := i.appToken(q.names, client, to)
	if err != nil {
		return nil, serverError()
	}
	answer := i.answer(signed)
	return &answer, nil
}

// byCode redeems a code once, by the client and for the URI that it was made
// for (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
func (i *issuer) byCode(q grantRequest) (*tokenAnswer, *entraError) {
	client, refused := i.authenticate(q.form, missingAssertion())
	if refused != nil {
		return nil, refused
	}
	for _, name := range []string{"code", "redirect_uri"} {
		if q.form.Get(name) == "" {
			return nil, missingParameter(name)
		}
	}
	var t ticket
	switch {
	case !i.opaque.open(sealedCode, q.form.Get("code"), &t) || !strings.EqualFold(t.Client, client.ClientID):
		return nil, malformedGrant()
	case i.now().After(t.Ends):
		return nil, expiredGrant()
	case q.form.Get("redirect_uri") != t.Redirect:
		return nil, wrongReply(q.form.Get("redirect_uri"), t.Redirect)
	case !t.proves(q.form.Get("code_verifier")):
		return nil, wrongVerifier()
	case !i.redeemed.first(t.ID, i.now(), t.Ends):
		return nil, usedCode()
	}
	if scope := q.form.Get("scope"); scope != "" {
		t.Scope = scope
	}
	return i.forPerson(q, client, t)
}

// proves checks the verifier; a code that was asked for with a challenge needs
// one, another must not have one.
func (t ticket) proves(verifier string) bool {
	if t.Challenge == "" || verifier == "" {
		return t.Challenge == verifier
	}
	if t.Method != "plain" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return subtle.ConstantTimeCompare([]byte(verifier), []byte(t.Challenge)) == 1
}

// byRefresh gives new tokens, and a new refresh token. As with Entra the old
// one stays good until its time is over, and any API may be asked for.
func (i *issuer) byRefresh(q grantRequest) (*tokenAnswer, *entraError) {
	client, refused := i.authenticate(q.form, missingAssertion())
	if refused != nil {
		return nil, refused
	}
	if q.form.Get("refresh_token") == "" {
		return nil, missingParameter("refresh_token")
	}
	var t ticket
	switch {
	case !i.opaque.open(sealedRefresh, q.form.Get("refresh_token"), &t) || !strings.EqualFold(t.Client, client.ClientID):
		return nil, malformedGrant()
	case i.now().After(t.Ends):
		return nil, expiredGrant()
	}
	if scope := q.form.Get("scope"); scope != "" {
		t.Scope = scope
		if !strings.Contains(" "+scope+" ", " offline_access ") {
			t.Scope += " offline_access"
		}
	}
	return i.forPerson(q, client, t)
}

// byPassword always fails: nobody in this directory has a password.
func (i *issuer) byPassword(q grantRequest) *entraError {
	if _, refused := i.authenticate(q.form, missingAssertion()); refused != nil {
		return refused
	}
	return wrongPassword()
}

// onBehalfOf swaps a person's token for the client for one to an API behind it.
func (i *issuer) onBehalfOf(q grantRequest) (*tokenAnswer, *entraError) {
	if use := q.form.Get("requested_token_use"); use != "on_behalf_of" {
		return nil, missingParameter("requested_token_use")
	}
	client, refused := i.authenticate(q.form, missingAssertion())
	if refused != nil {
		return nil, refused
	}
	if client.Public {
		return nil, missingAssertion()
	}
	if q.form.Get("assertion") == "" {
		return nil, missingParameter("assertion")
	}
	c, err := i.parse(q.form.Get("assertion"))
	who, known := i.personBy(c.ObjectID)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, expiredAssertion()
	case err != nil:
		return nil, badAssertion()
	case !i.isFor(c, client):
		return nil, foreignAssertion(c.Audience[0], client.ClientID)
	case !c.person() || !known:
		return nil, appAssertion()
	}
	return i.forPerson(q, client, ticket{Client: client.ClientID, Person: who.ObjectID, Scope: q.form.Get("scope")})
}

// isFor says whether a token was issued for the API that the client is.
func (i *issuer) isFor(c claims, client app) bool {
	r, known := i.resource(c.Audience[0])
	return known && r.AppID == client.ClientID || c.Audience[0] == client.ClientID
}

// forPerson issues what a ticket is good for.
func (i *issuer) forPerson(q grantRequest, client app, t ticket) (*tokenAnswer, *entraError) {
	who, known := i.personBy(t.Person)
	if !known {
		return nil, unknownPerson()
	}
	to, refused := i.targetOf(t.Scope)
	if refused != nil {
		return nil, refused
	}
	if !to.consented(client) {
		return nil, noConsent(client)
	}
	signed, err := i.personToken(q.names, client, who, to)
	if err != nil {
		return nil, serverError()
	}
	answer := i.answer(signed)
	answer.Scope = to.granted()
	if to.wants("openid") {
		if answer.ID, err = i.idToken(q.names, client, who, t.Nonce, to.wants("email")); err != nil {
			return nil, serverError()
		}
	}
	if to.wants("offline_access") {
		answer.Refresh = i.opaque.seal(sealedRefresh, ticket{
			ID: newID(), Client: client.ClientID, Person: who.ObjectID, Scope: t.Scope, Ends: i.now().Add(refreshLife),
		})
	}
	if q.form.Get("client_info") == "1" {
		answer.ClientInfo = base64.RawURLEncoding.EncodeToString([]byte(marshal(map[string]string{"uid": who.ObjectID, "utid": i.tenant})))
	}
	return &answer, nil
}

func (i *issuer) answer(token string) tokenAnswer {
	seconds := int(i.lifetime.Seconds()) - 1 // Entra says 3599 for an hour
	return tokenAnswer{Type: "Bearer", Expires: seconds, ExtExpire: seconds, Token: token}
}

// readForm reads the body, and the client's credentials from the header where
// they stand there (RFC 6749 section 2.3.1). Nothing of the query counts: a
// secret in a URL ends up in logs.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, *entraError) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" {
		return nil, missingParameter("grant_type")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, malformedForm()
	}
	form := r.PostForm
	if id, password, ok := r.BasicAuth(); ok && form.Get("client_secret") == "" {
		id, idErr := url.QueryUnescape(id)
		password, passwordErr := url.QueryUnescape(password)
		if idErr != nil || passwordErr != nil {
			return nil, malformedForm()
		}
		form.Set("client_id", id)
		form.Set("client_secret", password)
	}
	return form, nil
}

// authenticate finds the client, and checks its secret if it has one, or the
// token that stands for it. missing
// is the answer to one that should have shown it.
func (i *issuer) authenticate(form url.Values, missing *entraError) (app, *entraError) {
	id, given := form.Get("client_id"), form.Get("client_secret")
	a, known := i.appBy(id)
	switch {
	case !known:
		return app{}, unknownApp(id, i.tenant)
	case a.Public && given+form.Get("client_assertion") != "":
		return app{}, publicClient()
	case a.Public:
		return a, nil
	case given == "" && form.Get("client_assertion") != "":
		if refused := i.byAssertion(form, a); refused != nil {
			return app{}, refused
		}
		a.asserted = true
		return a, nil
	case given == "":
		return app{}, missing
	case !a.opensWith(given):
		return app{}, wrongSecret(a.ClientID)
	}
	return a, nil
}

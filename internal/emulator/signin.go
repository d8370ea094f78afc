package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// session is what the issuer's cookie holds, sealed: who has signed in here.
type session struct {
	Person string    `json:"person"` // object id
	Ends   time.Time `json:"ends"`
}

const (
	sessionCookie = "ESTSAUTH" // Entra's own name
	sessionLife   = 24 * time.Hour
)

// signIn is an authorization request that was found to be right.
type signIn struct {
	names
	app      app
	redirect *url.URL
	mode     string // response_mode
	state    string
	prompt   string
	hint     string // login_hint
	ticket   ticket
}

// authorize is the authorization endpoint (RFC 6749 section 4.1.1, OpenID
// Connect Core 1.0 section 3.1.2).
func (i *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		i.pages.refusal(w, i, *malformedForm())
		return
	}
	i.begin(w, r, r.Form)
}

// begin sends a person who is signed in straight back, and shows the page of
// people to everybody else.
func (i *issuer) begin(w http.ResponseWriter, r *http.Request, form url.Values) {
	s, ok := i.signInOf(w, r, form)
	if !ok {
		return
	}
	who, signedIn := i.session(r)
	if s.hint != "" && !strings.EqualFold(s.hint, who.Login) {
		signedIn = false
	}
	switch {
	case s.prompt == "none" && !signedIn:
		i.sendBack(w, r, s, nobodySignedIn().values(i))
	case s.prompt == "none", s.prompt == "" && signedIn:
		i.complete(w, r, s, who)
	default:
		i.pages.people(w, i, s, form)
	}
}

// login is what the page of people sends: the request once more, and the
// person. Everything is checked again, for the page is in a stranger's hands.
func (i *issuer) login(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		i.pages.refusal(w, i, *malformedForm())
		return
	}
	form, err := url.ParseQuery(r.PostForm.Get("request"))
	if err != nil {
		i.pages.refusal(w, i, *malformedForm())
		return
	}
	s, ok := i.signInOf(w, r, form)
	if !ok {
		return
	}
	if r.PostForm.Has("cancel") {
		i.sendBack(w, r, s, declinedSignIn().values(i))
		return
	}
	who, known := i.personBy(r.PostForm.Get("login"))
	if !known {
		i.pages.people(w, i, s, form)
		return
	}
	i.remember(w, who)
	i.complete(w, r, s, who)
}

// signInOf checks a request. What is wrong with client or redirect URI is told
// to the person, for nobody knows yet where it would be safe to send them
// (RFC 6749 section 4.1.2.1); the rest is told to the client.
func (i *issuer) signInOf(w http.ResponseWriter, r *http.Request, form url.Values) (signIn, bool) {
	s, refused := i.clientOf(form)
	if refused != nil {
		i.pages.refusal(w, i, *refused)
		return s, false
	}
	s.names = i.named(r)
	if refused := i.fill(&s, form); refused != nil {
		i.sendBack(w, r, s, refused.values(i))
		return s, false
	}
	return s, true
}

func (i *issuer) clientOf(form url.Values) (signIn, *entraError) {
	s := signIn{state: form.Get("state"), mode: "query"}
	id := form.Get("client_id")
	if id == "" {
		return s, missingParameter("client_id")
	}
	var known bool
	if s.app, known = i.appBy(id); !known {
		return s, unknownApp(id, i.tenant)
	}
	to := form.Get("redirect_uri")
	if to == "" && len(s.app.RedirectURIs) == 1 {
		to = s.app.RedirectURIs[0]
	}
	if to == "" {
		return s, missingParameter("redirect_uri")
	}
	u, err := url.Parse(to)
	if err != nil || !s.app.mayReturnTo(to) {
		return s, unregisteredReply(to, s.app.ClientID)
	}
	s.redirect, s.ticket.Redirect = u, to
	if mode := form.Get("response_mode"); slices.Contains([]string{"query", "fragment", "form_post"}, mode) {
		s.mode = mode
	}
	return s, nil
}

func (i *issuer) fill(s *signIn, form url.Values) *entraError {
	if kind := form.Get("response_type"); kind != "code" {
		if kind == "" {
			return missingParameter("response_type")
		}
		return unsupportedResponse(kind)
	}
	for _, p := range []struct {
		name    string
		allowed []string
	}{
		{"response_mode", []string{"", "query", "fragment", "form_post"}},
		{"prompt", []string{"", "none", "login", "select_account", "consent"}},
		{"code_challenge_method", []string{"", "plain", "S256"}},
	} {
		if value := form.Get(p.name); !slices.Contains(p.allowed, value) {
			return badParameter(p.name, value)
		}
	}
	challenge, method := form.Get("code_challenge"), form.Get("code_challenge_method")
	if method == "" {
		method = "plain" // RFC 7636 section 4.3
	}
	if n := len(challenge); challenge != "" && (n < 43 || n > 128) || challenge == "" && form.Has("code_challenge_method") {
		return badParameter("code_challenge", challenge)
	}
	to, refused := i.targetOf(form.Get("scope"))
	if refused != nil {
		return refused
	}
	if !to.consented(s.app) {
		return noConsent(s.app)
	}
	s.prompt, s.hint = form.Get("prompt"), form.Get("login_hint")
	s.ticket.Client, s.ticket.Scope, s.ticket.Nonce = s.app.ClientID, strings.Join(to.asked, " "), form.Get("nonce")
	s.ticket.Challenge, s.ticket.Method = challenge, method
	return nil
}

// complete sends the person back with a code.
func (i *issuer) complete(w http.ResponseWriter, r *http.Request, s signIn, who person) {
	s.ticket.ID, s.ticket.Person, s.ticket.Ends = newID(), who.ObjectID, i.now().Add(codeLife)
	code := i.opaque.seal(sealedCode, s.ticket)
	if len(code) > maxOpaque { // a nonce of many kilobytes
		i.sendBack(w, r, s, badParameter("nonce", s.ticket.Nonce).values(i))
		return
	}
	i.sendBack(w, r, s, url.Values{"code": {code}, "session_state": {newID()}})
}

// values is an error as the client gets it (RFC 6749 section 4.1.2.1).
func (e entraError) values(i *issuer) url.Values {
	return url.Values{
		"error": {e.kind}, "error_description": {i.describe(e, randomGUID(), randomGUID())}, "error_uri": {e.uri()},
	}
}

// sendBack answers the client through the browser, in the mode that it asked
// for. The redirect is a 303: the page of people was a POST, which must not be
// repeated to the client.
func (i *issuer) sendBack(w http.ResponseWriter, r *http.Request, s signIn, answer url.Values) {
	if s.state != "" {
		answer.Set("state", s.state)
	}
	if s.mode == "form_post" {
		i.pages.formPost(w, s, answer)
		return
	}
	to := *s.redirect
	if s.mode == "fragment" {
		to.Fragment, to.RawFragment = "", ""
		http.Redirect(w, r, to.String()+"#"+answer.Encode(), http.StatusSeeOther) //nolint:gosec // a redirect URI of the application, checked before
		return
	}
	query := to.Query()
	for name, values := range answer {
		query[name] = values
	}
	to.RawQuery = query.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// session is who is signed in at this browser.
func (i *issuer) session(r *http.Request) (person, bool) {
	var s session
	c, err := r.Cookie(sessionCookie)
	if err != nil || !i.opaque.open(sealedSession, c.Value, &s) || i.now().After(s.Ends) {
		return person{}, false
	}
	return i.personBy(s.Person)
}

func (i *issuer) remember(w http.ResponseWriter, who person) {
	value := i.opaque.seal(sealedSession, session{who.ObjectID, i.now().Add(sessionLife)})
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// logout ends the session (OpenID Connect RP-Initiated Logout 1.0). It sends
// people on only to where some application may send them after a sign-in.
func (i *issuer) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	if r.ParseForm() != nil {
		i.pages.signedOut(w)
		return
	}
	to := r.Form.Get("post_logout_redirect_uri")
	known := slices.ContainsFunc(i.apps, func(a app) bool { return a.mayReturnTo(to) })
	if a, ok := i.madeApp(r.Form.Get("client_id")); ok {
		known = known || a.mayReturnTo(to)
	}
	u, err := url.Parse(to)
	if to == "" || !known || err != nil {
		i.pages.signedOut(w)
		return
	}
	if state := r.Form.Get("state"); state != "" {
		query := u.Query()
		query.Set("state", state)
		u.RawQuery = query.Encode()
	}
	http.Redirect(w, r, u.String(), http.StatusSeeOther) //nolint:gosec // registered for an application, checked above
}

// userinfo tells a client who the person of a Graph token is (OpenID Connect
// Core 1.0 section 5.3). The sub is the one of the client's own ID tokens.
func (i *issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	c, ok := i.verifyFor(token, graphURI, graphAppID)
	who, known := i.personBy(c.ObjectID)
	if !ok || !known || !c.person() || !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": map[string]string{
			"code": "InvalidAuthenticationToken", "message": "Access token is missing, invalid, or for another audience.",
		}})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{
		"sub": pairwise(who, c.client()), "name": who.DisplayName, "email": who.Login,
	})
}

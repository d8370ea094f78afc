package chat

import (
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// signIn sends a browser to the login service.
func (c *Chat) signIn(w http.ResponseWriter, r *http.Request) {
	next := localPath(r.URL.Query().Get("next"))
	if c.sessions.full() {
		c.notice(w, r, http.StatusServiceUnavailable, "full", nil)
		return
	}
	cookie, a, err := c.sessions.attempt(next)
	if err != nil {
		c.log.Error("nobody can sign in", "error", err)
		c.notice(w, r, http.StatusInternalServerError, "broken", nil)
		return
	}
	to, err := c.provider.away(r.Context(), a, r.URL.Query().Has("choose"))
	if err != nil {
		c.log.Error("nobody can sign in", "error", err)
		c.notice(w, r, http.StatusServiceUnavailable, "login-away", nil)
		return
	}
	c.setCookie(w, attemptCookie, cookie, attemptTime)
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // the login service's address, from its configuration
}

// callback is where the login service sends a browser back to. The attempt's
// cookie must be of this browser, and goes with its use; the session is a new one,
// whatever cookie the browser came with.
func (c *Chat) callback(w http.ResponseWriter, r *http.Request) {
	a, ok := c.sessions.redeem(c.cookie(r, attemptCookie))
	c.setCookie(w, attemptCookie, "", 0)
	q := r.URL.Query()
	switch {
	case !ok || q.Get("state") != a.State:
		c.metrics.logins.WithLabelValues("stale").Inc()
		c.notice(w, r, http.StatusBadRequest, "login-stale", nil)
		return
	case q.Get("error") != "":
		c.metrics.logins.WithLabelValues("refused").Inc()
		c.log.Info("a sign-in was refused", "code", clip(q.Get("error"), 60))
		c.notice(w, r, http.StatusForbidden, "login-refused", nil)
		return
	}
	who, token, err := c.provider.exchange(r.Context(), q.Get("code"), a)
	if err != nil {
		c.metrics.logins.WithLabelValues("failed").Inc()
		c.log.Warn("a sign-in failed", "error", err)
		status, key := http.StatusBadRequest, "login-failed"
		if fault.KindOf(err) == fault.Unavailable {
			status, key = http.StatusServiceUnavailable, "login-away"
		}
		c.notice(w, r, status, key, nil)
		return
	}
	p := c.personOf(who)
	if old := c.cookie(r, sessionCookie); old != "" {
		c.sessions.endCookie(old)
	}
	cookie := c.sessions.begin(p, &tokens{own: token})
	c.setCookie(w, sessionCookie, cookie, c.sessions.life)
	c.greet(r, p)
	if v, ok := c.sessions.find(cookie); ok && p.role != nobody {
		c.learn(r.Context(), v)
	}
	c.metrics.logins.WithLabelValues("done").Inc()
	c.log.Info("signed in", "person", p.owner, "role", int(p.role))
	http.Redirect(w, r, a.Next, http.StatusSeeOther)
}

// greet keeps the name that administrators see.
func (c *Chat) greet(r *http.Request, p person) {
	if p.role == nobody {
		return
	}
	prefs, _ := c.store.person(r.Context(), p.owner) // none yet, or the next statement fails too
	prefs.Name = p.name
	if err := c.store.remember(r.Context(), p.owner, prefs); err != nil {
		c.log.Error("a name could not be stored", "error", err)
	}
}

// signOut ends the session here and sends the browser to end it at the login
// service. What the pages kept in the browser goes with it.
func (c *Chat) signOut(w http.ResponseWriter, r *http.Request) {
	to := signedOut
	if s, ok := c.sessions.find(c.cookie(r, sessionCookie)); ok {
		c.sessions.end(s)
		to = c.provider.end(r.Context())
		c.log.Info("signed out", "person", s.owner)
	}
	c.setCookie(w, sessionCookie, "", 0)
	w.Header().Set("Clear-Site-Data", `"storage"`)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (c *Chat) signedOut(w http.ResponseWriter, r *http.Request) {
	c.notice(w, r, http.StatusOK, "signed-out", nil)
}

// notice is a page with a title, a sentence and what to do. The texts are
// KEY, KEY-text and KEY-do; the latter two may be missing.
func (c *Chat) notice(w http.ResponseWriter, r *http.Request, status int, key string, v *visit, args ...any) {
	lang := c.texts.choose("", r)
	p := page{chat: c, Lang: lang, words: c.texts[lang]}
	if v != nil {
		p = c.page(v)
	}
	data := struct {
		page
		Heading, Text, Do string
		SignIn, Out       bool
	}{page: p, Heading: p.T(key, args...), SignIn: v == nil && status != http.StatusServiceUnavailable, Out: v != nil && strings.HasPrefix(key, "no-role")}
	if _, ok := p.words[key+"-text"]; ok {
		data.Text = p.T(key+"-text", args...)
	}
	if _, ok := p.words[key+"-do"]; ok {
		data.Do = p.T(key+"-do", args...)
	}
	c.write(w, r, status, "notice", data)
}

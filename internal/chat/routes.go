package chat

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// Handler serves everything. What comes before the line is what a stranger
// gets.
func (c *Chat) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.Handle("GET /assets/{hash}/{name}", c.assets)
	mux.HandleFunc("GET /signin", c.signIn)
	mux.HandleFunc("GET "+callbackPath, c.callback)
	mux.HandleFunc("GET "+signedOut, c.signedOut)
	mux.HandleFunc("POST /signout", c.signOut)
	// ———
	for pattern, serve := range map[string]func(*visit) error{
		"GET /{$}":                    c.home,
		"GET /c/{id}":                 c.conversation,
		"GET /c/{id}/messages":        c.earlier,
		"GET /c/{id}/stream":          c.stream,
		"GET /c/{id}/files/{seq}/{n}": c.file,
		"GET /c/{id}/export":          c.export,
		"POST /ask":                   c.ask,
		"POST /c/{id}/ask":            c.ask,
		"POST /c/{id}/stop":           c.stopAnswer,
		"POST /c/{id}/rename":         c.rename,
		"POST /c/{id}/delete":         c.remove,
		"GET /list":                   c.list,
		"GET /settings":               c.settings,
		"POST /settings":              c.changeSettings,
		"GET /settings/export":        c.exportAll,
		"POST /settings/delete":       c.removeAll,
		"GET /admin":                  c.administer,
		"POST /admin/end":             c.endSessions,
	} {
		mux.HandleFunc(pattern, c.signed(serve))
	}
	mux.HandleFunc("/", c.signed(func(v *visit) error { return errAbsent }))
	guard := http.NewCrossOriginProtection()
	_ = guard.AddTrustedOrigin(c.s.URL) // Check has seen that it is one
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this came from another site", http.StatusForbidden)
	}))
	return c.headers(guard.Handler(mux))
}

// headers are on every answer.
func (c *Chat) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", c.contentPolicy())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store")
		if c.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// contentPolicy lets pages run and load what is ours. data: and blob: are
// pictures that a person is about to send.
func (c *Chat) contentPolicy() string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
		"form-action " + strings.TrimSpace("'self' "+c.provider.origin()) + "; base-uri 'none'; frame-ancestors 'none'"
}

// visit is one request of a person who has signed in.
type visit struct {
	*session
	w     http.ResponseWriter
	r     *http.Request
	prefs Preferences
	lang  string
	words words
}

// script says whether our own script asks, which reads JSON.
func (v *visit) script() bool { return strings.Contains(v.r.Header.Get("Accept"), "application/json") }

// streams says whether it reads events too.
func (v *visit) streams() bool {
	return strings.Contains(v.r.Header.Get("Accept"), "text/event-stream")
}

// signed lets people in who have signed in and have a role.
func (c *Chat) signed(serve func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{w: w, r: r}
		var ok bool
		if v.session, ok = c.sessions.find(c.cookie(r, sessionCookie)); !ok {
			c.stranger(w, r)
			return
		}
		if v.role != nobody {
			prefs, err := c.store.person(r.Context(), v.owner)
			if err != nil && !errors.Is(err, errAbsent) {
				c.log.Error("preferences could not be read", "error", err)
			}
			v.prefs = prefs
		}
		v.lang = c.texts.choose(v.prefs.Language, r)
		v.words = c.texts[v.lang]
		if v.role == nobody {
			c.notice(w, r, http.StatusForbidden, "no-role", v)
			return
		}
		if err := serve(v); err != nil {
			c.failed(v, err)
		}
	}
}

// stranger is sent to sign in. Our scripts are told instead, so that nothing
// that was typed is lost.
func (c *Chat) stranger(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && navigates(r) {
		to := "/signin"
		if next := localPath(r.URL.RequestURI()); next != "/" {
			to += "?next=" + url.QueryEscape(next)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	words := c.texts[c.texts.choose("", r)]
	writeJSON(w, http.StatusUnauthorized, problem{"expired", words.say("expired")})
}

// navigates says whether a browser wants a page, and no script an answer: a
// script that is sent to the login service runs into the pages' policy.
func navigates(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	accept := r.Header.Get("Accept")
	return !strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/event-stream")
}

// problem is what scripts are told.
type problem struct {
	Error string `json:"error"`
	Text  string `json:"text"`
}

// failed tells a person what went wrong, and the log why.
func (c *Chat) failed(v *visit, err error) {
	if m, ok := errors.AsType[*misuse](err); ok {
		c.tell(v, m.status, m.key, m.args...)
		return
	}
	status := fault.KindOf(err).HTTPStatus()
	if status == http.StatusNotFound {
		c.tell(v, status, "absent")
		return
	}
	c.log.Error("a request failed", "path", v.r.Pattern, "error", err)
	c.tell(v, status, "broken")
}

func (c *Chat) tell(v *visit, status int, key string, args ...any) {
	if v.script() || v.r.Method != http.MethodGet && v.r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		writeJSON(v.w, status, problem{key, v.words.say(key, args...)})
		return
	}
	c.notice(v.w, v.r, status, key, v, args...)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // a browser that has gone needs nothing
}

// localPath is a path of ours, and "/" for anything else: nobody is sent to
// another site. A browser reads "//" and "/\" as the beginning of a host.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || len(next) > 300 || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "/"
	}
	if !strings.HasPrefix(next, "/") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, "//") {
		return "/"
	}
	for _, known := range []string{"/c/", "/settings", "/admin"} {
		if strings.HasPrefix(u.Path, known) && !strings.Contains(u.Path, "//") && !strings.Contains(u.Path, "/..") {
			return u.EscapedPath()
		}
	}
	return "/"
}

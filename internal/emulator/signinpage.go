package emulator

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The issuer's pages. They work without a script; the only one there is sends
// the form of response_mode=form_post, which has a button too.
var (
	//go:embed signin/page.html
	pageHTML string
	//go:embed signin/page.css
	pageCSS []byte
)

const (
	stylePath = "/signin.css"
	autoSend  = "document.forms[0].submit()"
)

type pages struct {
	template *template.Template
	script   string // its CSP hash
}

func newPages() *pages {
	sum := sha256.Sum256([]byte(autoSend))
	return &pages{
		template: template.Must(template.New("page").Parse(pageHTML)),
		script:   "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
	}
}

func (p *pages) style(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(pageCSS)
}

// page is what the template draws: each field that is set is a part.
type page struct {
	Title, Lead string
	Trouble     string   // what went wrong
	Details     []string // for whoever must mend it
	People      []person
	Request     string // hidden field: the request as it came
	Code        string // hidden field of a device's code
	AskCode     bool   // a form for one
	Action      string // of the form of people
	Post        string // where form_post sends Values
	Values      url.Values
	Script      template.JS
}

// write sends a page that no other site can frame, that loads nothing but our
// style, and whose forms lead only here and to the client: browsers hold the
// redirect behind a form to form-action too.
func (p *pages) write(w http.ResponseWriter, status int, clientURI *url.URL, c page) {
	actions, script := "'self'", "'none'"
	if clientURI != nil && clientURI.Host != "" {
		actions += " " + clientURI.Scheme + "://" + clientURI.Host
	} else if clientURI != nil {
		actions += " " + clientURI.Scheme + ":"
	}
	if c.Script != "" {
		script = p.script
	}
	var b bytes.Buffer
	if err := p.template.Execute(&b, c); err != nil {
		http.Error(w, "the page could not be drawn", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src "+script+
		"; form-action "+actions+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// people asks who is signing in, the expected person first.
func (p *pages) people(w http.ResponseWriter, i *issuer, s signIn, request url.Values) {
	people := slices.Clone(i.people)
	slices.SortStableFunc(people, func(a, b person) int { return expected(b, s.hint) - expected(a, s.hint) })
	p.write(w, http.StatusOK, s.redirect, page{
		Title: "Pick an account", Lead: "to continue to " + s.app.Name,
		People: people, Request: request.Encode(), Action: "/" + i.tenant + "/login",
	})
}

func expected(p person, hint string) int {
	if hint != "" && strings.EqualFold(p.Login, hint) {
		return 1
	}
	return 0
}

func (p *pages) devicePeople(w http.ResponseWriter, application, code string, people []person) {
	p.write(w, http.StatusOK, nil, page{
		Title: "Pick an account", Lead: "to sign in to " + application + " on another device. Continue only if you began that yourself.",
		People: people, Code: code, Action: "deviceauth",
	})
}

func (p *pages) code(w http.ResponseWriter, code, trouble string) {
	if len(code) > 32 {
		code = ""
	}
	p.write(w, http.StatusOK, nil, page{
		Title: "Enter code", Lead: "Enter the code that your app or device shows.", AskCode: true, Code: code, Trouble: trouble,
	})
}

func (p *pages) deviceDone(w http.ResponseWriter, application string, signedIn bool) {
	c := page{Title: "You are signed in", Lead: "You have signed in to " + application + " on your device. You can close this window."}
	if !signedIn {
		c = page{Title: "Cancelled", Lead: "Nobody was signed in to " + application + ". You can close this window."}
	}
	p.write(w, http.StatusOK, nil, c)
}

func (p *pages) signedOut(w http.ResponseWriter) {
	p.write(w, http.StatusOK, nil, page{Title: "You signed out", Lead: "It is a good idea to close all browser windows."})
}

func (p *pages) trouble(w http.ResponseWriter, status int, what string) {
	p.write(w, status, nil, page{Title: "Sign in", Trouble: what})
}

// refusal tells a person what cannot be told to the client.
func (p *pages) refusal(w http.ResponseWriter, i *issuer, e entraError) {
	p.write(w, e.status, nil, page{
		Title: "Sign in", Lead: "Sorry, but we’re having trouble signing you in.",
		Trouble: i.describe(e, randomGUID(), randomGUID()),
	})
}

func (p *pages) formPost(w http.ResponseWriter, s signIn, answer url.Values) {
	p.write(w, http.StatusOK, s.redirect, page{
		Title: "Working…", Lead: "You are being sent back to " + s.app.Name + ".",
		Post: s.redirect.String(), Values: answer, Script: autoSend,
	})
}

package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/internal/fault"
)

// patience is how long a person may take.
const patience = 10 * time.Minute

//go:embed done.html
var donePage string

// Browser signs a person in at a browser of this machine. open is given the
// address to show; it may fail to, where the person can do it by hand. It waits
// for ten minutes.
func (s *SignIn) Browser(ctx context.Context, open func(address string)) (Person, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fault.New(fault.Unauthenticated, "nobody signed in within ten minutes").Fix("run 'ostiary login' again"))
	defer cancel()
	ctx, client, err := s.oauth(ctx)
	if err != nil {
		return Person{}, err
	}
	listeners, port, err := loopback()
	if err != nil {
		return Person{}, err
	}
	client.RedirectURL = "http://localhost:" + port
	back := &callback{host: "localhost:" + port, state: rand.Text(), answers: make(chan url.Values, 1)}
	server := &http.Server{Handler: back, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	for _, l := range listeners {
		go func() { _ = server.Serve(l) }()
	}
	defer func() {
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		_ = server.Shutdown(grace) // lets the last page reach the browser
	}()
	verifier, nonce := oauth2.GenerateVerifier(), rand.Text()
	open(client.AuthCodeURL(back.state, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("nonce", nonce),
		oauth2.SetAuthURLParam("prompt", "select_account")))
	select {
	case <-ctx.Done():
		return Person{}, context.Cause(ctx)
	case answer := <-back.answers:
		if answer.Get("code") == "" {
			return Person{}, refused(&oauth2.RetrieveError{ErrorCode: answer.Get("error"), ErrorDescription: answer.Get("error_description")})
		}
		got, err := client.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
		if err != nil {
			return Person{}, refused(err)
		}
		return s.keep(got, nonce)
	}
}

// loopback listens on a port that is free on IPv4, and on IPv6 too where there
// is one: browsers take localhost for either.
func loopback() ([]net.Listener, string, error) {
	four, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fault.New(fault.Unavailable, "cannot listen on loopback for the browser").Fix("use 'ostiary login --device'").Because(err)
	}
	listeners := []net.Listener{four}
	port := strconv.Itoa(four.Addr().(*net.TCPAddr).Port)
	if six, err := net.Listen("tcp", net.JoinHostPort("::1", port)); err == nil {
		listeners = append(listeners, six)
	}
	return listeners, port, nil
}

// styleHash lets the page's own style through the policy, and no other.
func styleHash() string {
	_, style, _ := strings.Cut(donePage, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// callback takes the one answer that carries our state. Others (a page that
// guesses the port, a second tab) change nothing.
type callback struct {
	host, state string
	answers     chan url.Values
}

// ServeHTTP shows the person how it went.
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+styleHash()+"'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	q, err := url.ParseQuery(r.URL.RawQuery)
	if r.Host != c.host || r.Method != http.MethodGet || r.URL.Path != "/" || err != nil ||
		subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.state)) != 1 {
		http.Error(w, "This address waits for one sign-in, and this is not it.", http.StatusBadRequest)
		return
	}
	text := "You are signed in. You can close this window and go back to the terminal."
	if q.Get("code") == "" {
		text = "The sign-in did not succeed. The terminal says why."
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	_ = template.Must(template.New("done").Parse(donePage)).Execute(w, text) // a browser that has gone signs in all the same
	select {
	case c.answers <- q:
	default: // answered already
	}
}

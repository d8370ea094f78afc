package signin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// Config makes a SignIn.
type Config struct {
	Settings Settings
	Cache    string           // file of the tokens; its directory is made where it is missing
	HTTP     *http.Client     // reaches the login service; nil is one that trusts Settings.CA
	Now      func() time.Time // nil means time.Now
}

// SignIn signs one person in to one application, for one API. It is for one
// goroutine.
type SignIn struct {
	settings Settings
	cache    cache
	http     *http.Client
	now      func() time.Time
	found    *endpoints
}

// Person is who has signed in, as the login service names them.
type Person struct{ Name, Login string }

// String is the name, with the login where there is one.
func (p Person) String() string {
	if p.Login == "" || p.Login == p.Name {
		return p.Name
	}
	return p.Name + " (" + p.Login + ")"
}

// New checks the settings. It asks nobody yet.
func New(cfg Config) (*SignIn, error) {
	if err := cfg.Settings.problem(); err != nil {
		return nil, err
	}
	s := &SignIn{settings: cfg.Settings, cache: cache{cfg.Cache}, http: cfg.HTTP, now: cfg.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if s.http == nil {
		roots, err := pki.ReadPool(cfg.Settings.CA)
		if err != nil {
			return nil, err
		}
		s.http = identity.LoginClient(roots)
	}
	client := *s.http // a token endpoint that sends people elsewhere is none
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.http = &client
	return s, nil
}

// endpoints are what the discovery document names.
type endpoints struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Device        string `json:"device_authorization_endpoint"`
}

const maxDiscovery = 256 << 10 // bytes

// discover finds the endpoints, once (OpenID Connect Discovery 1.0 section 4).
// The document must name the issuer that was asked for: another's could lead to
// a token endpoint that collects codes.
func (s *SignIn) discover(ctx context.Context) (*endpoints, error) {
	if s.found != nil {
		return s.found, nil
	}
	at := strings.TrimRight(s.settings.issuer(), "/") + "/.well-known/openid-configuration"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, unreachable(at, err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxDiscovery+1))
	var e endpoints
	switch {
	case err != nil:
		return nil, unreachable(at, err)
	case resp.StatusCode != http.StatusOK || len(data) > maxDiscovery || json.Unmarshal(data, &e) != nil:
		return nil, fault.New(fault.Upstream, "the login service does not know itself by this name").At(at).Fix("check tenant and authority")
	case e.Issuer != s.settings.issuer():
		return nil, fault.New(fault.Upstream, "the login service names another issuer").At(at).Fix("write the issuer exactly as its discovery document does")
	case !isHTTPS(e.Authorization) || !isHTTPS(e.Token):
		return nil, fault.New(fault.Upstream, "the login service's endpoints are not https").At(at)
	}
	s.found = &e
	return s.found, nil
}

// oauth is the client, and the context that makes it use our HTTP client.
func (s *SignIn) oauth(ctx context.Context) (context.Context, *oauth2.Config, error) {
	e, err := s.discover(ctx)
	if err != nil {
		return nil, nil, err
	}
	return context.WithValue(ctx, oauth2.HTTPClient, s.http), &oauth2.Config{
		ClientID: s.settings.ClientID, Scopes: s.settings.scopes(),
		Endpoint: oauth2.Endpoint{AuthURL: e.Authorization, TokenURL: e.Token, DeviceAuthURL: e.Device, AuthStyle: oauth2.AuthStyleInParams},
	}, nil
}

// early is how long before its end a token is renewed.
const early = 2 * time.Minute

// Token is an access token that holds for two more minutes at least, renewed
// where needed. Nobody signed in, or nobody any more, is a fault of kind
// Unauthenticated.
func (s *SignIn) Token(ctx context.Context) (secret.String, error) {
	kept, err := s.cache.load(s.key())
	if err != nil {
		return secret.String{}, err
	}
	if s.now().Add(early).Before(kept.Expires) {
		return secret.New(kept.Access), nil
	}
	return s.renew(ctx, kept)
}

// Renew is a new access token, whatever is left of the old one: a gateway that
// refuses the old one may know why.
func (s *SignIn) Renew(ctx context.Context) (secret.String, error) {
	kept, err := s.cache.load(s.key())
	if err != nil {
		return secret.String{}, err
	}
	return s.renew(ctx, kept)
}

func (s *SignIn) renew(ctx context.Context, old kept) (secret.String, error) {
	if old.Refresh == "" {
		return secret.String{}, ended("")
	}
	ctx, client, err := s.oauth(ctx)
	if err != nil {
		return secret.String{}, err
	}
	got, err := client.TokenSource(ctx, &oauth2.Token{RefreshToken: old.Refresh}).Token()
	if err != nil {
		// Another command may have renewed meanwhile, at a service that takes a
		// refresh token once.
		if now, loadErr := s.cache.load(s.key()); loadErr == nil && now.Refresh != old.Refresh && s.now().Before(now.Expires) {
			return secret.New(now.Access), nil
		}
		return secret.String{}, refused(err)
	}
	fresh := old
	fresh.Access, fresh.Expires = got.AccessToken, got.Expiry
	if got.RefreshToken != "" {
		fresh.Refresh = got.RefreshToken
	}
	return secret.New(fresh.Access), s.cache.store(fresh)
}

// Person is who is signed in on this machine.
func (s *SignIn) Person() (Person, error) {
	kept, err := s.cache.load(s.key())
	return Person{kept.Name, kept.Login}, err
}

// Forget removes the tokens from this machine. It says nothing to the login
// service: the browser's own session there goes on.
func (s *SignIn) Forget() error { return s.cache.remove(s.key()) }

// keep stores what a sign-in has given, and says who it was.
func (s *SignIn) keep(got *oauth2.Token, nonce string) (Person, error) {
	who, err := s.read(got, nonce)
	if err != nil {
		return Person{}, err
	}
	k := s.key()
	k.Name, k.Login, k.Access, k.Refresh, k.Expires = who.Name, who.Login, got.AccessToken, got.RefreshToken, got.Expiry
	return who, s.cache.store(k)
}

// key names the login in the cache.
func (s *SignIn) key() kept {
	return kept{Issuer: s.settings.issuer(), Client: s.settings.ClientID, Scope: strings.Join(s.settings.scopes(), " ")}
}

func unreachable(at string, err error) error {
	return fault.New(fault.Unavailable, "cannot reach the login service").At(at).Because(err)
}

func ended(why string) error {
	what := "your sign-in has ended"
	if why != "" {
		what += " (" + why + ")"
	}
	return fault.New(fault.Unauthenticated, what).Fix("run 'ostiary login'")
}

// refused says what the login service said, in its own words but one line of
// them, and nothing of what it was sent.
func refused(err error) error {
	r, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || r.ErrorCode == "" {
		return fault.New(fault.Unavailable, "the login service did not answer as it should").Because(errors.Unwrap(err))
	}
	why := said(r.ErrorCode, r.ErrorDescription)
	switch r.ErrorCode {
	case "invalid_grant", "interaction_required", "login_required":
		return ended(why)
	case "authorization_declined", "access_denied":
		return fault.New(fault.Denied, "the sign-in was cancelled")
	case "expired_token":
		return fault.New(fault.Unauthenticated, "nobody signed in while the code was good").Fix("run 'ostiary login --device' again")
	}
	return fault.New(fault.Denied, "the login service refused: "+why)
}

// said bounds and cleans what a server says: its first sentence.
func said(code, description string) string {
	text, _, _ := strings.Cut(description, " Trace ID:")
	text, _, _ = strings.Cut(text, "\n")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	if text = strings.TrimSpace(text); text == "" {
		text = code
	}
	if runes := []rune(text); len(runes) > 300 {
		text = string(runes[:300]) + "…"
	}
	return text
}

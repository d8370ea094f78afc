package identity

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Issuer is where tokens come from and how they are checked.
type Issuer struct {
	Names     []string     // accepted texts of iss; the first is the one that the discovery document must name
	Discovery string       // https URL of the OpenID Connect discovery document; empty where Keys is given
	Keys      string       // https URL of the key set itself
	Tenant    string       // claim tid must be this; empty: not looked at
	Audiences []string     // one of them must be in aud; compared without a trailing slash
	Claims    Claims       // which claims say what
	HTTP      *http.Client // nil means a plain client; redirects are never followed
}

const (
	defaultRefresh = time.Hour
	defaultRetry   = 30 * time.Second
	firstRetry     = time.Second      // between attempts while there are no keys at all
	fetchTime      = 10 * time.Second // for discovery and keys together
	maxDocument    = 512 << 10        // bytes of a discovery document or key set
)

// keySet holds one issuer's public keys. They are fetched from the configured
// place, and again in the background when they are old, or at
// once when a token names a key that is not there, but then at most every
// Retry: made-up key ids cannot be turned into a flood of fetches. When a fetch
// fails, the keys that are there keep serving.
type keySet struct {
	discovery, issuer, direct string
	client                    http.Client
	refresh, retry            time.Duration
	now                       func() time.Time

	mu        sync.Mutex
	keys      map[string]publicKey
	fetched   time.Time     // of the keys
	attempted time.Time     // last start of a fetch
	running   chan struct{} // closed when the fetch under way ends; nil if none is
	err       error         // of the last fetch
}

func newKeySet(from Issuer, cfg Config) *keySet {
	s := &keySet{discovery: from.Discovery, issuer: from.Names[0], direct: from.Keys, now: cfg.Now, refresh: cfg.Refresh, retry: cfg.Retry}
	if s.refresh == 0 {
		s.refresh = defaultRefresh
	}
	if s.retry == 0 {
		s.retry = defaultRetry
	}
	if from.HTTP != nil {
		s.client = *from.HTTP
	}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// find gives the key, after waiting for a fetch where one may bring it.
func (s *keySet) find(ctx context.Context, kid string) (publicKey, error) {
	key, ok, fetching := s.lookup(kid)
	if ok {
		return key, nil
	}
	if fetching != nil {
		select {
		case <-fetching:
		case <-ctx.Done():
			return publicKey{}, unavailable(ctx.Err())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok = s.keys[kid]; ok {
		return key, nil
	}
	if s.err != nil {
		return publicKey{}, unavailable(s.err)
	}
	return publicKey{}, refused("the token names a key that its issuer does not have")
}

func unavailable(cause error) error {
	return fault.New(fault.Unavailable, "the token issuer's keys cannot be had").
		Fix("check that the gateway reaches the issuer").Because(cause)
}

// lookup starts a fetch where one is due, and returns it where the key is not
// there.
func (s *keySet) lookup(kid string) (publicKey, bool, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok := s.keys[kid]
	now := s.now()
	if ok && now.Sub(s.fetched) < s.refresh {
		return key, true, nil
	}
	pause := s.retry
	if s.keys == nil {
		pause = min(firstRetry, s.retry)
	}
	if s.running == nil && (s.attempted.IsZero() || now.Sub(s.attempted) >= pause) {
		s.attempted, s.running = now, make(chan struct{})
		go s.fetch(s.running, now)
	}
	return key, ok, s.running
}

// fetch replaces the keys, if it can.
func (s *keySet) fetch(done chan struct{}, now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
	defer cancel()
	keys, err := s.download(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.keys, s.fetched = keys, now
	}
	s.err, s.running = err, nil
	close(done)
}

func (s *keySet) download(ctx context.Context) (map[string]publicKey, error) {
	url := s.direct
	if url == "" {
		var err error
		if url, err = s.discover(ctx); err != nil {
			return nil, err
		}
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := s.get(ctx, url, &set); err != nil {
		return nil, err
	}
	return usable(set.Keys)
}

// discover asks the discovery document where the keys are.
func (s *keySet) discover(ctx context.Context) (string, error) {
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := s.get(ctx, s.discovery, &document); err != nil {
		return "", err
	}
	if document.Issuer != s.issuer { // OpenID Connect Discovery 1.0 section 4.3
		return "", errors.New("the discovery document names another issuer")
	}
	if !isHTTPS(document.Keys) {
		return "", errors.New("the discovery document's jwks_uri is not https")
	}
	return document.Keys, nil
}

func (s *keySet) get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return errors.New("status " + resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return err
	}
	if len(body) > maxDocument {
		return errors.New("the document is too long")
	}
	return json.Unmarshal(body, into)
}

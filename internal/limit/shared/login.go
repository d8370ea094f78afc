package shared

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// credentials is how a connection logs in; it is asked for each. Both empty:
// not at all.
type credentials func(context.Context) (user, password string, err error)

func (s *RedisSettings) password() (credentials, error) {
	if s.Password.IsZero() {
		return func(context.Context) (string, string, error) { return "", "", nil }, nil
	}
	if _, err := s.Password.Resolve(); err != nil {
		return nil, fault.New(fault.Invalid, "the password of the shared limits' Redis cannot be read").Because(err)
	}
	return func(context.Context) (string, string, error) {
		password, err := s.Password.Resolve()
		return s.User, password.Reveal(), err
	}, nil
}

const (
	tokenLook  = 30 * time.Second // how often a token is asked for; the SDK keeps it until 5 min before its end
	tokenRetry = 5 * time.Second
	tokenTime  = 30 * time.Second // for one attempt

	// lifetime is how long a connection is used: less than is left of any token
	// that it logged in with, since Azure ends the connection with the token.
	lifetime = 4 * time.Minute
)

// keeper keeps a token of Entra, off the way of calls.
type keeper struct {
	credential azcore.TokenCredential
	scope      string
	user       string // empty: the token's object id

	mu    sync.Mutex
	as    string
	token secret.String
}

var errNoToken = errors.New("there is no Entra token yet")

func (k *keeper) login(context.Context) (string, string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.token.Empty() {
		return "", "", errNoToken
	}
	return k.as, k.token.Reveal(), nil
}

// look asks for a token, and says how long to wait before it is asked again.
func (k *keeper) look(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, tokenTime)
	defer cancel()
	token, err := k.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{k.scope}})
	if err != nil {
		return tokenRetry
	}
	as := k.user
	if as == "" {
		as = objectID(token.Token)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.as, k.token = as, secret.New(token.Token)
	return tokenLook
}

// objectID is the claim oid of a token that the login service gave us, which is
// the user's name at Azure's Redis; empty where there is none. The signature is
// the server's to verify.
func objectID(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	var claims struct {
		ObjectID string `json:"oid"`
	}
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return ""
	}
	return claims.ObjectID
}

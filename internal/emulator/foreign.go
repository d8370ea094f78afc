package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/fault"
)

// maxKeySet bounds a file of keys, in bytes.
const maxKeySet = 64 << 10

// Issuer is somebody else's OIDC issuer, for example that of a build service,
// whose tokens may stand for an application's secret. On Azure any issuer will
// do, because Entra fetches its keys; the emulator fetches nothing.
type Issuer struct {
	URL  string `yaml:"url" config:"required" doc:"its name as tokens have it, such as https://token.actions.githubusercontent.com"`
	Keys string `yaml:"keys" config:"required" doc:"file with its public keys, a JSON Web Key Set of at most 64 KiB; read at every use"`
}

func (d Directory) checkIssuers(report func(path, what, fix string)) {
	urls := unique{}
	for n, o := range d.Issuers {
		at := fmt.Sprintf("directory.issuers[%d]", n)
		if u, err := url.Parse(o.URL); err != nil || u.Scheme != "https" || u.Host == "" || !urls.add(o.URL) {
			report(at+".url", "not a free https URL", "write it as the iss of its tokens, each once")
		}
	}
}

var (
	errForeignIssuer = errors.New("not an issuer of the settings")
	errLargeKeySet   = errors.New("the key set is over 64 KiB")
)

// parseAssertion checks a token of this directory, or of an issuer whose keys
// the settings name, in all but subject and audience.
func (i *issuer) parseAssertion(token string) (claims, error) {
	c, err := i.parse(token)
	if c.Issuer == "" || !slices.ContainsFunc(i.foreign, func(o Issuer) bool { return o.URL == c.Issuer }) {
		return c, err
	}
	c = claims{}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(skew),
		jwt.WithTimeFunc(i.now),
	)
	_, err = parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		set, err := i.keysOf(c.Issuer)
		if err != nil {
			return nil, err
		}
		kid, _ := t.Header["kid"].(string)
		if keys := set.Key(kid); len(keys) > 0 && keys[0].IsPublic() {
			return keys[0].Key, nil
		}
		return nil, jwt.ErrTokenUnverifiable
	})
	if err == nil && len(c.Audience) != 1 {
		err = jwt.ErrTokenInvalidAudience
	}
	return c, err
}

// keysOf reads the keys of an issuer of the settings.
func (i *issuer) keysOf(of string) (set jose.JSONWebKeySet, err error) {
	at := slices.IndexFunc(i.foreign, func(o Issuer) bool { return o.URL == of })
	if at < 0 {
		return set, errForeignIssuer
	}
	f, err := os.Open(i.foreign[at].Keys)
	if err != nil {
		return set, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxKeySet+1))
	switch {
	case err != nil:
		return set, err
	case len(data) > maxKeySet:
		return set, errLargeKeySet
	}
	return set, json.Unmarshal(data, &set)
}

// readForeign says at the start what would else refuse every token later.
func (i *issuer) readForeign() error {
	for _, o := range i.foreign {
		if _, err := i.keysOf(o.URL); err != nil {
			return fault.New(fault.Invalid, "cannot read the keys of the issuer "+o.URL).At(o.Keys).
				Fix("write the JSON Web Key Set that its discovery document names into the file").Because(err)
		}
	}
	return nil
}

// exchangeAudience is what a token must be for to stand for a secret: others'
// name the URI, this directory's own are of version 2.
func (i *issuer) exchangeAudience(of string) string {
	if slices.ContainsFunc(i.foreign, func(o Issuer) bool { return o.URL == of }) {
		return exchangeURI
	}
	return exchangeAppID
}

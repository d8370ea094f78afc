package emulator

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxForm bounds the token endpoint's body, in bytes.
const maxForm = 64 << 10

// skew is how far two clocks may differ, as Microsoft's own validators take it.
const skew = 5 * time.Minute

// claims are the parts of Entra's access tokens for applications that readers
// rely on. Version 1 names the client appid, version 2 azp.
type claims struct {
	jwt.RegisteredClaims
	AppID    string   `json:"appid,omitempty"`
	AppIDACR string   `json:"appidacr,omitempty"`
	AZP      string   `json:"azp,omitempty"`
	AZPACR   string   `json:"azpacr,omitempty"`
	IDType   string   `json:"idtyp,omitempty"`
	ObjectID string   `json:"oid"`
	Roles    []string `json:"roles,omitempty"`
	Tenant   string   `json:"tid"`
	UTI      string   `json:"uti"`
	Version  string   `json:"ver"`
}

// issue signs a token for a resource. audience is the URI as the client wrote
// it: version 1 repeats it, trailing slash and all, version 2 has the app id.
func (i *issuer) issue(a app, r Resource, audience string) (string, error) {
	now := i.now()
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    i.issuerName(r.TokenVersion),
			Subject:   a.ObjectID,
			Audience:  jwt.ClaimStrings{audience},
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(i.lifetime)),
		},
		IDType: "app", ObjectID: a.ObjectID, Roles: a.Roles, Tenant: i.tenant, UTI: randomName(22),
	}
	if r.TokenVersion == 1 {
		c.AppID, c.AppIDACR, c.Version = a.ClientID, "1", "1.0"
	} else {
		c.AZP, c.AZPACR, c.Version = a.ClientID, "1", "2.0"
		c.Audience = jwt.ClaimStrings{r.AppID}
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, singleAudience{c})
	t.Header["kid"] = i.keyID
	return t.SignedString(i.key)
}

// singleAudience writes aud as a string, as Entra does, where the library
// would write a list of one (RFC 7519 section 4.1.3 allows both).
type singleAudience struct{ claims }

// MarshalJSON replaces the list.
func (c singleAudience) MarshalJSON() ([]byte, error) {
	return []byte(marshal(struct {
		claims
		Audience string `json:"aud"`
	}{c.claims, c.Audience[0]})), nil
}

// verify checks a token for Azure OpenAI: our signature with RS256, issuer,
// time and audience.
func (i *issuer) verify(token string) (claims, bool) {
	var c claims
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(skew),
		jwt.WithTimeFunc(i.now),
	)
	_, err := parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != i.keyID {
			return nil, jwt.ErrTokenUnverifiable
		}
		return &i.key.PublicKey, nil
	})
	ours := c.Issuer == i.issuerName(1) || c.Issuer == i.issuerName(2)
	return c, err == nil && ours && len(c.Audience) == 1 && azureAudience(c.Audience[0])
}

func azureAudience(aud string) bool {
	switch strings.TrimSuffix(aud, "/") {
	case cognitiveURI, foundryURI, cognitiveAppID:
		return true
	}
	return false
}

// token is the client-credentials grant of RFC 6749 section 4.4.
func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	answer, refused := i.grant(w, r)
	if refused != nil {
		i.refuse(w, *refused)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

type tokenAnswer struct {
	Type      string `json:"token_type"`
	Expires   int    `json:"expires_in"`
	ExtExpire int    `json:"ext_expires_in"`
	Token     string `json:"access_token"`
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
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return nil, unsupportedGrant(grant)
	}
	client, refused := i.authenticate(form)
	if refused != nil {
		return nil, refused
	}
	resource, audience, refused := i.resource(form.Get("scope"))
	if refused != nil {
		return nil, refused
	}
	signed, err := i.issue(client, resource, audience)
	if err != nil {
		return nil, serverError()
	}
	seconds := int(i.lifetime.Seconds()) - 1 // Entra says 3599 for an hour
	return &tokenAnswer{"Bearer", seconds, seconds, signed}, nil
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

func (i *issuer) authenticate(form url.Values) (app, *entraError) {
	id, given := form.Get("client_id"), form.Get("client_secret")
	for _, a := range i.apps {
		switch {
		case !strings.EqualFold(a.ClientID, id):
			continue
		case given == "":
			return app{}, missingSecret()
		case !a.secret.Equal(given):
			return app{}, wrongSecret(a.ClientID)
		}
		return a, nil
	}
	return app{}, unknownApp(id, i.tenant)
}

// resource finds what a scope asks for. Entra strips "/.default" and no more:
// "https://x//.default" asks for the audience "https://x/". The scopes of
// OpenID Connect, which MSAL always sends, mean nothing for an application.
func (i *issuer) resource(scope string) (Resource, string, *entraError) {
	if scope == "" {
		return Resource{}, "", missingParameter("scope")
	}
	asked := slices.DeleteFunc(strings.Fields(scope), func(s string) bool {
		return s == "openid" || s == "profile" || s == "email" || s == "offline_access"
	})
	if len(asked) != 1 || !strings.HasSuffix(asked[0], "/.default") {
		return Resource{}, "", badScope(scope)
	}
	audience := strings.TrimSuffix(asked[0], "/.default")
	name := strings.TrimSuffix(audience, "/")
	for _, r := range i.resources {
		if r.URI == name || r.AppID == name {
			return r, audience, nil
		}
	}
	return Resource{}, "", unknownResource(audience, i.tenant)
}

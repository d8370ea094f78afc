package emulator

import (
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// skew is how far two clocks may differ, as Microsoft's own validators take it.
const skew = 5 * time.Minute

// claims are the parts of Entra's tokens that readers rely on. Version 1 names
// the client appid, version 2 azp.
type claims struct {
	jwt.RegisteredClaims
	AppID     string   `json:"appid,omitempty"`
	AppIDACR  string   `json:"appidacr,omitempty"`
	AZP       string   `json:"azp,omitempty"`
	AZPACR    string   `json:"azpacr,omitempty"`
	Email     string   `json:"email,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	IDType    string   `json:"idtyp,omitempty"`
	Name      string   `json:"name,omitempty"`
	Nonce     string   `json:"nonce,omitempty"`
	ObjectID  string   `json:"oid"`
	Preferred string   `json:"preferred_username,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	Scopes    string   `json:"scp,omitempty"`
	Tenant    string   `json:"tid"`
	Unique    string   `json:"unique_name,omitempty"`
	UPN       string   `json:"upn,omitempty"`
	UTI       string   `json:"uti"`
	Version   string   `json:"ver"`
}

// client is the application that a token was issued to.
func (c claims) client() string { return c.AppID + c.AZP }

// person says whether the token speaks for one.
func (c claims) person() bool { return c.Scopes != "" }

// common are the claims of every token.
func (i *issuer) common(n names, version int, audience string) claims {
	now := i.now()
	return claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    n.issuer(version, i.tenant),
			Audience:  jwt.ClaimStrings{audience},
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(i.lifetime)),
		},
		Tenant: i.tenant, UTI: randomName(22), Version: map[int]string{1: "1.0", 2: "2.0"}[version],
	}
}

// access are the claims of an access token for an API. The audience of version
// 1 is the URI as the client wrote it, trailing slash and all; version 2 has
// the app id. acr is "1" where the client showed a secret, "2" where it signed
// or showed a token, "0" if it has nothing.
func (i *issuer) access(n names, a app, t target) claims {
	acr := "1"
	switch {
	case a.Public:
		acr = "0"
	case a.asserted:
		acr = "2"
	}
	c := i.common(n, t.TokenVersion, t.audience)
	if t.TokenVersion == 1 {
		c.AppID, c.AppIDACR = a.ClientID, acr
	} else {
		c.AZP, c.AZPACR, c.Audience = a.ClientID, acr, jwt.ClaimStrings{t.AppID}
	}
	return c
}

// appToken is an access token for an application itself.
func (i *issuer) appToken(n names, a app, t target) (string, error) {
	c := i.access(n, a, t)
	c.IDType, c.ObjectID, c.Subject, c.Roles = "app", a.ObjectID, a.ObjectID, a.Roles
	return i.sign(c)
}

// personToken is an access token for an application that acts for a person.
func (i *issuer) personToken(n names, a app, p person, t target) (string, error) {
	c := i.access(n, a, t)
	c.ObjectID, c.Subject, c.Name = p.ObjectID, pairwise(p, t.AppID), p.DisplayName
	c.Scopes = strings.Join(t.scopes, " ")
	if t.TokenVersion == 1 {
		c.Unique, c.UPN = p.Login, p.Login
	} else {
		c.Preferred = p.Login
	}
	if t.AppID != graphAppID {
		c.Groups, c.Roles = p.groups, p.Roles
	}
	return i.sign(c)
}

// idToken tells the application who has signed in (OpenID Connect Core 1.0
// section 2). From the version 2 endpoint it is always of version 2.
func (i *issuer) idToken(n names, a app, p person, nonce string, email bool) (string, error) {
	c := i.common(n, 2, a.ClientID)
	c.ObjectID, c.Subject, c.Nonce = p.ObjectID, pairwise(p, a.ClientID), nonce
	c.Name, c.Preferred, c.Groups, c.Roles = p.DisplayName, p.Login, p.groups, p.Roles
	if email {
		c.Email = p.Login
	}
	return i.sign(c)
}

// pairwise is a person's sub: another one for every application, so that two
// of them cannot compare notes (OpenID Connect Core 1.0 section 8.1).
func pairwise(p person, appID string) string { return derivedGUID("subject "+appID, p.ObjectID) }

func (i *issuer) sign(c claims) (string, error) {
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
	return i.verifyFor(token, cognitiveURI, foundryURI, cognitiveAppID)
}

// verifyFor checks a token for an API, which has one or several names. A
// trailing slash of the audience means nothing.
func (i *issuer) verifyFor(token string, audiences ...string) (claims, bool) {
	c, err := i.parse(token)
	return c, err == nil && slices.Contains(audiences, strings.TrimSuffix(c.Audience[0], "/"))
}

// parse checks all but the audience, of which there is exactly one.
func (i *issuer) parse(token string) (claims, error) {
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
	if err != nil {
		return c, err
	}
	for _, n := range []names{i.ownNames(), i.azureNames()} {
		for version := 1; version <= 2; version++ {
			if c.Issuer == n.issuer(version, i.tenant) && len(c.Audience) == 1 {
				return c, nil
			}
		}
	}
	return c, jwt.ErrTokenInvalidIssuer
}

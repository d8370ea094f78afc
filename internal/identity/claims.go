package identity

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

var errObject = errors.New("not one JSON object whose members have distinct names")

// object splits a JSON object into its members. A name that stands twice is
// refused: two readers could take two different values (RFC 7519 section 4
// leaves it open). Names are matched exactly, as encoding/json alone does not.
func object(data []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errObject
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		text, ok := name.(string)
		if _, twice := members[text]; err != nil || !ok || twice {
			return nil, errObject
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, errObject
		}
		members[text] = value
	}
	if _, err := d.Token(); err != nil || d.More() {
		return nil, errObject
	}
	return members, nil
}

// claims are a token's. Which of them say what depends on the issuer.
type claims struct {
	jwt.RegisteredClaims
	all map[string]json.RawMessage
}

// UnmarshalJSON is what the parser of tokens calls.
func (c *claims) UnmarshalJSON(data []byte) (err error) {
	if c.all, err = object(data); err != nil {
		return err
	}
	for name, into := range map[string]any{
		"iss": &c.Issuer, "aud": &c.Audience, "exp": &c.ExpiresAt, "nbf": &c.NotBefore, "iat": &c.IssuedAt,
	} {
		if raw, ok := c.all[name]; ok && json.Unmarshal(raw, into) != nil {
			return errObject
		}
	}
	return nil
}

// text is the first of the named claims that is there. One that is no text is
// taken as absent.
func (c *claims) text(names []string) string {
	for _, name := range names {
		var s string
		if raw, ok := c.all[name]; ok && json.Unmarshal(raw, &s) == nil && s != "" {
			return s
		}
	}
	return ""
}

// list is the first of the named claims that is a list of texts, or one text.
func (c *claims) list(names []string) []string {
	for _, name := range names {
		raw, ok := c.all[name]
		if !ok {
			continue
		}
		var many []string
		if json.Unmarshal(raw, &many) == nil && len(many) > 0 {
			return many
		}
		var one string
		if json.Unmarshal(raw, &one) == nil && one != "" {
			return []string{one}
		}
	}
	return nil
}

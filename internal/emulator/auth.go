package emulator

import "strings"

// authenticate accepts the account's key in api-key, and a token of our own
// issuer as Bearer. On v1 the key may stand as Bearer too, which is where
// OpenAI's SDKs put it. The api-key header decides alone where it is present.
func (d *dataPlane) authenticate(c *call) *refusal {
	if key := c.Header.Get("Api-Key"); key != "" {
		return c.account.checkKey(key)
	}
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return badToken()
	}
	if c.v1 && c.account.key.Equal(token) {
		return c.account.checkKey(token)
	}
	who, ok := d.tokens.verify(token)
	if !ok {
		return badToken()
	}
	if c.account.users != nil && !c.account.users[who.ObjectID] {
		return noRole()
	}
	return nil
}

func (a *account) checkKey(key string) *refusal {
	switch {
	case a.DisableLocalAuth:
		return keysDisabled()
	case !a.key.Equal(key):
		return badKey()
	}
	return nil
}

package emulator

import "strings"

// authenticate accepts one of the account's keys in api-key, and a token of our
// own issuer as Bearer. On v1 the key may stand as Bearer too, which is where
// OpenAI's SDKs put it. The api-key header decides alone where it is present. A
// realtime client in a browser can set no header: its key may stand in the
// query.
func (d *dataPlane) authenticate(c *call) *refusal {
	key := c.Header.Get("Api-Key")
	if key == "" && c.operation == opRealtime {
		key = c.URL.Query().Get("api-key")
	}
	if key != "" {
		return c.account.checkKey(key)
	}
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return badToken()
	}
	if c.v1 && c.account.opensWith(token) {
		return c.account.checkKey(token)
	}
	who, ok := d.tokens.verify(token)
	if !ok {
		return badToken()
	}
	if !c.account.lets(who, c.operation) {
		return noRole()
	}
	return nil
}

func (a *account) checkKey(key string) *refusal {
	switch {
	case a.DisableLocalAuth:
		return keysDisabled()
	case !a.opensWith(key):
		return badKey()
	}
	return nil
}

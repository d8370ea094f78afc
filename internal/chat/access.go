package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/identity"
)

// personOf is a principal as we know people.
func (c *Chat) personOf(who identity.Principal) person {
	sum := sha256.Sum256([]byte(who.Issuer + "\x00" + who.Tenant + "\x00" + who.Subject))
	if who.Tenant != "" { // versions of a token differ in the issuer's name
		sum = sha256.Sum256([]byte("entra\x00" + who.Tenant + "\x00" + strings.ToLower(who.Subject)))
	}
	p := person{owner: hex.EncodeToString(sum[:16]), name: clip(who.Name, 100), groups: who.Groups}
	switch {
	case c.s.Admins.has(who):
		p.role = admin
	case c.s.Users.has(who):
		p.role = user
	}
	return p
}

// has says whether a person is among these.
func (a Access) has(who identity.Principal) bool {
	return a.Everyone || anyOf(a.Groups, who.Groups) || anyOf(a.Roles, who.Roles)
}

func anyOf(wanted, given []string) bool {
	return slices.ContainsFunc(given, func(g string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(w, g) })
	})
}

// The cookies. __Host- binds one to this very host, over TLS alone (RFC
// 6265bis section 4.1.3.2); a rehearsal on plain loopback goes without.
const (
	sessionCookie = "ostiary-chat"
	attemptCookie = "ostiary-chat-signin"
)

func (c *Chat) cookieName(name string) string {
	if c.secure {
		return "__Host-" + name
	}
	return name
}

func (c *Chat) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	cookie := &http.Cookie{ //nolint:gosec // Secure but on plain loopback, which Check allows for rehearsal
		Name: c.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
		MaxAge: int(life / time.Second),
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

func (c *Chat) cookie(r *http.Request, name string) string {
	cookie, err := r.Cookie(c.cookieName(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/secret"
)

// identityPath is where a resource's identities get tokens, on the page's
// listener. A program that `emulate exec` runs at the resource hears of it.
func identityPath(id string) string {
	return "/at/" + base64.RawURLEncoding.EncodeToString([]byte(id)) + "/msi/token"
}

// identityHeader is what a program must show there: whoever may read the state
// directory can make it, and no other.
func (w *world) identityHeader(id string) string {
	mac := hmac.New(sha256.New, []byte(w.token))
	mac.Write([]byte(strings.ToLower(id)))
	return hex.EncodeToString(mac.Sum(nil))
}

// identityTokens serves the tokens of every resource's identities.
func (w *world) identityTokens(e *Emulator) http.Handler {
	inner := e.ManagedIdentities(func(r *http.Request) IdentityHost {
		id, err := base64.RawURLEncoding.DecodeString(r.PathValue("id"))
		if err != nil {
			return IdentityHost{}
		}
		return IdentityHost{
			Identities: w.identities(string(id)), Header: secret.New(w.identityHeader(string(id))), AzureNames: true,
		}
	})
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/msi/token"
		inner.ServeHTTP(rw, r)
	})
}

// identities are those of a resource, the system's first.
func (w *world) identities(id string) []ManagedIdentity {
	r, ok := w.arm.Get(id)
	if !ok {
		return nil
	}
	var all []ManagedIdentity
	identity := objectOf(r.Body, "identity")
	if own := textOf(identity, "principalId"); own != "" {
		all = append(all, ManagedIdentity{ClientID: derivedGUID("identity", own), ObjectID: own})
	}
	assigned := objectOf(identity, "userAssignedIdentities")
	for _, id := range slices.Sorted(maps.Keys(assigned)) {
		if m, ok := assigned[id].(map[string]any); ok {
			all = append(all, ManagedIdentity{ClientID: textOf(m, "clientId"), ObjectID: textOf(m, "principalId"), ResourceID: id})
		}
	}
	return all
}

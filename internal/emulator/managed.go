package emulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/secret"
)

// ManagedIdentity is a service principal that Azure keeps the secret of.
type ManagedIdentity struct {
	ClientID, ObjectID string
	ResourceID         string // of a user-assigned one; empty for the system's
}

// IdentityHost is a machine of the emulated Azure, as the programs on it ask
// for its identities. The zero value has none.
type IdentityHost struct {
	Identities []ManagedIdentity // the first is given to who names none
	Header     secret.String     // IDENTITY_HEADER of App Service and Container Apps; empty: that form is not served
	AzureNames bool              // tokens bear Azure's own issuer, for programs inside the emulated network
}

// ManagedIdentities serves the tokens of a host's identities, in the two forms
// that Azure has: the instance metadata service of a virtual machine
// (/metadata/identity/oauth2/token) and the endpoint of App Service and
// Container Apps (/msi/token, which IDENTITY_ENDPOINT names). Whoever serves it
// says which machine a request comes from; no credential is asked for.
func (e *Emulator) ManagedIdentities(of func(*http.Request) IdentityHost) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, query := of(r), r.URL.Query()
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case r.Method != http.MethodGet:
			http.Error(w, "", http.StatusMethodNotAllowed)
		case r.URL.Path == "/metadata/identity/oauth2/token" && r.Header.Get("X-Forwarded-For") != "":
			identityTrouble(w, "the metadata service answers no proxy")
		case r.URL.Path == "/metadata/identity/oauth2/token" && !strings.EqualFold(r.Header.Get("Metadata"), "true"):
			identityTrouble(w, "Required metadata header not specified")
		case r.URL.Path == "/metadata/identity/oauth2/token":
			e.issuer.identityToken(w, host, query.Get)
		case r.URL.Path == "/msi/token" && !host.Header.Empty():
			if !host.Header.Equal(r.Header.Get("X-Identity-Header")) {
				http.Error(w, "", http.StatusUnauthorized)
				return
			}
			e.issuer.identityToken(w, host, query.Get)
		default:
			http.NotFound(w, r)
		}
	})
}

func identityTrouble(w http.ResponseWriter, what string) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": what})
}

// identityToken answers one request; every number in the answer is a text.
func (i *issuer) identityToken(w http.ResponseWriter, host IdentityHost, param func(string) string) {
	to, known := i.resource(param("resource"))
	who, found := host.named(param)
	switch {
	case param("api-version") == "" || param("resource") == "":
		identityTrouble(w, "api-version and resource are required")
		return
	case !found:
		identityTrouble(w, "Identity not found")
		return
	case !known:
		i.refuse(w, *unknownResource(param("resource"), i.tenant))
		return
	}
	n := i.ownNames()
	if host.AzureNames {
		n = i.azureNames()
	}
	client := app{App: App{ClientID: who.ClientID, ObjectID: who.ObjectID}}
	signed, err := i.appToken(n, client, target{Resource: to, audience: param("resource")})
	if err != nil {
		i.refuse(w, *serverError())
		return
	}
	now, seconds := i.now(), int64(i.lifetime.Seconds())
	writeJSON(w, http.StatusOK, map[string]string{
		"access_token": signed, "client_id": who.ClientID, "token_type": "Bearer", "resource": param("resource"),
		"expires_in": strconv.FormatInt(seconds-1, 10), "ext_expires_in": strconv.FormatInt(seconds-1, 10),
		"expires_on": strconv.FormatInt(now.Unix()+seconds, 10), "not_before": strconv.FormatInt(now.Unix(), 10),
	})
}

// named picks the identity that the request names, by any of its three ids.
func (h IdentityHost) named(param func(string) string) (ManagedIdentity, bool) {
	at := slices.IndexFunc(h.Identities, func(m ManagedIdentity) bool {
		for _, id := range []struct{ asked, have string }{
			{param("client_id"), m.ClientID}, {param("object_id") + param("principal_id"), m.ObjectID}, {param("msi_res_id") + param("mi_res_id"), m.ResourceID},
		} {
			if id.asked != "" && !strings.EqualFold(id.asked, id.have) {
				return false
			}
		}
		return true
	})
	if at < 0 {
		return ManagedIdentity{}, false
	}
	return h.Identities[at], true
}

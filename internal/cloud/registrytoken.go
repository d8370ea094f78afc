package cloud

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/internal/arm"
)

// What Azure's clients sign in with.
const (
	tokenUser       = "00000000-0000-0000-0000-000000000000" // Basic user name whose password is a refresh token
	registryScope   = "https://containerregistry.azure.net"
	managementScope = "https://management.azure.com"
	classicScope    = "https://management.core.windows.net"
	maxRegistryForm = 64 << 10
	refreshLife     = 3 * time.Hour
	accessLife      = 75 * time.Minute
)

// grant is what a token says, and what a call needs: a scope of the
// distribution protocol.
type grant struct {
	Type    string   `json:"type"` // repository or registry
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// registryClaims are those of Azure's refresh and access tokens that clients
// or we read.
type registryClaims struct {
	jwt.RegisteredClaims
	Kind   string   `json:"grant_type"`
	Access []grant  `json:"access,omitempty"`
	Groups []string `json:"groups,omitempty"`
	Admin  bool     `json:"admin,omitempty"`
}

func (s *registries) issue(r arm.Resource, kind, subject string, groups []string, admin bool, access []grant, life time.Duration) (string, error) {
	now := s.cloud.now()
	c := registryClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID: randomGUID(), Subject: subject, Issuer: "Azure Container Registry", Audience: jwt.ClaimStrings{loginServer(r)},
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now.Add(-15 * time.Minute)), ExpiresAt: jwt.NewNumericDate(now.Add(life)),
		},
		Kind: kind, Access: access, Groups: groups, Admin: admin,
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(s.sign)
}

func (s *registries) read(r arm.Resource, token, kind string) (registryClaims, bool) {
	var c registryClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.cloud.now))
	_, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return s.sign, nil })
	return c, err == nil && c.Kind == kind && slices.Contains(c.Audience, loginServer(r))
}

// form reads the body of a POST; what GET says stands in the query.
func registryForm(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	if r.Method == http.MethodGet {
		return r.URL.Query(), true
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxRegistryForm)
	if r.ParseForm() != nil {
		return nil, false
	}
	return r.PostForm, true
}

func unauthorized(message string) *registryError {
	return &registryError{http.StatusUnauthorized, "UNAUTHORIZED", message}
}

// exchange turns a token of the directory into a refresh token of the registry.
//
// https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
func (s *registries) exchange(w http.ResponseWriter, c *registryCall) *registryError {
	form, ok := registryForm(w, c.Request)
	if !ok || form.Get("grant_type") != "access_token" && form.Get("grant_type") != "access_token_refresh_token" {
		return &registryError{http.StatusBadRequest, "UNSUPPORTED", "grant_type must be access_token"}
	}
	who, ok := s.cloud.verify(form.Get("access_token"))
	if !ok || !meant(who.Audience, []string{registryScope, managementScope, classicScope}) {
		return unauthorized("authentication required, visit https://aka.ms/acr/authorization for more information.")
	}
	token, err := s.issue(c.registry, "refresh_token", who.ObjectID, who.Groups, false, nil, refreshLife)
	if err != nil {
		return &registryError{http.StatusInternalServerError, "UNKNOWN", "no token could be made"}
	}
	writeJSON(w, http.StatusOK, map[string]string{"refresh_token": token})
	return nil
}

// token gives an access token for those of the scopes asked for that the
// caller's roles allow: one with fewer, or none, is no error here, as the
// protocol has it.
func (s *registries) token(w http.ResponseWriter, c *registryCall) *registryError {
	form, ok := registryForm(w, c.Request)
	if !ok {
		return &registryError{http.StatusBadRequest, "UNSUPPORTED", "not a form of at most 64 KiB"}
	}
	who, ok := s.subject(c, form)
	if !ok {
		return unauthorized("authentication required, visit https://aka.ms/acr/authorization for more information.")
	}
	var access []grant
	for _, scope := range scopes(form["scope"]) {
		if g := s.allowed(c.registry, who, scope); len(g.Actions) > 0 {
			access = append(access, g)
		}
	}
	token, err := s.issue(c.registry, "access_token", who.Subject, who.Groups, who.Admin, access, accessLife)
	if err != nil {
		return &registryError{http.StatusInternalServerError, "UNKNOWN", "no token could be made"}
	}
	writeJSON(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": int(accessLife.Seconds())})
	return nil
}

// subject is whom a refresh token, or a name and password, speaks for.
func (s *registries) subject(c *registryCall, form url.Values) (registryClaims, bool) {
	if user, password, ok := c.BasicAuth(); ok {
		return s.basic(c.registry, user, password)
	}
	switch form.Get("grant_type") {
	case "refresh_token":
		return s.read(c.registry, form.Get("refresh_token"), "refresh_token")
	case "password":
		return s.basic(c.registry, form.Get("username"), form.Get("password"))
	}
	return registryClaims{}, false
}

// basic takes a refresh token as password, or the admin user where the
// registry has it on.
func (s *registries) basic(r arm.Resource, user, password string) (registryClaims, bool) {
	if user == tokenUser {
		return s.read(r, password, "refresh_token")
	}
	admin := registryClaims{RegisteredClaims: jwt.RegisteredClaims{Subject: user}, Admin: true}
	if !strings.EqualFold(user, r.Name) || !flag(object(r.Body, "properties"), "adminUserEnabled", false) {
		return admin, false
	}
	for _, key := range s.cloud.arm.Keys(r.ID) {
		if !key.Empty() && key.Equal(password) {
			return admin, true
		}
	}
	return admin, false
}

// scopes reads "repository:NAME:pull,push", one or several, bounded.
func scopes(values []string) (all []grant) {
	for _, value := range values {
		for _, text := range strings.Fields(value) {
			typ, rest, ok := strings.Cut(text, ":")
			at := strings.LastIndexByte(rest, ':')
			if ok && at > 0 && len(all) < 16 {
				all = append(all, grant{typ, rest[:at], strings.Split(rest[at+1:], ",")})
			}
		}
	}
	return all
}

// registryActions are what roles must allow for an action of the protocol.
// https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-overview
func registryActions(action string) string {
	return map[string]string{
		"pull": registryType + "/pull/read", "metadata_read": registryType + "/pull/read",
		"push": registryType + "/push/write", "metadata_write": registryType + "/push/write",
		"delete":  registryType + "/artifacts/delete",
		"catalog": registryType + "/read",
	}[action]
}

// allowed keeps of a scope what the caller may do. "*" is everything.
func (s *registries) allowed(r arm.Resource, who registryClaims, asked grant) grant {
	actions := asked.Actions
	if slices.Contains(actions, "*") {
		actions = []string{"pull", "push", "delete", "metadata_read", "metadata_write"}
		if asked.Type == "registry" {
			actions = []string{"catalog"}
		}
	}
	out := grant{Type: asked.Type, Name: asked.Name}
	for _, a := range actions {
		if s.mayDo(r, who, a) {
			out.Actions = append(out.Actions, a)
		}
	}
	if asked.Type == "registry" && len(out.Actions) > 0 {
		out.Actions = []string{"*"}
	}
	return out
}

func (s *registries) mayDo(r arm.Resource, who registryClaims, action string) bool {
	name := registryActions(action)
	if name == "" || who.Admin {
		return who.Admin && name != ""
	}
	return s.cloud.may(Caller{ObjectID: who.Subject, Groups: who.Groups}, name, false, r.ID)
}

package cloud

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/internal/arm"
)

// vaultCall is one request on its way through.
type vaultCall struct {
	*http.Request
	vault   arm.Resource
	caller  Caller
	name    string
	version string
}

// vaultRow is one operation: what a role's dataActions, or an access policy's
// permissions for secrets, must hold.
type vaultRow struct {
	action     string // of Microsoft.KeyVault/vaults/secrets/
	permission string
	do         func(http.ResponseWriter, *vaultCall) *vaultError
}

var (
	vaultVersion = regexp.MustCompile(`^(7\.[0-9](-preview\.\d)?|2016-10-01|2025-07-01)$`)
	secretName   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`) })
	versionID    = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// serve answers for one vault, and is the one place that writes a refusal.
// The order is Azure's: who asks is found out before the network is judged, so
// that a client behind the firewall still gets the challenge.
func (s *vaults) serve(w http.ResponseWriter, r *http.Request, label string) {
	h := w.Header()
	h.Set("X-Ms-Request-Id", randomGUID())
	h.Set("X-Ms-Keyvault-Service-Version", "1.9.2448.2")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Strict-Transport-Security", "max-age=31536000;includeSubDomains")
	h.Set("Cache-Control", "no-cache")
	if id := r.Header.Get("X-Ms-Client-Request-Id"); id != "" && len(id) <= 128 {
		h.Set("X-Ms-Client-Request-Id", id)
	}
	vault, ok := s.cloud.find(vaultType, label)
	if !ok { // on Azure the name would not resolve
		http.Error(w, "The emulated Azure has no vault of this name.", http.StatusMisdirectedRequest)
		return
	}
	h.Set("X-Ms-Keyvault-Region", strings.ToLower(strings.ReplaceAll(vault.Location, " ", "")))
	h.Set("X-Ms-Keyvault-Network-Info", "conn_type=Ipv4;addr="+OriginOf(r.Context()).String()+";act_addr_fam=InterNetwork;")
	if refused := s.answer(w, &vaultCall{Request: r, vault: vault}); refused != nil {
		refused.write(w)
	}
}

func (s *vaults) answer(w http.ResponseWriter, c *vaultCall) *vaultError {
	if strings.Trim(c.URL.Path, "/") == "healthstatus" {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	who, given, ok := s.cloud.bearer(c.Request, vaultScope, vaultAppID)
	if !ok {
		return s.challenge(w, given)
	}
	c.caller = who
	switch Admit(c.vault.Body, OriginOf(c.Context())) {
	case PublicOff:
		return byConnection(c.vault, who)
	case NotInRules:
		return byFirewall(c.vault, who, OriginOf(c.Context()))
	}
	row, refused := s.route(c)
	if refused != nil {
		return refused
	}
	if refused := s.authorize(c, row); refused != nil {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return row.do(w, c)
}

// challenge is what Azure's SDKs read tenant and resource from.
func (s *vaults) challenge(w http.ResponseWriter, given bool) *vaultError {
	w.Header().Set("Www-Authenticate", `Bearer authorization="`+s.cloud.login+"/"+s.cloud.tenant+`", resource="`+vaultScope+`"`)
	message := "AKV10000: Request is missing a Bearer or PoP token."
	if given {
		w.Header().Set("Www-Authenticate", w.Header().Get("Www-Authenticate")+`, error="invalid_token"`)
		message = "AKV10032: Invalid issuer, audience, signature or lifetime of the token."
	}
	return &vaultError{status: http.StatusUnauthorized, code: "Unauthorized", message: message}
}

func (s *vaults) route(c *vaultCall) (vaultRow, *vaultError) {
	if v := c.URL.Query().Get("api-version"); v == "" {
		return vaultRow{}, badVaultInput("api-version must be specified")
	} else if !vaultVersion.MatchString(v) {
		return vaultRow{}, badVaultInput("The specified version (%s) is not recognized. Consider using the latest supported version (7.6).", clip(v))
	}
	segments := strings.Split(strings.Trim(c.URL.Path, "/"), "/")
	kind, rest := segments[0], segments[1:]
	if len(rest) > 0 {
		if c.name = rest[0]; !secretName().MatchString(c.name) {
			return vaultRow{}, badVaultInput("The request URI contains an invalid name: %s", clip(c.name))
		}
	}
	if kind == "secrets" && len(rest) == 2 && rest[1] != "versions" && rest[1] != "backup" {
		if c.version = rest[1]; !versionID.MatchString(c.version) {
			return vaultRow{}, badVaultInput("Invalid version of a secret.")
		}
		rest[1] = "{version}"
	}
	if len(rest) > 0 {
		rest[0] = "{name}"
	}
	shape := c.Method + " " + strings.Join(segments, "/")
	if row, ok := s.rows()[shape]; ok {
		return row, nil
	}
	if shape == "GET certificates/{name}" && c.name == "contacts" {
		return vaultRow{"", "", func(http.ResponseWriter, *vaultCall) *vaultError {
			return &vaultError{status: http.StatusNotFound, code: "ContactsNotFound", message: "Contacts not found"}
		}}, nil
	}
	return vaultRow{}, &vaultError{
		status: http.StatusNotImplemented, code: "NotImplemented",
		message: "Ostiary's emulator has the secrets of a vault alone, without backup and restore; keys and certificates it has not.",
	}
}

func (s *vaults) rows() map[string]vaultRow {
	return map[string]vaultRow{
		"PUT secrets/{name}":                 {"setSecret/action", "set", s.set},
		"GET secrets/{name}":                 {"getSecret/action", "get", s.get},
		"GET secrets/{name}/{version}":       {"getSecret/action", "get", s.get},
		"PATCH secrets/{name}":               {"update/action", "set", s.update},
		"PATCH secrets/{name}/{version}":     {"update/action", "set", s.update},
		"GET secrets":                        {"readMetadata/action", "list", s.list},
		"GET secrets/{name}/versions":        {"readMetadata/action", "list", s.versions},
		"DELETE secrets/{name}":              {"delete", "delete", s.remove},
		"GET deletedsecrets":                 {"readMetadata/action", "list", s.listDeleted},
		"GET deletedsecrets/{name}":          {"readMetadata/action", "get", s.getDeleted},
		"POST deletedsecrets/{name}/recover": {"recover/action", "recover", s.recover},
		"DELETE deletedsecrets/{name}":       {"purge/action", "purge", s.purge},
	}
}

// authorize asks role assignments, or the vault's access policies where it has
// not turned to roles.
func (s *vaults) authorize(c *vaultCall, row vaultRow) *vaultError {
	if row.action == "" {
		return nil
	}
	properties := object(c.vault.Body, "properties")
	if flag(properties, "enableRbacAuthorization", false) {
		action := "Microsoft.KeyVault/vaults/secrets/" + row.action
		scope := c.vault.ID
		if c.name != "" {
			scope += "/secrets/" + c.name
		}
		if !s.cloud.may(c.caller, action, true, scope) {
			return byRole(c.vault, c.caller, action, strings.ToLower(scope))
		}
		return nil
	}
	for _, p := range list(properties, "accessPolicies") {
		id := text(p, "objectId")
		theirs := strings.EqualFold(id, c.caller.ObjectID) || slices.ContainsFunc(c.caller.Groups, func(g string) bool { return strings.EqualFold(g, id) })
		if app := text(p, "applicationId"); app != "" && !strings.EqualFold(app, c.caller.AppID) {
			continue
		}
		permissions, _ := member(object(p, "permissions"), "secrets").([]any)
		for _, x := range permissions {
			if name, _ := x.(string); theirs && (strings.EqualFold(name, row.permission) || strings.EqualFold(name, "all") && row.permission != "purge") {
				return nil
			}
		}
	}
	return byPolicy(c.vault, c.caller, row.permission)
}

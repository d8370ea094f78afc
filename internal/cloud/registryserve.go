package cloud

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/arm"
)

// registryCall is one request on its way through.
type registryCall struct {
	*http.Request
	registry   arm.Resource
	repository string
	last       string // tag, digest or upload
}

// serve answers for one registry, and is the one place that writes a refusal.
func (s *registries) serve(w http.ResponseWriter, r *http.Request, label string) {
	h := w.Header()
	h.Set("Docker-Distribution-Api-Version", "registry/2.0")
	h.Set("X-Ms-Correlation-Request-Id", randomGUID())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	registry, ok := s.cloud.find(registryType, label)
	if !ok { // on Azure the name would not resolve
		http.Error(w, "The emulated Azure has no registry of this name.", http.StatusMisdirectedRequest)
		return
	}
	if refused := s.answer(w, &registryCall{Request: r, registry: registry}); refused != nil {
		refused.write(w, r)
	}
}

func (s *registries) answer(w http.ResponseWriter, c *registryCall) *registryError {
	if o := OriginOf(c.Context()); Admit(c.registry.Body, o) != Admitted {
		return &registryError{http.StatusForbidden, "DENIED", "client with IP '" + o.String() + "' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}
	}
	switch c.Method + " " + c.URL.Path {
	case "POST /oauth2/exchange":
		return s.exchange(w, c)
	case "POST /oauth2/token", "GET /oauth2/token":
		return s.token(w, c)
	case "GET /v2/", "HEAD /v2/", "GET /v2", "HEAD /v2":
		if refused := s.authorize(w, c, grant{}); refused != nil {
			return refused
		}
		writeJSON(w, http.StatusOK, struct{}{})
		return nil
	case "GET /v2/_catalog":
		if refused := s.authorize(w, c, grant{"registry", "catalog", []string{"*"}}); refused != nil {
			return refused
		}
		return s.catalog(w, c)
	}
	do, action := s.route(c)
	if do == nil {
		return &registryError{http.StatusNotFound, "NAME_UNKNOWN", "not an operation of the distribution protocol that the emulator has"}
	}
	if !repositoryName.MatchString(c.repository) || len(c.repository) > 255 {
		return &registryError{http.StatusBadRequest, "NAME_INVALID", "invalid repository name"}
	}
	if refused := s.authorize(w, c, grant{"repository", c.repository, strings.Split(action, ",")}); refused != nil {
		return refused
	}
	return do(w, c)
}

type registryDo = func(http.ResponseWriter, *registryCall) *registryError

// route finds the last word of the protocol in the path: repository names may
// have slashes, and the words as parts.
func (s *registries) route(c *registryCall) (registryDo, string) {
	path, ok := strings.CutPrefix(c.URL.Path, "/v2/")
	if !ok {
		return nil, ""
	}
	if name, ok := strings.CutSuffix(path, "/tags/list"); ok && c.Method == http.MethodGet {
		c.repository = name
		return s.tags, "pull"
	}
	if at := strings.LastIndex(path, "/blobs/uploads/"); at > 0 {
		c.repository, c.last = path[:at], path[at+len("/blobs/uploads/"):]
		return s.uploadRow(c), "pull,push"
	}
	if name, ok := strings.CutSuffix(path, "/blobs/uploads"); ok {
		c.repository = name
		return s.uploadRow(c), "pull,push"
	}
	word := "/manifests/"
	at := strings.LastIndex(path, word)
	if other := strings.LastIndex(path, "/blobs/"); other > at {
		word, at = "/blobs/", other
	}
	if at <= 0 {
		return nil, ""
	}
	c.repository, c.last = path[:at], path[at+len(word):]
	switch read := c.Method == http.MethodGet || c.Method == http.MethodHead; {
	case word == "/manifests/" && read:
		return s.getManifest, "pull"
	case word == "/manifests/" && c.Method == http.MethodPut:
		return s.putManifest, "pull,push"
	case word == "/manifests/" && c.Method == http.MethodDelete:
		return s.deleteManifest, "delete"
	case word == "/blobs/" && read:
		return s.getLayer, "pull"
	case word == "/blobs/" && c.Method == http.MethodDelete:
		return s.deleteLayer, "delete"
	}
	return nil, ""
}

func (s *registries) uploadRow(c *registryCall) registryDo {
	switch {
	case c.Method == http.MethodPost && c.last == "":
		return s.beginUpload
	case !uploadName().MatchString(c.last):
		return nil
	case c.Method == http.MethodPatch:
		return s.appendUpload
	case c.Method == http.MethodPut:
		return s.endUpload
	case c.Method == http.MethodGet:
		return s.uploadStatus
	case c.Method == http.MethodDelete:
		return s.cancelUpload
	}
	return nil
}

// authorize takes an access token, or the admin user's Basic, and answers the
// rest with the challenge that clients find the token endpoint by.
func (s *registries) authorize(w http.ResponseWriter, c *registryCall, needs grant) *registryError {
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	claims, known := registryClaims{}, false
	if strings.EqualFold(scheme, "Bearer") {
		claims, known = s.read(c.registry, token, "access_token")
	} else if user, password, ok := c.BasicAuth(); ok {
		if claims, known = s.basic(c.registry, user, password); known {
			claims.Access = []grant{s.allowed(c.registry, claims, needs)}
		}
	}
	if known && (needs.Type == "" || slices.ContainsFunc(claims.Access, func(g grant) bool { return g.covers(needs) })) {
		return nil
	}
	challenge := `Bearer realm="https://` + loginServer(c.registry) + `/oauth2/token",service="` + loginServer(c.registry) + `"`
	if needs.Type != "" {
		challenge += `,scope="` + needs.Type + ":" + needs.Name + ":" + strings.Join(needs.Actions, ",") + `"`
	}
	if known {
		challenge += `,error="insufficient_scope"`
	}
	w.Header().Set("Www-Authenticate", challenge)
	return unauthorized("authentication required, visit https://aka.ms/acr/authorization for more information.")
}

func (g grant) covers(needs grant) bool {
	if g.Type != needs.Type || g.Name != needs.Name {
		return false
	}
	for _, a := range needs.Actions {
		if !slices.Contains(g.Actions, a) {
			return false
		}
	}
	return true
}

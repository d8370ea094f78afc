package cloud

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

const (
	graphScope = "https://graph.microsoft.com"
	graphAppID = "00000003-0000-0000-c000-000000000000"

	maxGraphBody   = 1 << 20
	maxDirectory   = 1_000 // applications made here
	graphPage      = 100
	graphMetadata  = "https://graph.microsoft.com/v1.0/$metadata#"
	graphEntity    = "#microsoft.graph."
	maxCredentials = 16 // passwords, keys and federated credentials of one application, each
)

// Principal is one entry of the directory that the emulator's configuration
// gives.
type Principal struct {
	ObjectID string
	Kind     string   // "user", "group" or "servicePrincipal"
	Name     string   // display name
	SignIn   string   // userPrincipalName of a user
	AppID    string   // of a service principal
	Members  []string // object ids, of a group
}

// graph is the little of Microsoft Graph v1.0 that azurerm, azuread and az ask
// for: who am I, reading users, groups and service principals, and
// applications with their service principals, which a deployment makes.
type graph struct {
	cloud  *Cloud
	path   string
	people func() []Principal

	mu    sync.Mutex
	state graphState
}

// graphState is what was made through Graph. Documents are kept as they came,
// with what Graph adds.
type graphState struct {
	Applications map[string]map[string]any `json:"applications"` // by object id
	Principals   map[string]map[string]any `json:"principals"`
	Passwords    map[string][]password     `json:"passwords"` // by the application's object id
	Children     map[string][]child        `json:"children"`  // appRoleAssignments, owners, federatedIdentityCredentials
}

type child struct {
	Of       string         `json:"of"` // "applications/ID/owners"
	Document map[string]any `json:"document"`
}

// graphError is a refusal in Graph's shape.
type graphError struct {
	status  int
	code    string
	message string
}

func openGraph(c *Cloud, dir string, people func() []Principal) (*graph, error) {
	g := &graph{cloud: c, path: filepath.Join(dir, "directory.json"), people: people}
	if err := load(g.path, &g.state); err != nil {
		return nil, err
	}
	s := &g.state
	if s.Applications == nil {
		*s = graphState{map[string]map[string]any{}, map[string]map[string]any{}, map[string][]password{}, map[string][]child{}}
	}
	return g, nil
}

// graphCall is one request on its way through.
type graphCall struct {
	*http.Request
	caller Caller
	path   []string // after v1.0
	body   map[string]any
}

// ServeHTTP answers one call, and is the one place that writes a refusal.
func (g *graph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := randomGUID()
	w.Header().Set("Request-Id", id)
	w.Header().Set("Client-Request-Id", id)
	status, body, refused := g.answer(w, r)
	if refused != nil {
		var out struct {
			Error struct {
				Code    string `json:"code"`
				Message string `json:"message"`
				Inner   struct {
					Date      string `json:"date"`
					RequestID string `json:"request-id"`
				} `json:"innerError"`
			} `json:"error"`
		}
		out.Error.Code, out.Error.Message = refused.code, refused.message
		out.Error.Inner.Date, out.Error.Inner.RequestID = g.cloud.now().UTC().Format("2006-01-02T15:04:05"), id
		writeJSON(w, refused.status, out)
		return
	}
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	w.Header().Set("Odata-Version", "4.0")
	writeJSON(w, status, body)
}

func (g *graph) answer(w http.ResponseWriter, r *http.Request) (int, any, *graphError) {
	version, path, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	if version != "v1.0" && version != "beta" {
		return 0, nil, &graphError{http.StatusBadRequest, "BadRequest", "Invalid version: " + clip(version)}
	}
	who, _, ok := g.cloud.bearer(r, graphScope, graphAppID)
	if !ok {
		w.Header().Set("Www-Authenticate", `Bearer realm="", authorization_uri="`+g.cloud.login+`/common/oauth2/authorize", client_id="`+graphAppID+`"`)
		return 0, nil, &graphError{http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty or invalid."}
	}
	c := &graphCall{Request: r, caller: who, path: strings.Split(strings.ReplaceAll(path, "(", "/("), "/")}
	if r.Method == http.MethodPost || r.Method == http.MethodPatch {
		data, err := io.ReadAll(io.LimitReader(r.Body, maxGraphBody+1))
		if err != nil || len(data) > maxGraphBody {
			return 0, nil, &graphError{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request body is larger than 1 MiB."}
		}
		if len(data) > 0 && json.Unmarshal(data, &c.body) != nil {
			return 0, nil, &graphError{http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."}
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.route(c)
}

// route reads anything and writes applications and what hangs on them.
func (g *graph) route(c *graphCall) (int, any, *graphError) {
	switch c.path[0] {
	case "me":
		return g.me(c)
	case "organization":
		return http.StatusOK, g.collection("organization", []map[string]any{{"id": g.cloud.tenant, "displayName": "Sample Organisation"}}, c), nil
	case "users", "groups":
		if c.Method != http.MethodGet {
			return 0, nil, notInGraph("changes of " + c.path[0])
		}
		return g.read(c)
	case "directoryObjects":
		return g.objects(c)
	case "applications", "servicePrincipals":
		return g.applications(c)
	}
	return 0, nil, notInGraph("the segment '" + clip(c.path[0]) + "'")
}

func notInGraph(what string) *graphError {
	return &graphError{http.StatusNotImplemented, "notImplemented", "Ostiary's emulator of Microsoft Graph does not have " + what + "."}
}

func noObject(id string) *graphError {
	return &graphError{http.StatusNotFound, "Request_ResourceNotFound", "Resource '" + clip(id) + "' does not exist or one of its queried reference-property objects are not present."}
}

// directory is every object of a kind ("users", "groups", "servicePrincipals",
// "applications") as Graph shows it.
func (g *graph) directory(kind string) (all []map[string]any) {
	for _, p := range g.people() {
		if p.Kind+"s" == kind {
			all = append(all, p.document())
		}
	}
	made := map[string]map[string]map[string]any{"applications": g.state.Applications, "servicePrincipals": g.state.Principals}[kind]
	for _, id := range slices.Sorted(maps.Keys(made)) {
		all = append(all, g.whole(kind, made[id]))
	}
	return all
}

func (p Principal) document() map[string]any {
	d := map[string]any{"@odata.type": graphEntity + p.Kind, "id": p.ObjectID, "displayName": p.Name}
	switch p.Kind {
	case "user":
		d["userPrincipalName"], d["mail"], d["accountEnabled"] = p.SignIn, p.SignIn, true
	case "group":
		d["securityEnabled"], d["mailEnabled"], d["groupTypes"] = true, false, []any{}
	case "servicePrincipal":
		d["appId"], d["servicePrincipalType"], d["accountEnabled"], d["appDisplayName"] = p.AppID, "Application", true, p.Name
		d["servicePrincipalNames"], d["appRoles"], d["oauth2PermissionScopes"] = []any{p.AppID}, []any{}, []any{}
	}
	return d
}

func (g *graph) me(c *graphCall) (int, any, *graphError) {
	for _, p := range g.people() {
		if p.Kind != "user" || !strings.EqualFold(p.ObjectID, c.caller.ObjectID) {
			continue
		}
		if len(c.path) > 1 {
			return http.StatusOK, g.collection("directoryObjects", g.groupsOf(p.ObjectID), c), nil
		}
		return http.StatusOK, entity("users", p.document()), nil
	}
	return 0, nil, &graphError{http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow."}
}

func (g *graph) groupsOf(id string) (all []map[string]any) {
	for _, p := range g.people() {
		if p.Kind == "group" && slices.Contains(p.Members, id) {
			all = append(all, p.document())
		}
	}
	return all
}

// entity marks one object with its context.
func entity(set string, d map[string]any) map[string]any {
	d = maps.Clone(d)
	delete(d, "@odata.type")
	d["@odata.context"] = graphMetadata + set + "/$entity"
	return d
}

// read answers GET of users and groups, one or many, with members and
// memberships.
func (g *graph) read(c *graphCall) (int, any, *graphError) {
	kind := c.path[0]
	if len(c.path) == 1 {
		return g.filtered(c, kind)
	}
	d, refused := g.one(kind, c.path[1:])
	if refused != nil {
		return 0, nil, refused
	}
	id, _ := d["id"].(string)
	switch rest := c.path[len(c.path)-1]; {
	case len(c.path) == 2:
		return http.StatusOK, entity(kind, d), nil
	case rest == "members" || rest == "transitiveMembers":
		return http.StatusOK, g.collection("directoryObjects", g.members(id), c), nil
	case rest == "memberOf" || rest == "transitiveMemberOf":
		return http.StatusOK, g.collection("directoryObjects", g.groupsOf(id), c), nil
	case rest == "owners":
		return http.StatusOK, g.collection("directoryObjects", nil, c), nil
	}
	return 0, nil, notInGraph("this path")
}

func (g *graph) members(group string) (all []map[string]any) {
	for _, p := range g.people() {
		for _, of := range g.people() {
			if of.ObjectID == group && slices.Contains(of.Members, p.ObjectID) {
				all = append(all, p.document())
			}
		}
	}
	return all
}

// one finds an object by id, by (appId='…') or, of users, by sign-in name.
func (g *graph) one(kind string, path []string) (map[string]any, *graphError) {
	by, name := "id", path[0]
	if key, ok := strings.CutPrefix(name, "("); ok {
		name = strings.TrimSuffix(key, ")")
		if k, v, named := strings.Cut(name, "="); named {
			by, name = k, v
		}
		name = strings.Trim(name, "'")
	}
	for _, d := range g.directory(kind) {
		if v, _ := d[by].(string); strings.EqualFold(v, name) {
			return d, nil
		}
		if v, _ := d["userPrincipalName"].(string); by == "id" && v != "" && strings.EqualFold(v, name) {
			return d, nil
		}
	}
	return nil, noObject(name)
}

// objects is directoryObjects/ID and getByIds.
func (g *graph) objects(c *graphCall) (int, any, *graphError) {
	kinds := []string{"users", "groups", "servicePrincipals", "applications"}
	if len(c.path) == 2 && c.Method == http.MethodGet {
		for _, kind := range kinds {
			if d, refused := g.one(kind, c.path[1:]); refused == nil {
				d["@odata.context"] = graphMetadata + "directoryObjects/$entity"
				return http.StatusOK, d, nil
			}
		}
		return 0, nil, noObject(c.path[1])
	}
	if len(c.path) == 2 && c.path[1] == "getByIds" && c.Method == http.MethodPost {
		ids, _ := c.body["ids"].([]any)
		var found []map[string]any
		for _, id := range ids[:min(len(ids), 1000)] {
			for _, kind := range kinds {
				text, _ := id.(string)
				if d, refused := g.one(kind, []string{text}); refused == nil {
					found = append(found, d)
				}
			}
		}
		return http.StatusOK, g.collection("directoryObjects", found, c), nil
	}
	return 0, nil, notInGraph("this path of directoryObjects")
}

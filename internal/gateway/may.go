package gateway

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
)

// deploymentsAt tells callers what they may call: Azure's own list of models
// names what an account could deploy, whoever asks.
const deploymentsAt = "/ostiary/deployments"

// The bounds of one list.
const (
	maxListQuery = 32 << 10 // bytes
	maxNamed     = 100      // names that a request asks about
	maxListed    = 500      // names that are looked at, those of the configuration included
)

// mayList is the answer.
type mayList struct {
	Deployments []mayCall `json:"deployments"`    // by name
	More        bool      `json:"more,omitempty"` // there are more names than are looked at
}

// mayCall is a name that the caller may use.
type mayCall struct {
	Name       string             `json:"name"`
	Operations []openai.Operation `json:"operations"`
	AliasOf    string             `json:"alias_of,omitempty"`
	When       bool               `json:"when,omitempty"` // for some operation there are grants with conditions alone
}

// asksList says whether a request is for the list, and not a call.
func asksList(r *http.Request) bool {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path == deploymentsAt && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// list answers with what the caller's grants allow. It identifies and refuses
// as a call does, and is none: nothing goes to a model or is used up, so it is
// in the log and not in the ledger.
func (g *Gateway) list(w http.ResponseWriter, r *http.Request, show show) {
	c := &call{g: g, w: w, r: r, show: show, rules: g.rules.current.Load()}
	w.Header().Set("Cache-Control", "no-store")
	asked, no := c.askedNames()
	for _, step := range []func() *refusal{c.identify, func() *refusal { return no }, c.nameWorkload} {
		if no := step(); no != nil {
			g.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "deployments", slog.Int("status", no.answer.Status), slog.String("refused", no.why), slog.String("client", r.RemoteAddr))
			no.answer.Write(w)
			return
		}
	}
	answer := c.look(asked)
	body, _ := json.Marshal(answer) // texts and truth values always marshal
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	g.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "deployments", slog.Int("status", http.StatusOK), slog.Int("listed", len(answer.Deployments)))
	_, _ = w.Write(append(body, '\n')) // a client that has gone needs no answer
}

// askedNames are those of the query: a wildcard in a grant stands for names
// that no configuration lists, and whoever knows one can ask about it.
func (c *call) askedNames() ([]string, *refusal) {
	if c.r.ContentLength != 0 {
		return nil, invalid("the list of deployments takes no body")
	}
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil || len(c.r.URL.RawQuery) > maxListQuery {
		return nil, invalid("the query is not one, or over 32 KiB")
	}
	names := query["name"]
	if len(names) > maxNamed {
		return nil, invalid("the query asks about more than 100 names")
	}
	for _, name := range names {
		if len(name) > openai.MaxModel || !openai.IsDeployment(strings.ReplaceAll(name, "/", "-")) {
			return nil, invalid("the query asks about what is no deployment's name")
		}
	}
	return names, nil
}

// look looks at each name, those that were asked about first.
func (c *call) look(asked []string) mayList {
	names := append(slices.Clone(asked), c.rules.names()...)
	if c.who.Scope != nil {
		names = append(names, literal(c.who.Scope.Deployments)...)
	}
	slices.Sort(names[len(asked):])
	l := mayList{Deployments: []mayCall{}}
	seen, operations := map[string]bool{}, ofDeployments()
	for _, name := range names {
		if seen[name] {
			continue
		}
		if l.More = len(seen) == maxListed; l.More {
			break
		}
		seen[name] = true
		if one := c.mayUse(name, operations); len(one.Operations) > 0 {
			l.Deployments = append(l.Deployments, one)
		}
	}
	slices.SortFunc(l.Deployments, func(a, b mayCall) int { return strings.Compare(a.Name, b.Name) })
	return l
}

// names are those that the configuration writes out.
func (r *Rules) names() []string {
	var all []string
	for alias := range r.Aliases {
		all = append(all, alias)
	}
	for _, b := range r.Backends.Backends() {
		all = append(all, literal(b.Deployments())...)
	}
	for _, name := range r.Policy.Workloads() {
		w, _ := r.Policy.Workload(name)
		for _, grant := range w.Grants {
			patterns, _ := openai.ParsePatterns(grant.Deployments) // policy has checked them
			all = append(all, literal(patterns)...)
		}
	}
	return all
}

func literal(patterns openai.Patterns) (names []string) {
	for _, p := range patterns {
		if !strings.ContainsAny(string(p), "*?") {
			names = append(names, string(p))
		}
	}
	return names
}

// ofDeployments are the operations that have a deployment, once each.
func ofDeployments() (all []openai.Endpoint) {
	for _, e := range openai.Endpoints() {
		same := func(other openai.Endpoint) bool { return other.Operation == e.Operation }
		if e.DeploymentIn() != "" && !slices.ContainsFunc(all, same) {
			all = append(all, e)
		}
	}
	return all
}

// mayUse asks policy for each operation.
func (c *call) mayUse(name string, operations []openai.Endpoint) mayCall {
	c.asked = ""
	c.resolve(name)
	one := mayCall{Name: name}
	if c.deployment != name {
		one.AliasOf = c.deployment
	}
	for _, e := range operations {
		question := policy.Call{Operation: e.Operation, Deployment: c.deployment, Workload: c.workload}
		d := c.rules.Policy.Decide(c.who, question)
		if !d.Allowed || !c.served(e, d.Workload) {
			continue
		}
		one.Operations = append(one.Operations, e.Operation)
		if d.Maybe { // where nothing is known, only a grant without a condition holds
			question.Facts = &policy.Facts{Unread: true, BodyBytes: -1}
			one.When = one.When || !c.rules.Policy.Decide(c.who, question).Allowed
		}
	}
	return one
}

// served says whether a backend is there for it, well or not.
func (c *call) served(e openai.Endpoint, workload string) bool {
	round := c.rules.Backends.Round(openai.Route{Operation: e.Operation, Body: e.Body}, c.deployment)
	round.Reserved(func(*backend.Backend) string { return workload })
	round.Keep(func(b *backend.Backend) bool { return !b.NeedsToken() || !c.token().Empty() })
	return round.Left() > 0
}

// describedList is the list in openAPI.
func describedList() object {
	text := object{"type": "string"}
	one := object{
		"type": "object", "required": []string{"name", "operations"},
		"properties": object{
			"name": text, "operations": object{"type": "array", "items": text},
			"alias_of": object{"type": "string", "description": "The deployment that the name stands for."},
			"when":     object{"type": "boolean", "description": "For some operation there are grants with conditions alone: a call may be refused."},
		},
	}
	whole := object{
		"type": "object", "required": []string{"deployments"},
		"properties": object{
			"deployments": object{"type": "array", "items": one},
			"more":        object{"type": "boolean", "description": "There are more names than were looked at."},
		},
	}
	return object{"get": object{
		"operationId": "ostiary_deployments", "tags": []string{"ostiary"},
		"summary":    "What the caller may call. Not one of Azure's paths, and no call.",
		"parameters": []object{{"$ref": "#/components/parameters/workload-header"}, {"$ref": "#/components/parameters/names"}},
		"responses": object{
			"200":     object{"description": "By name.", "content": object{"application/json": object{"schema": whole}}},
			"default": object{"$ref": "#/components/responses/Error"},
		},
	}}
}

// describedNames is its parameter.
func describedNames() object {
	return object{
		"name": "name", "in": "query", "required": false, "style": "form", "explode": true,
		"description": "Names to look at beside those that the configuration writes out: for grants with wildcards.",
		"schema":      object{"type": "array", "maxItems": maxNamed, "items": object{"type": "string"}},
	}
}

package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/openai"
)

// Workload is a group of callers and what they may do. A caller belongs to it
// when one of the lists names it; a gateway key names its workload itself.
type Workload struct {
	Name         string            `yaml:"name" config:"required" doc:"its name in records and metrics"`
	Members      []string          `yaml:"members" doc:"SPIFFE ids of portal members; * and ? match"`
	Subjects     []string          `yaml:"subjects" doc:"object ids or subjects of tokens; * and ? match, and a lone * is everybody with a valid token"`
	Apps         []string          `yaml:"apps" doc:"application (client) ids"`
	Groups       []string          `yaml:"groups" doc:"ids of Entra groups, or another issuer's groups as it names them"`
	Roles        []string          `yaml:"roles" doc:"application roles"`
	Certificates []string          `yaml:"certificates" doc:"SPIFFE ids of client certificates; * and ? match"`
	Tenants      []string          `yaml:"tenants" doc:"narrows the workload to tokens of these tenants; default all configured"`
	Issuers      []string          `yaml:"issuers" doc:"narrows the workload to tokens of these issuers, as their claim iss says; * and ? match; default all configured"`
	Attributes   map[string]string `yaml:"attributes" doc:"narrows the workload to members whose certificate carries all of these"`
	Capture      string            `yaml:"capture" doc:"how much of its calls is recorded: none, metadata or full; default metadata"`
	Limits       Limits            `yaml:"limits" doc:"how much all its callers together may do; default any"`
	Grants       []Grant           `yaml:"grants" config:"required" doc:"what it may do; nothing else is allowed"`
}

// Limits are of one minute, in one gateway process; zero means none.
type Limits struct {
	Requests int64 `yaml:"requests_per_minute" doc:"requests in any minute; default any number"`
	Tokens   int64 `yaml:"tokens_per_minute" doc:"tokens of prompts and completions in any minute; default any number"`
}

// Check reports what the types cannot.
func (l *Limits) Check(report func(path, what, fix string)) {
	if l.Requests < 0 {
		report("requests_per_minute", "negative", "write a number such as 600, or leave it out")
	}
	if l.Tokens < 0 {
		report("tokens_per_minute", "negative", "write a number such as 100000, or leave it out")
	}
}

// Grant allows operations on deployments, always or on a condition.
type Grant struct {
	Deployments []string `yaml:"deployments" config:"required" doc:"names; * and ? match"`
	Operations  []string `yaml:"operations" config:"required" doc:"such as chat/completions, embeddings, models, audio/*; * and ? match; batches is granted for deployments * alone"`
	When        string   `yaml:"when" doc:"a condition in CEL over max_tokens, n, tools, tool_types, images, stream, body_bytes, client, region, hour, weekday; default always"`
}

// Check reports what the types cannot.
func (w *Workload) Check(report func(path, what, fix string)) {
	checkPatterns("members", w.Members, report)
	checkPatterns("subjects", w.Subjects, report)
	checkPatterns("certificates", w.Certificates, report)
	checkPatterns("issuers", w.Issuers, report)
	if !slices.Contains([]string{"", "none", "metadata", "full"}, w.Capture) {
		report("capture", "no such way to record calls", "write none, metadata or full")
	}
	if len(w.Tenants)+len(w.Issuers) > 0 && len(w.Attributes) > 0 {
		report("attributes", "beside tenants or issuers they fit nobody", "tokens have an issuer, members have attributes: make two workloads")
	}
	if len(w.Tenants) > 0 && len(w.Certificates) > 0 {
		report("certificates", "beside tenants they fit nobody", "certificates have no tenant: make two workloads")
	}
	for _, k := range slices.Sorted(maps.Keys(w.Attributes)) {
		if w.Attributes[k] == "" {
			report("attributes."+k, "an empty attribute", "write the value that the certificate must carry")
		}
	}
}

// Check reports bad patterns, conditions that are none, and operations that no
// pattern reaches: those are slips of the pen that would deny in silence.
func (g *Grant) Check(report func(path, what, fix string)) {
	checkCondition(g.When, report)
	checkPatterns("deployments", g.Deployments, report)
	if !checkPatterns("operations", g.Operations, report) {
		return
	}
	for i, pattern := range g.Operations {
		matches := func(op openai.Operation) bool { return openai.Pattern(pattern).Match(string(op)) }
		if !slices.ContainsFunc(openai.Operations(), matches) {
			report(fmt.Sprintf("operations[%d]", i), "no such operation", fmt.Sprintf("choose from %v", openai.Operations()))
		}
	}
}

func checkCondition(when string, report func(path, what, fix string)) {
	if when == "" {
		return
	}
	_, err := compiler()(when)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		report("when", f.What, f.Hint)
	} else if err != nil {
		report("when", "cannot be checked", "")
	}
}

func checkPatterns(field string, patterns []string, report func(path, what, fix string)) bool {
	good := true
	for i, pattern := range patterns {
		if _, err := openai.ParsePattern(pattern); err != nil {
			good = false
			report(fmt.Sprintf("%s[%d]", field, i), "not a pattern", "write names, with * for any characters and ? for one")
		}
	}
	return good
}

package arm

import (
	"net/http"
	"slices"
	"strings"
)

// model is one model and version that can be deployed.
type model struct {
	name, version string
	skus          []string
	does          string // the capability that says what it is for
	retired       bool   // kept, because public material still uses it
}

// models are what every region offers here. On Azure regions differ, and
// retired models can no longer be deployed.
func models() []model {
	all := []string{"GlobalStandard", "Standard", "DataZoneStandard", "GlobalBatch", "ProvisionedManaged", "GlobalProvisionedManaged"}
	global := []string{"GlobalStandard", "DataZoneStandard", "GlobalBatch"}
	standard := []string{"Standard", "GlobalStandard"}
	const chat, embed = "chatCompletion", "embeddings"
	return []model{
		{"gpt-4o-mini", "2024-07-18", all, chat, false},
		{"gpt-4o", "2024-11-20", all, chat, false}, {"gpt-4o", "2024-08-06", all, chat, false}, {"gpt-4o", "2024-05-13", all, chat, false},
		{"gpt-4.1", "2025-04-14", all, chat, false}, {"gpt-4.1-mini", "2025-04-14", all, chat, false}, {"gpt-4.1-nano", "2025-04-14", all, chat, false},
		{"gpt-5", "2025-08-07", global, chat, false}, {"gpt-5-mini", "2025-08-07", global, chat, false}, {"gpt-5-nano", "2025-08-07", global, chat, false},
		{"o3-mini", "2025-01-31", all, chat, false}, {"o4-mini", "2025-04-16", global, chat, false},
		{"gpt-4", "turbo-2024-04-09", all, chat, false}, {"gpt-4", "0613", standard, chat, true}, {"gpt-4", "0314", standard, chat, true},
		{"gpt-35-turbo", "0125", standard, chat, true}, {"gpt-35-turbo", "0613", standard, chat, true}, {"gpt-35-turbo", "0301", standard, chat, true},
		{"text-embedding-3-small", "1", standard, embed, false}, {"text-embedding-3-large", "1", standard, embed, false},
		{"text-embedding-ada-002", "2", standard, embed, false}, {"text-embedding-ada-002", "1", standard, embed, false},
		{"whisper", "001", []string{"Standard"}, "audioTranscription", false}, {"dall-e-3", "3.0", []string{"Standard"}, "imageGenerations", false},
	}
}

// findModel finds a model; an empty version is the first one, the default.
func findModel(name, version string) (model, bool) {
	for _, m := range models() {
		if strings.EqualFold(m.name, name) && (version == "" || strings.EqualFold(m.version, version)) {
			return m, true
		}
	}
	return model{}, false
}

func checkDeployment(w *writing) *refusal {
	account := w.parent()
	if account == nil {
		return badRequest("ParentResourceNotFound", "The account was not found.")
	}
	if w.s.settling(account) {
		return accountSettling(account)
	}
	p := object(w.doc, "properties")
	initial(p, "model.format", "OpenAI")
	m, ok := findModel(text(p, "model.name"), text(p, "model.version"))
	if text(p, "model.format") != "OpenAI" || !ok {
		return badRequest("DeploymentModelNotSupported", "The model 'Format: %s, Name: %s, Version: %s' of account deployment is not supported.",
			clip(text(p, "model.format")), clip(text(p, "model.name")), clip(text(p, "model.version")))
	}
	initial(p, "model.version", m.version)
	sku := text(w.doc, "sku.name")
	if !oneOf(sku, m.skus) {
		return badRequest("InvalidResourceProperties", "The specified SKU '%s' for model '%s %s' is not supported in this region '%s'.", clip(sku), m.name, m.version, text(account.doc, "location"))
	}
	for _, computed := range []string{"rateLimits", "capabilities", "callRateLimit"} {
		unset(p, computed)
	}
	if no := w.policyThere(account); no != nil {
		return no
	}
	return w.quota(account, m.name, sku)
}

func (w *writing) policyThere(account *record) *refusal {
	name := text(w.doc, "properties.raiPolicyName")
	if strings.HasPrefix(strings.ToLower(name), "microsoft.") || w.s.records[fold(account.id+"/raiPolicies/"+name)] != nil {
		return nil
	}
	return badRequest("RaiPolicyNotFound", "The content filter policy '%s' was not found.", clip(name))
}

// quota holds the capacity of all deployments of one model and sku in one
// region to the subscription's limit.
func (w *writing) quota(account *record, name, sku string) *refusal {
	want, ok := number(w.doc, "sku.capacity")
	if !ok || want < 1 || want != float64(int64(want)) {
		return badRequest("InvalidCapacity", "The capacity of the deployment '%s' should be a whole number of at least 1.", last(w.id))
	}
	used := w.s.capacity(text(account.doc, "location"), name, sku, w.id)
	limit := float64(w.s.cfg.Quota)
	if used+want > limit {
		return badRequest("InsufficientQuota", "This operation require %v new capacity in quota Tokens Per Minute (thousands) - %s, which is bigger than the current available capacity %v. The current quota usage is %v and the quota limit is %v for quota Tokens Per Minute (thousands) - %s.",
			want, name, limit-used, used, limit, name)
	}
	return nil
}

func (s *Server) capacity(region, name, sku, but string) float64 {
	sum := 0.0
	for _, d := range s.ofType(deploymentType) {
		account := s.records[fold(up(up(d.id)))]
		if d.key() == fold(but) || account == nil || text(account.doc, "location") != region ||
			!strings.EqualFold(text(d.doc, "properties.model.name"), name) || !strings.EqualFold(text(d.doc, "sku.name"), sku) {
			continue
		}
		n, _ := number(d.doc, "sku.capacity")
		sum += n
	}
	return sum
}

func showDeployment(_ *Server, r *record, d doc) {
	n, _ := number(d, "sku.capacity")
	m, _ := findModel(text(d, "properties.model.name"), text(d, "properties.model.version"))
	set(d, "properties.capabilities", doc{m.does: "true"})
	set(d, "properties.rateLimits", []any{
		doc{"key": "request", "renewalPeriod": 60.0, "count": 6 * n}, // azure-facts: 6 requests for each 1,000 tokens
		doc{"key": "token", "renewalPeriod": 60.0, "count": 1000 * n},
	})
}

func (m model) view() doc {
	var skus []any
	for _, s := range m.skus {
		skus = append(skus, doc{"name": s, "usageName": "OpenAI." + s + "." + m.name, "capacity": doc{"minimum": 1.0, "maximum": 1000.0, "default": 10.0}})
	}
	stage := "GenerallyAvailable"
	if m.retired {
		stage = "Deprecated"
	}
	first, _ := findModel(m.name, "")
	return doc{
		"format": "OpenAI", "name": m.name, "version": m.version, "skus": skus, "maxCapacity": 1000.0, "isDefaultVersion": first.version == m.version,
		"capabilities": doc{m.does: "true"}, "lifecycleStatus": stage,
	}
}

func listModels(_ *query, vars []string) (answer, *refusal) {
	if !knownRegion(normalRegion(vars[1])) {
		return answer{}, badRequest("LocationNotAvailableForResourceType", "The provided location '%s' is not available for resource type 'Microsoft.CognitiveServices/locations/models'.", clip(vars[1]))
	}
	var out []any
	for _, m := range models() {
		out = append(out, doc{"kind": "OpenAI", "skuName": "S0", "model": m.view()})
	}
	return values(out)
}

func accountModels(q *query, vars []string) (answer, *refusal) {
	id := up(q.at.path)
	if no := q.may(accountType+"/models/read", id); no != nil {
		return answer{}, no
	}
	if q.s.records[fold(id)] == nil {
		return answer{}, q.s.missing(address{path: id, group: last(vars[0]), namespace: "Microsoft.CognitiveServices", types: []string{"accounts"}, names: []string{vars[1]}})
	}
	var out []any
	for _, m := range models() {
		out = append(out, m.view())
	}
	return values(out)
}

func listUsages(q *query, vars []string) (answer, *refusal) {
	region := normalRegion(vars[1])
	var out []any
	var seen []string
	for _, m := range models() {
		for _, sku := range m.skus {
			name := "OpenAI." + sku + "." + m.name
			if slices.Contains(seen, name) {
				continue
			}
			seen = append(seen, name)
			out = append(out, doc{
				"name": doc{"value": name, "localizedValue": "Tokens Per Minute (thousands) - " + m.name + " - " + sku}, "unit": "Count", "status": "Included",
				"limit": float64(q.s.cfg.Quota), "currentValue": q.s.capacity(region, m.name, sku, ""),
			})
		}
	}
	return values(out)
}

func listSKUs(_ *query, _ []string) (answer, *refusal) {
	var out []any
	for _, kind := range []string{"OpenAI", "AIServices"} {
		for _, r := range regions() {
			out = append(out, doc{"resourceType": "accounts", "kind": kind, "name": "S0", "tier": "Standard", "locations": []any{strings.ToUpper(r.name)}, "restrictions": []any{}})
		}
	}
	return answer{http.StatusOK, doc{"value": out}}, nil
}

package arm

import (
	"net/http"
	"slices"
	"strings"
)

const (
	groupType        = "Microsoft.Resources/resourceGroups"
	subscriptionType = "Microsoft.Resources/subscriptions"
)

// found makes what a new subscription holds.
func (s *Server) found() {
	id := "/subscriptions/" + s.cfg.Subscription
	s.store(&record{id: id, typ: subscriptionType, nonce: s.random(8), doc: doc{
		"subscriptionId": s.cfg.Subscription, "tenantId": s.cfg.Tenant, "displayName": "Emulated subscription", "state": "Enabled",
		"subscriptionPolicies": doc{"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"},
		"authorizationSource":  "RoleBased", "managedByTenants": []any{},
	}})
	owner, _ := builtinRole("8e3af657-a8ff-443c-a75c-2fe8c4bcb635")
	a, _ := parsePath(id + "/providers/" + assignmentType + "/" + guidOf("assignment", s.cfg.Owner))
	_, _ = s.put(a, doc{"properties": doc{"roleDefinitionId": owner.id, "principalId": s.cfg.Owner}}, Caller{ObjectID: s.cfg.Owner}) // nothing there to refuse it
}

func resourceKinds() []kind {
	return []kind{
		{typ: groupType, check: needLocation, keep: keepGroupOfResources},
		{typ: subscriptionType, stateless: true, keep: func(_ *Server, r *record) *refusal { return notAllowed(http.MethodDelete, r.id) },
			check: func(w *writing) *refusal { return notAllowed(http.MethodPut, w.id) }},
	}
}

// keepGroupOfResources refuses to delete a group while something of another
// group lives in one of its subnets.
func keepGroupOfResources(s *Server, r *record) *refusal {
	for _, subnet := range s.ofType(subnetType) {
		if !within(subnet.id, r.id) {
			continue
		}
		for _, u := range s.referrers(subnet.id, "") {
			if occupies(u.typ) && !within(u.id, r.id) {
				return conflict("ResourceGroupDeletionBlocked", "Deletion of resource group '%s' failed as resources with identifiers '%s' could not be deleted. The provisioning state of the resource group will be rolled back.", r.name(), subnet.id)
			}
		}
	}
	return nil
}

func needLocation(w *writing) *refusal {
	if text(w.doc, "location") == "" {
		return badRequest("LocationRequired", "The location property is required for this definition.")
	}
	return nil
}

func (s *Server) metadata(host string) doc {
	arm := s.cfg.ResourceManager
	if arm == "" {
		arm = "https://" + host
	}
	return doc{
		"name": "AzureCloud", "portal": "https://portal.azure.com",
		"resourceManager": arm, "microsoftGraphResourceId": s.cfg.Graph, "graph": s.cfg.Graph, "graphAudience": s.cfg.Graph,
		"authentication": doc{
			"loginEndpoint": s.cfg.Login, "tenant": "common", "identityProvider": "AAD",
			"audiences": []any{"https://management.core.windows.net/", "https://management.azure.com/", arm},
		},
		"logAnalyticsResourceId": "https://api.loganalytics.io", "synapseAnalyticsResourceId": "https://dev.azuresynapse.net",
		"ossrdbmsResourceId": "https://ossrdbms-aad.database.windows.net", "media": "https://rest.media.azure.net", "batch": "https://batch.core.windows.net/",
		"suffixes": doc{
			"keyVaultDns": "vault.azure.net", "storage": "core.windows.net", "acrLoginServer": "azurecr.io", "sqlServerHostname": "database.windows.net",
			"postgresqlServerEndpoint": "postgres.database.azure.com", "mysqlServerEndpoint": "mysql.database.azure.com", "azureFrontDoorEndpointSuffix": "azurefd.net",
			"mhsmDns": "managedhsm.azure.net", "synapseAnalytics": "dev.azuresynapse.net", "attestationEndpoint": "attest.azure.net",
		},
	}
}

func subscriptionRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/subscriptions", answer: listSubscriptions},
		{method: http.MethodGet, pattern: inSubscription, answer: getSubscription},
		{method: http.MethodGet, pattern: "/tenants", answer: func(q *query, _ []string) (answer, *refusal) {
			return values([]any{doc{"id": "/tenants/" + q.s.cfg.Tenant, "tenantId": q.s.cfg.Tenant, "displayName": "Emulated tenant", "countryCode": "NL", "tenantCategory": "Home"}})
		}},
		{method: http.MethodGet, pattern: inSubscription + "/resourceGroups", answer: func(q *query, _ []string) (answer, *refusal) {
			return q.pageOf(q.s.ofType(groupType), groupType+"/read", up(q.at.path))
		}},
		{method: http.MethodGet, pattern: inSubscription + "/resources", answer: listResources},
		{method: http.MethodGet, pattern: inSubscription + "/resourceGroups/*/resources", answer: listResources},
		{method: http.MethodGet, pattern: inSubscription + "/locations", answer: listLocations},
		{method: http.MethodGet, pattern: inSubscription + "/providers", answer: listProviders},
		{method: http.MethodGet, pattern: inSubscription + "/providers/*", answer: func(q *query, vars []string) (answer, *refusal) { return ok(q.s.provider(vars[1])) }},
		{method: http.MethodPost, pattern: inSubscription + "/providers/*/register", answer: func(q *query, vars []string) (answer, *refusal) { return ok(q.s.provider(vars[1])) }},
	}
}

// sees says whether a caller has any role in the subscription.
func (q *query) sees() bool {
	return slices.ContainsFunc(q.s.ofType(assignmentType), func(a *record) bool {
		return slices.ContainsFunc(q.by.principals(), func(id string) bool { return strings.EqualFold(id, text(a.doc, "properties.principalId")) })
	})
}

func listSubscriptions(q *query, _ []string) (answer, *refusal) {
	if !q.sees() {
		return values(nil)
	}
	return values([]any{q.s.subscription()})
}

func (s *Server) subscription() doc {
	d := s.view(s.records["/subscriptions/"+s.cfg.Subscription])
	delete(d, "name")
	delete(d, "type")
	return d
}

func getSubscription(q *query, _ []string) (answer, *refusal) {
	if !q.sees() {
		return answer{}, q.may("Microsoft.Resources/subscriptions/read", q.at.path)
	}
	return ok(q.s.subscription())
}

// listResources lists what is tracked by ARM itself: resources right below a
// group. The filter resourceType eq 'TYPE' is known, and name eq 'NAME'.
func listResources(q *query, _ []string) (answer, *refusal) {
	scope := up(q.at.path)
	if q.s.records[fold(scope)] == nil {
		return answer{}, q.s.missing(q.at)
	}
	filter := strings.ToLower(q.params.Get("$filter"))
	typ := condition(filter, "resourcetype eq")
	name := condition(filter, "name eq")
	found := q.s.all(func(r *record) bool {
		a, _ := parsePath(r.id)
		return within(r.id, scope) && a.group != "" && len(a.types) == 1 && up(groupOf(r.id)) == up(a.scope) &&
			(typ == "" || fold(r.typ) == typ) && (name == "" || strings.ToLower(r.name()) == name)
	})
	page, no := q.pageOf(found, "Microsoft.Resources/subscriptions/resourceGroups/resources/read", scope)
	if no != nil {
		return page, no
	}
	for _, item := range list(page.body.(doc), "value") {
		thin(item.(doc))
	}
	return page, nil
}

// condition is the value that a filter compares with, in lower case.
func condition(filter, what string) string {
	_, rest, found := strings.Cut(filter, what)
	if !found {
		return ""
	}
	return between(rest, "'")
}

// thin leaves what the list of all resources shows of each.
func thin(d doc) {
	for k := range d {
		if !slices.Contains([]string{"id", "name", "type", "location", "tags", "kind", "sku", "identity", "zones", "managedBy"}, k) {
			delete(d, k)
		}
	}
}

func listLocations(q *query, _ []string) (answer, *refusal) {
	var out []any
	for _, r := range regions() {
		out = append(out, doc{
			"id": "/subscriptions/" + q.s.cfg.Subscription + "/locations/" + r.name, "name": r.name, "type": "Region",
			"displayName": r.display, "regionalDisplayName": r.display,
			"metadata": doc{"regionType": "Physical", "regionCategory": "Recommended", "geography": r.geography, "geographyGroup": r.geography},
		})
	}
	return values(out)
}

// namespaces are the resource providers of the table, all registered.
func (s *Server) namespaces() []string {
	seen := map[string]bool{}
	for _, k := range s.kinds {
		seen[k.namespace()] = true
	}
	var all []string
	for ns := range seen {
		all = append(all, ns)
	}
	slices.Sort(all)
	return all
}

func listProviders(q *query, _ []string) (answer, *refusal) {
	var out []any
	for _, ns := range q.s.namespaces() {
		out = append(out, q.s.provider(ns))
	}
	return values(out)
}

func (s *Server) provider(ns string) doc {
	var locations []any
	for _, r := range regions() {
		locations = append(locations, r.display)
	}
	types := []any{}
	var names []string
	for _, k := range s.kinds {
		if strings.EqualFold(k.namespace(), ns) {
			ns = k.namespace()
			names = append(names, strings.TrimPrefix(k.typ, ns+"/"))
		}
	}
	slices.Sort(names)
	for _, n := range names {
		types = append(types, doc{"resourceType": n, "locations": locations, "apiVersions": []any{"2025-06-01"}})
	}
	return doc{
		"id": "/subscriptions/" + s.cfg.Subscription + "/providers/" + ns, "namespace": ns,
		"registrationState": "Registered", "registrationPolicy": "RegistrationRequired", "resourceTypes": types,
	}
}

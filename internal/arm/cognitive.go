package arm

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	accountType    = "Microsoft.CognitiveServices/accounts"
	deploymentType = accountType + "/deployments"
	deletedType    = "Microsoft.CognitiveServices/locations/resourceGroups/deletedAccounts"
)

func cognitiveKinds() []kind {
	return []kind{
		{
			typ: accountType, etag: true, settles: true, keys: longKey,
			defaults: `{"kind":"OpenAI","sku":{"name":"S0"},"properties":{"publicNetworkAccess":"Enabled"}}`,
			check:    checkAccount, show: showAccount, keep: keepAccount, gone: goneAccount,
			actions: map[string]action{
				"listkeys": accountKeys,
				"regeneratekey": func(s *Server, r *record, body doc) (any, *refusal) {
					return s.regenerate(r, strings.EqualFold(text(body, "keyName"), "Key2"), longKey, accountKeys)
				},
			},
		},
		{typ: deploymentType, etag: true, check: checkDeployment, show: showDeployment, defaults: `{"sku":{"name":"Standard","capacity":1},"properties":{"versionUpgradeOption":"OnceNewDefaultVersionAvailable","raiPolicyName":"Microsoft.DefaultV2"}}`},
		{typ: accountType + "/raiPolicies", etag: true, stateless: true, deleted: 202, check: checkFilterPolicy, defaults: `{"properties":{"mode":"Default","type":"UserManaged"}}`},
		{typ: accountType + "/raiBlocklists", etag: true, stateless: true},
		{typ: accountType + "/raiBlocklists/raiBlocklistItems", etag: true, stateless: true},
		{typ: accountType + "/projects", etag: true},
		{typ: deletedType},
	}
}

var subdomainPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}[A-Za-z0-9]$`) })

// domains are the names of an account by its kind; the first one is in its
// endpoint. azure-facts: "DNS and TLS".
func domains(kind string) []string {
	switch strings.ToLower(kind) {
	case "openai":
		return []string{"openai.azure.com"}
	case "aiservices":
		return []string{"cognitiveservices.azure.com", "openai.azure.com", "services.ai.azure.com"}
	}
	return []string{"cognitiveservices.azure.com"}
}

func checkAccount(w *writing) *refusal {
	if no := needLocation(w); no != nil {
		return no
	}
	if w.old != nil && w.s.settling(w.old) {
		return accountSettling(w.old)
	}
	if no := w.restore(); no != nil {
		return no
	}
	kind := text(w.doc, "kind")
	if !oneOf(kind, accountKinds()) {
		return badRequest("InvalidApiSetId", "The account type '%s' is either invalid or unavailable in given region.", clip(kind))
	}
	if w.old != nil && !strings.EqualFold(kind, text(w.old.doc, "kind")) {
		return badRequest("CannotChangeAccountKind", "The kind of the account '%s' cannot be changed from %s to %s.", last(w.id), text(w.old.doc, "kind"), clip(kind))
	}
	if no := w.subdomain(); no != nil {
		return no
	}
	return w.accountNetwork()
}

// accountKinds are those that azurerm knows and this package has names for.
func accountKinds() []string {
	return []string{"OpenAI", "AIServices", "CognitiveServices", "ComputerVision", "ContentSafety", "FormRecognizer", "SpeechServices", "TextAnalytics", "TextTranslation"}
}

func accountSettling(r *record) *refusal {
	return conflict("AccountProvisioningStateInvalid", "Account %s in state Creating", r.id)
}

// restore holds a new account to the soft-deleted one of its name.
func (w *writing) restore() *refusal {
	if w.old != nil {
		return nil
	}
	gone := w.s.records[fold(w.s.deletedAccount(w.id, text(w.doc, "location")))]
	if !flag(w.doc, "properties.restore") {
		if gone != nil {
			return conflict("FlagMustBeSetForRestore", "An existing resource with ID '%s' has been soft-deleted. To restore the resource, you must specify 'restore' to be 'true' in the property. If you don't want to restore existing resource, please purge it first.", w.id)
		}
		return nil
	}
	if gone == nil {
		return badRequest("CanNotRestoreANonExistingResource", "Cannot restore a non-existing resource: '%s'.", w.id)
	}
	before := cloneDoc(object(gone.doc, "account"))
	w.doc = before
	w.s.drop(gone.key())
	return nil
}

// subdomain checks the account's name in DNS, which is one in the world and
// cannot be taken back or changed once it is set.
func (w *writing) subdomain() *refusal {
	sub := text(w.doc, "properties.customSubDomainName")
	if w.old != nil {
		before := text(w.old.doc, "properties.customSubDomainName")
		if sub == "" {
			w.keep("properties.customSubDomainName")
		} else if before != "" && !strings.EqualFold(before, sub) {
			return badRequest("CannotChangeCustomSubDomainName", "The custom subdomain name of the account '%s' cannot be changed.", last(w.id))
		}
		sub = text(w.doc, "properties.customSubDomainName")
	}
	if sub == "" {
		return nil
	}
	if !subdomainPattern().MatchString(sub) {
		return badRequest("InvalidCustomSubDomainName", "The custom subdomain name '%s' is invalid.", clip(sub))
	}
	if !w.s.subdomainFree(sub, w.id) {
		return badRequest("CustomDomainInUse", "Please pick a different name. The subdomain name '%s' is not available as it's already used by a resource.", strings.ToLower(sub))
	}
	return nil
}

func (s *Server) subdomainFree(sub, but string) bool {
	for _, r := range s.ofType(accountType) {
		if r.key() != fold(but) && strings.EqualFold(text(r.doc, "properties.customSubDomainName"), sub) {
			return false
		}
	}
	for _, r := range s.ofType(deletedType) {
		if strings.EqualFold(text(r.doc, "account.properties.customSubDomainName"), sub) && !strings.EqualFold(text(r.doc, "was"), but) {
			return false
		}
	}
	return true
}

// accountNetwork checks the rules of the account's own firewall.
func (w *writing) accountNetwork() *refusal {
	acls := object(w.doc, "properties.networkAcls")
	if acls == nil {
		return nil
	}
	if text(w.doc, "properties.customSubDomainName") == "" {
		return badRequest("BadRequest", "Custom subdomain is required for network rules.")
	}
	initial(acls, "defaultAction", "Allow")
	initial(acls, "ipRules", []any{})
	initial(acls, "virtualNetworkRules", []any{})
	for _, rule := range objects(acls, "ipRules") {
		v := text(rule, "value")
		_, err := netip.ParseAddr(v)
		_, err2 := netip.ParsePrefix(v)
		if err != nil && err2 != nil {
			return badRequest("InvalidNetworkAcls", "The IP rule '%s' is neither an address nor a CIDR.", clip(v))
		}
	}
	for _, rule := range objects(acls, "virtualNetworkRules") {
		subnet, no := w.s.target(text(rule, "id"), subnetType, w.id)
		if no != nil {
			return badRequest("SubnetNotFound", "The subnet '%s' was not found.", clip(text(rule, "id")))
		}
		if !hasServiceEndpoint(subnet, "Microsoft.CognitiveServices") && !flag(rule, "ignoreMissingVnetServiceEndpoint") {
			return badRequest("SubnetsHaveNoServiceEndpointsConfigured", "Subnets %s of virtual network %s do not have ServiceEndpoints for Microsoft.CognitiveServices resources configured. Add Microsoft.CognitiveServices to subnet's ServiceEndpoints collection before trying to ACL Microsoft.CognitiveServices resources to these subnets.", subnet.name(), last(up(up(subnet.id))))
		}
		initial(rule, "state", "Succeeded")
	}
	return nil
}

func hasServiceEndpoint(subnet *record, service string) bool {
	for _, e := range objects(subnet.doc, "properties.serviceEndpoints") {
		if strings.EqualFold(text(e, "service"), service) {
			return true
		}
	}
	return false
}

func showAccount(s *Server, r *record, d doc) {
	kind, sub := text(d, "kind"), strings.ToLower(text(d, "properties.customSubDomainName"))
	endpoint := "https://" + text(d, "location") + ".api.cognitive.microsoft.com/"
	if sub != "" {
		endpoint = "https://" + sub + "." + domains(kind)[0] + "/"
	}
	set(d, "properties.endpoint", endpoint)
	endpoints := doc{}
	for _, domain := range domains(kind) {
		endpoints[domain] = "https://" + sub + "." + domain + "/"
	}
	set(d, "properties.endpoints", endpoints)
	set(d, "properties.internalId", strings.ReplaceAll(r.guid("internal"), "-", ""))
	set(d, "properties.isMigrated", false)
	initial(d, "properties.capabilities", []any{doc{"name": "VirtualNetworks"}, doc{"name": "CustomerManagedKey"}, doc{"name": "MaxFineTuneCount", "value": "100"}})
	unset(d, "properties.restore")
	s.showConnections(r, d)
	if len(list(d, "properties.privateEndpointConnections")) == 0 && s.kind(accountType) != nil {
		set(d, "properties.privateEndpointConnections", []any{})
	}
}

func keepAccount(s *Server, r *record) *refusal {
	if s.settling(r) {
		return accountSettling(r)
	}
	for _, d := range s.children(r.id, deploymentType) {
		return conflict("CannotDeleteResource", "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: '%s'. Please delete all nested resources before deleting this resource.", d.id)
	}
	return nil
}

func (s *Server) deletedAccount(id, region string) string {
	return "/subscriptions/" + s.cfg.Subscription + "/providers/Microsoft.CognitiveServices/locations/" + region +
		"/resourceGroups/" + last(groupOf(id)) + "/deletedAccounts/" + last(id)
}

// goneAccount keeps the account for 48 hours, in which its name stays taken.
func goneAccount(s *Server, r *record) {
	now := s.cfg.Now().UTC()
	id := s.deletedAccount(r.id, text(r.doc, "location"))
	k := s.kind(deletedType)
	s.store(s.newRecord(id, deletedType, doc{
		"location": text(r.doc, "location"), "account": cloneDoc(r.doc), "was": r.id,
		"kind": text(r.doc, "kind"), "sku": clone(at(r.doc, "sku")),
		"properties": doc{"deletionDate": now.Format(time.RFC3339), "scheduledPurgeDate": now.Add(48 * time.Hour).Format(time.RFC3339), "originalResourceId": r.id},
	}, nil, k))
}

func accountKeys(_ *Server, r *record, _ doc) (any, *refusal) {
	if flag(r.doc, "properties.disableLocalAuth") {
		return nil, badRequest("BadRequest", "Failed to list key. disableLocalAuth is set to be true")
	}
	return doc{"key1": r.keys[0], "key2": r.keys[1]}, nil
}

// regenerate makes one key anew, and answers as the list does.
func (s *Server) regenerate(r *record, second bool, form keyForm, list action) (any, *refusal) {
	c := *r
	c.saved = nil
	i := 0
	if second {
		i = 1
	}
	c.keys[i] = s.newKey(form)
	s.store(&c)
	return list(s, &c, nil)
}

func checkFilterPolicy(w *writing) *refusal {
	if strings.HasPrefix(strings.ToLower(last(w.id)), "microsoft.") {
		return badRequest("InvalidRaiPolicyName", "The content filter policy '%s' is Microsoft's own.", clip(last(w.id)))
	}
	initial(w.doc, "properties.basePolicyName", "Microsoft.DefaultV2")
	return nil
}

func cognitiveRoutes() []route {
	const cs = inSubscription + "/providers/Microsoft.CognitiveServices/"
	const read = "Microsoft.CognitiveServices/locations/"
	return []route{
		{method: http.MethodGet, pattern: cs + "deletedAccounts", answer: func(q *query, _ []string) (answer, *refusal) {
			return q.pageOf(q.s.ofType(deletedType), "Microsoft.CognitiveServices/deletedAccounts/read", "/subscriptions/"+q.s.cfg.Subscription)
		}},
		{method: http.MethodGet, pattern: cs + "locations/*/models", action: read + "models/read", answer: listModels},
		{method: http.MethodGet, pattern: cs + "locations/*/usages", action: read + "usages/read", answer: listUsages},
		{method: http.MethodGet, pattern: cs + "skus", action: "Microsoft.CognitiveServices/skus/read", answer: listSKUs},
		{method: http.MethodPost, pattern: cs + "checkDomainAvailability", action: "Microsoft.CognitiveServices/checkDomainAvailability/action", answer: checkDomain},
		{method: http.MethodGet, pattern: "**/providers/Microsoft.CognitiveServices/accounts/*/models", answer: accountModels},
	}
}

func checkDomain(q *query, _ []string) (answer, *refusal) {
	sub := text(q.body, "subdomainName")
	d := doc{"subdomainName": sub, "type": text(q.body, "type"), "isSubdomainAvailable": q.s.subdomainFree(sub, "")}
	if !flag(d, "isSubdomainAvailable") {
		d["reason"] = "Sub domain name '" + clip(sub) + "' is already used. Please pick a different name."
	}
	return ok(d)
}

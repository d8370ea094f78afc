package arm

import (
	"net/http"
	"regexp"
	"strings"
)

const storageType = "Microsoft.Storage/storageAccounts"

func storageKinds() []kind {
	return []kind{
		{
			typ: storageType, created: http.StatusOK, keys: base64x64,
			singletons: []string{"blobServices/default", "fileServices/default", "queueServices/default", "tableServices/default"},
			defaults: `{"kind":"StorageV2","sku":{"name":"Standard_LRS"},"properties":{"accessTier":"Hot","supportsHttpsTrafficOnly":true,"minimumTlsVersion":"TLS1_0",
				"allowBlobPublicAccess":false,"allowSharedKeyAccess":true,"allowCrossTenantReplication":false,"publicNetworkAccess":"Enabled",
				"networkAcls":{"bypass":"AzureServices","defaultAction":"Allow","ipRules":[],"virtualNetworkRules":[]},
				"encryption":{"keySource":"Microsoft.Storage","services":{"blob":{"enabled":true,"keyType":"Account"},"file":{"enabled":true,"keyType":"Account"}}}}}`,
			check: checkStorage, show: showStorage,
			actions: map[string]action{"listkeys": storageKeys, "regeneratekey": func(s *Server, r *record, body doc) (any, *refusal) {
				return s.regenerate(r, strings.EqualFold(text(body, "keyName"), "key2"), base64x64, storageKeys)
			}},
		},
		{
			typ: storageType + "/blobServices", stateless: true, created: http.StatusOK,
			defaults: `{"properties":{"cors":{"corsRules":[]},"deleteRetentionPolicy":{"enabled":false,"allowPermanentDelete":false}}}`,
		},
		{
			typ: storageType + "/fileServices", stateless: true, created: http.StatusOK,
			defaults: `{"properties":{"cors":{"corsRules":[]},"shareDeleteRetentionPolicy":{"enabled":true,"days":7},"protocolSettings":{"smb":{}}}}`,
		},
		{typ: storageType + "/queueServices", stateless: true, created: http.StatusOK, defaults: `{"properties":{"cors":{"corsRules":[]}}}`},
		{typ: storageType + "/tableServices", stateless: true, created: http.StatusOK, defaults: `{"properties":{"cors":{"corsRules":[]}}}`},
		{
			typ: storageType + "/blobServices/containers", stateless: true, etag: true, check: checkContainer,
			defaults: `{"properties":{"publicAccess":"None","hasImmutabilityPolicy":false,"hasLegalHold":false,"defaultEncryptionScope":"$account-encryption-key","denyEncryptionScopeOverride":false,"leaseStatus":"Unlocked","leaseState":"Available","deleted":false}}`,
		},
		{typ: storageType + "/fileServices/shares", stateless: true, etag: true, check: checkContainer, defaults: `{"properties":{"accessTier":"TransactionOptimized","shareQuota":5120,"enabledProtocols":"SMB"}}`},
		{typ: storageType + "/managementPolicies", stateless: true, created: http.StatusOK},
	}
}

var (
	storageName   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerName = regexp.MustCompile(`^(\$root|\$web|\$logs|[a-z0-9](-?[a-z0-9]){2,62})$`)
)

func checkStorage(w *writing) *refusal {
	name := last(w.id)
	if !storageName.MatchString(name) {
		return badRequest("AccountNameInvalid", "%s is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.", clip(name))
	}
	if no := w.nameFree(storageType, "StorageAccountAlreadyTaken", "The storage account named %s is already taken."); no != nil {
		return no
	}
	sku := text(w.doc, "sku.name")
	tier, _, _ := strings.Cut(sku, "_")
	set(w.doc, "sku.tier", strings.TrimSuffix(strings.TrimSuffix(tier, "V2"), "ZRS"))
	for _, rule := range objects(w.doc, "properties.networkAcls.virtualNetworkRules") {
		if _, no := w.s.target(text(rule, "id"), subnetType, w.id); no != nil {
			return no
		}
		initial(rule, "action", "Allow")
		initial(rule, "state", "Succeeded")
	}
	for _, rule := range objects(w.doc, "properties.networkAcls.ipRules") {
		initial(rule, "action", "Allow")
	}
	return needLocation(w)
}

// nameFree refuses a name that another resource of the type has, in whichever
// group: such names are in DNS.
func (w *writing) nameFree(typ, code, format string) *refusal {
	for _, r := range w.s.ofType(typ) {
		if r.key() != fold(w.id) && strings.EqualFold(r.name(), last(w.id)) {
			return conflict(code, format, last(w.id))
		}
	}
	return nil
}

func showStorage(s *Server, r *record, d doc) {
	name := strings.ToLower(r.name())
	ends := func(suffix string) doc {
		e := doc{}
		for key, host := range map[string]string{"blob": "blob", "dfs": "dfs", "file": "file", "queue": "queue", "table": "table", "web": "z6.web"} {
			e[key] = "https://" + name + suffix + "." + host + ".core.windows.net/"
		}
		return e
	}
	set(d, "properties.primaryEndpoints", ends(""))
	set(d, "properties.primaryLocation", text(d, "location"))
	set(d, "properties.statusOfPrimary", "available")
	if sku := strings.ToUpper(text(d, "sku.name")); strings.Contains(sku, "GRS") || strings.Contains(sku, "GZRS") {
		set(d, "properties.secondaryLocation", "northeurope")
		set(d, "properties.statusOfSecondary", "available")
		if strings.Contains(sku, "RAG") {
			set(d, "properties.secondaryEndpoints", ends("-secondary"))
		}
	}
	s.showConnections(r, d)
}

func storageKeys(s *Server, r *record, _ doc) (any, *refusal) {
	one := func(i int) doc {
		return doc{"keyName": []string{"key1", "key2"}[i], "value": r.keys[i], "permissions": "FULL", "creationTime": "2026-01-01T00:00:00Z"}
	}
	return doc{"keys": []any{one(0), one(1)}}, nil
}

func checkContainer(w *writing) *refusal {
	if !containerName.MatchString(last(w.id)) {
		return badRequest("ContainerOperationFailure", "The specified resource name contains invalid characters: %s.", clip(last(w.id)))
	}
	return nil
}

// nameRoute answers the question whether a name in DNS is free.
func nameRoute(namespace, typ, flagName string) route {
	return route{
		method: http.MethodPost, pattern: inSubscription + "/providers/" + namespace + "/checkNameAvailability", action: namespace + "/checkNameAvailability/read",
		answer: func(q *query, _ []string) (answer, *refusal) {
			name := text(q.body, "name")
			for _, r := range q.s.ofType(typ) {
				if strings.EqualFold(r.name(), name) {
					return ok(doc{flagName: false, "reason": "AlreadyExists", "message": "The name " + clip(name) + " is already in use."})
				}
			}
			return ok(doc{flagName: true})
		},
	}
}

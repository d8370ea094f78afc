package arm

import "strings"

const clusterType = "Microsoft.Kusto/clusters"

func kustoKinds() []kind {
	return []kind{
		{
			typ: clusterType,
			defaults: `{"properties":{"state":"Running","enableDiskEncryption":false,"enableStreamingIngest":false,"enablePurge":false,"enableDoubleEncryption":false,"engineType":"V3","publicNetworkAccess":"Enabled",
				"restrictOutboundNetworkAccess":"Disabled","enableAutoStop":true,"publicIPType":"IPv4","allowedFqdnList":[],"allowedIpRangeList":[],"trustedExternalTenants":[],"languageExtensions":{"value":[]},"acceptedAudiences":[]}}`,
			check: checkCluster, show: showCluster,
			actions: map[string]action{"start": sameAgain, "stop": sameAgain, "listlanguageextensions": func(*Server, *record, doc) (any, *refusal) {
				return doc{"value": []any{}}, nil
			}},
		},
		{typ: clusterType + "/databases", defaults: `{"kind":"ReadWrite","properties":{"isFollowed":false,"statistics":{"size":0}}}`, check: checkDatabase},
		{typ: clusterType + "/databases/scripts", hidden: []string{"properties.scriptContent", "properties.scriptUrlSasToken"}, defaults: `{"properties":{"continueOnErrors":false}}`},
		{typ: clusterType + "/databases/dataConnections", check: checkDataConnection},
		{typ: clusterType + "/databases/principalAssignments", check: checkPrincipal},
		{typ: clusterType + "/principalAssignments", check: checkPrincipal},
		{typ: clusterType + "/managedPrivateEndpoints", check: checkManagedEndpoint},
	}
}

func checkCluster(w *writing) *refusal {
	if no := w.nameFree(clusterType, "ResourceNameAlreadyInUse", "The cluster name '%s' is already in use."); no != nil {
		return no
	}
	initial(w.doc, "sku.tier", "Standard")
	initial(w.doc, "sku.capacity", 2.0)
	if text(w.doc, "sku.name") == "" {
		return badRequest("InvalidSku", "The cluster '%s' needs a SKU.", last(w.id))
	}
	return needLocation(w)
}

func showCluster(s *Server, r *record, d doc) {
	host := strings.ToLower(r.name()) + "." + text(d, "location") + ".kusto.windows.net"
	set(d, "properties.uri", "https://"+host)
	set(d, "properties.dataIngestionUri", "https://ingest-"+host)
	s.showConnections(r, d)
}

func checkDatabase(w *writing) *refusal {
	initial(w.doc, "location", text(w.parent().doc, "location"))
	return nil
}

// checkDataConnection holds an Event Hub connection to what it names.
func checkDataConnection(w *writing) *refusal {
	if !strings.EqualFold(text(w.doc, "kind"), "EventHub") {
		return nil
	}
	if _, no := w.s.target(text(w.doc, "properties.eventHubResourceId"), namespaceType+"/eventhubs", w.id); no != nil {
		return no
	}
	identity := text(w.doc, "properties.managedIdentityResourceId")
	if identity == "" {
		return nil
	}
	r, no := w.s.target(identity, "", w.id)
	if no != nil {
		return no
	}
	principal := text(r.doc, "properties.principalId") // of a user-assigned identity
	if principal == "" {
		principal = text(r.doc, "identity.principalId") // of the cluster itself
	}
	set(w.doc, "properties.managedIdentityObjectId", principal)
	return nil
}

func checkPrincipal(w *writing) *refusal {
	p := object(w.doc, "properties")
	if text(p, "principalId") == "" || text(p, "role") == "" {
		return badRequest("BadRequest", "A principal assignment needs a principal and a role.")
	}
	initial(p, "tenantId", w.s.cfg.Tenant)
	initial(p, "principalName", text(p, "principalId"))
	initial(p, "tenantName", "Emulated tenant")
	initial(p, "aadObjectId", text(p, "principalId"))
	return nil
}

func checkManagedEndpoint(w *writing) *refusal {
	_, no := w.s.target(text(w.doc, "properties.privateLinkResourceId"), "", w.id)
	return no
}

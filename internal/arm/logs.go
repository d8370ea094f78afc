package arm

import (
	"net/http"
	"strings"
)

const (
	workspaceType = "Microsoft.OperationalInsights/workspaces"
	componentType = "Microsoft.Insights/components"
	settingType   = "Microsoft.Insights/diagnosticSettings"
)

func logKinds() []kind {
	return []kind{
		{
			typ: workspaceType, keys: base64x64,
			defaults: `{"properties":{"sku":{"name":"PerGB2018"},"retentionInDays":30,"features":{"legacy":0,"searchVersion":1,"enableLogAccessUsingOnlyResourcePermissions":true},"workspaceCapping":{"dailyQuotaGb":-1,"dataIngestionStatus":"RespectQuota"},
				"publicNetworkAccessForIngestion":"Enabled","publicNetworkAccessForQuery":"Enabled"}}`,
			check: needLocation, show: func(_ *Server, r *record, d doc) { set(d, "properties.customerId", r.guid("customer")) },
			actions: map[string]action{"sharedkeys": sharedKeys, "regeneratesharedkey": sharedKeys},
		},
		{typ: workspaceType + "/tables"},
		{
			typ: componentType, created: http.StatusOK, hidden: []string{"billing"}, check: needLocation, show: showComponent,
			defaults: `{"kind":"web","properties":{"Application_Type":"web","Flow_Type":"Bluefield","Request_Source":"rest","RetentionInDays":90,"IngestionMode":"ApplicationInsights","DisableIpMasking":false,"SamplingPercentage":100,
				"publicNetworkAccessForIngestion":"Enabled","publicNetworkAccessForQuery":"Enabled"}}`,
		},
		{typ: settingType, stateless: true, created: http.StatusOK, check: checkSetting},
	}
}

func sharedKeys(_ *Server, r *record, _ doc) (any, *refusal) {
	return doc{"primarySharedKey": r.keys[0], "secondarySharedKey": r.keys[1]}, nil
}

func showComponent(s *Server, r *record, d doc) {
	key, app, place := r.guid("instrumentation"), r.guid("app"), text(d, "location")
	for k, v := range map[string]string{
		"AppId": app, "ApplicationId": r.name(), "InstrumentationKey": key, "Name": r.name(), "TenantId": s.cfg.Subscription,
		"ConnectionString": "InstrumentationKey=" + key + ";IngestionEndpoint=https://" + place + "-0.in.applicationinsights.azure.com/;LiveEndpoint=https://" + place + ".livediagnostics.monitor.azure.com/;ApplicationId=" + app,
		"CreationDate":     "2026-01-01T00:00:00Z",
	} {
		set(d, prop(k), v)
	}
}

// checkSetting refuses a diagnostic setting that leads nowhere.
func checkSetting(w *writing) *refusal {
	targets := map[string]string{"workspaceId": workspaceType, "storageAccountId": storageType, "eventHubAuthorizationRuleId": "", "marketplacePartnerId": ""}
	some := false
	for path, typ := range targets {
		id := text(w.doc, prop(path))
		if id == "" {
			continue
		}
		some = true
		if _, no := w.s.target(id, typ, w.id); no != nil {
			return badRequest("BadRequest", "The resource '%s' that the diagnostic setting '%s' sends to was not found.", clip(id), last(w.id))
		}
	}
	if !some {
		return badRequest("BadRequest", "At least one data sink needs to be specified.")
	}
	for _, name := range []string{"logs", "metrics"} {
		initial(w.doc, prop(name), []any{})
	}
	return nil
}

// categories are what a resource can log; Azure lists them for each type.
func categories(typ string) []string {
	switch fold(typ) {
	case fold(accountType):
		return []string{"Audit", "RequestResponse", "AzureOpenAIRequestUsage", "Trace"}
	case fold(vaultType):
		return []string{"AuditEvent", "AzurePolicyEvaluationDetails"}
	case fold(firewallType):
		return []string{"AZFWNetworkRule", "AZFWApplicationRule", "AZFWDnsQuery"}
	case fold(registryType):
		return []string{"ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"}
	case fold(namespaceType):
		return []string{"ArchiveLogs", "OperationalLogs", "KafkaCoordinatorLogs", "RuntimeAuditLogs"}
	case fold(clusterType):
		return []string{"Command", "Query", "SucceededIngestion", "FailedIngestion"}
	case fold(nsgType):
		return []string{"NetworkSecurityGroupEvent", "NetworkSecurityGroupRuleCounter"}
	}
	return []string{"AuditLogs"}
}

func logRoutes() []route {
	const billing = "**/providers/Microsoft.Insights/components/*/currentbillingfeatures"
	return []route{
		{method: http.MethodGet, pattern: "**/providers/Microsoft.Insights/diagnosticSettingsCategories", answer: listCategories},
		{method: http.MethodGet, pattern: billing, answer: billingFeatures},
		{method: http.MethodPut, pattern: billing, answer: billingFeatures},
	}
}

func listCategories(q *query, vars []string) (answer, *refusal) {
	if no := q.may("Microsoft.Insights/diagnosticSettingsCategories/read", vars[0]); no != nil {
		return answer{}, no
	}
	r := q.s.records[fold(vars[0])]
	if r == nil {
		a, _ := parsePath(vars[0])
		return answer{}, q.s.missing(a)
	}
	one := func(name, kind string, groups ...string) doc {
		return doc{
			"id": r.id + "/providers/Microsoft.Insights/diagnosticSettingsCategories/" + name, "name": name, "type": "Microsoft.Insights/diagnosticSettingsCategories",
			"properties": doc{"categoryType": kind, "categoryGroups": anys(groups)},
		}
	}
	var out []any
	for _, name := range categories(r.typ) {
		groups := []string{"allLogs"}
		if strings.Contains(name, "Audit") {
			groups = append(groups, "audit")
		}
		out = append(out, one(name, "Logs", groups...))
	}
	return values(append(out, one("AllMetrics", "Metrics")))
}

// billingFeatures answers and changes the daily cap of a component, which is
// kept in its record and not shown there.
func billingFeatures(q *query, vars []string) (answer, *refusal) {
	id := vars[0] + "/providers/" + componentType + "/" + vars[1]
	verb := map[bool]string{true: "read", false: "write"}[q.method == http.MethodGet]
	if no := q.may(componentType+"/currentbillingfeatures/"+verb, id); no != nil {
		return answer{}, no
	}
	r := q.s.records[fold(id)]
	if r == nil {
		a, _ := parsePath(id)
		return answer{}, q.s.missing(a)
	}
	features := doc{}
	if kept := object(r.doc, "billing"); kept != nil {
		features = cloneDoc(kept)
	}
	if q.method == http.MethodPut && q.body != nil {
		merge(features, q.body)
		q.s.amend(r, func(d doc) { d["billing"] = cloneDoc(features) })
	}
	fill(features, doc{"CurrentBillingFeatures": []any{"Basic"}, "DataVolumeCap": doc{"Cap": 100.0, "WarningThreshold": 90.0, "StopSendNotificationWhenHitThreshold": false, "StopSendNotificationWhenHitCap": false, "MaxHistoryCap": 500.0, "ResetTime": 0.0}})
	return ok(features)
}

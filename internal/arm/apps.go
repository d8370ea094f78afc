package arm

import (
	"net/netip"
	"strings"
)

const (
	environmentType = "Microsoft.App/managedEnvironments"
	appType         = "Microsoft.App/containerApps"
)

func appKinds() []kind {
	return []kind{
		{
			typ: environmentType, hidden: []string{"properties.appLogsConfiguration.logAnalyticsConfiguration.sharedKey", "properties.daprAIConnectionString"},
			defaults: `{"properties":{"zoneRedundant":false,"kedaConfiguration":{"version":"2.17.2"},"daprConfiguration":{"version":"1.13.6"},"peerAuthentication":{"mtls":{"enabled":false}},
				"peerTrafficConfiguration":{"encryption":{"enabled":false}},"publicNetworkAccess":"Enabled"}}`,
			check: checkEnvironment, show: showEnvironment, keep: keepEnvironment,
		},
		{typ: environmentType + "/storages", stateless: true, hidden: []string{"properties.azureFile.accountKey"}},
		{typ: environmentType + "/certificates", hidden: []string{"properties.value", "properties.password"}, created: 200},
		{typ: environmentType + "/daprComponents", stateless: true, created: 200},
		{
			typ: appType, defaults: `{"properties":{"configuration":{"activeRevisionsMode":"Single"},"runningStatus":"Running","workloadProfileName":"Consumption"}}`,
			check: checkApp, show: showApp, actions: map[string]action{
				"listsecrets": appSecrets, "start": sameAgain, "stop": sameAgain,
			},
		},
		{typ: appType + "/authConfigs", stateless: true},
		{typ: "Microsoft.App/jobs"},
	}
}

// sameAgain answers with the resource as it is.
func sameAgain(s *Server, r *record, _ doc) (any, *refusal) { return s.view(r), nil }

func checkEnvironment(w *writing) *refusal {
	if w.old != nil { // settled at creation
		w.keep("properties.defaultDomain", "properties.staticIp", "properties.vnetConfiguration")
		return nil
	}
	if no := needLocation(w); no != nil {
		return no
	}
	set(w.doc, "properties.defaultDomain", "rehearsal-"+w.s.random(4)+"."+text(w.doc, "location")+".azurecontainerapps.io")
	subnet, no := w.refer("properties.vnetConfiguration.infrastructureSubnetId", subnetType)
	if no != nil {
		return badRequest("ManagedEnvironmentInvalidNetworkConfiguration", "The subnet '%s' of the environment %s was not found.", clip(text(w.doc, "properties.vnetConfiguration.infrastructureSubnetId")), last(w.id))
	}
	if subnet == nil || !flag(w.doc, "properties.vnetConfiguration.internal") {
		set(w.doc, "properties.staticIp", w.s.publicAddress().String())
		return nil
	}
	addr, no := w.s.free(subnet, w.id, "", false, map[netip.Addr]bool{})
	if no != nil {
		return no
	}
	set(w.doc, "properties.staticIp", addr.String())
	return nil
}

func showEnvironment(s *Server, r *record, d doc) {
	set(d, "properties.customDomainConfiguration.customDomainVerificationId", strings.ToUpper(strings.ReplaceAll(guidOf("verify", s.cfg.Subscription), "-", "")))
	set(d, "properties.eventStreamEndpoint", "https://"+text(d, "location")+".azurecontainerapps.dev"+r.id+"/eventstream")
	initial(d, "properties.infrastructureResourceGroup", "ME_"+r.name()+"_"+last(groupOf(r.id))+"_"+text(d, "location"))
	s.showConnections(r, d)
}

func keepEnvironment(s *Server, r *record) *refusal {
	for _, u := range s.referrers(r.id, appType) {
		return conflict("ManagedEnvironmentHasContainerApps", "The managed environment '%s' cannot be deleted while it has container apps: %s.", r.name(), u.id)
	}
	return nil
}

func checkApp(w *writing) *refusal {
	p := object(w.doc, "properties")
	id := text(p, "managedEnvironmentId")
	if id == "" {
		id = text(p, "environmentId")
	}
	env := w.s.records[fold(id)]
	if env == nil || !env.is(environmentType) {
		return badRequest("InvalidParameterValueInContainerTemplate", "The managed environment '%s' of the container app '%s' was not found.", clip(id), last(w.id))
	}
	p["managedEnvironmentId"], p["environmentId"] = env.id, env.id
	w.keepSecrets()
	for _, s := range objects(p, "configuration.secrets") {
		for _, key := range []string{"identity", "keyVaultUrl"} {
			if text(s, key) == "" {
				delete(s, key)
			}
		}
	}
	if ingress := object(p, "configuration.ingress"); ingress != nil {
		initial(ingress, "external", false)
		initial(ingress, "transport", "Auto")
		initial(ingress, "allowInsecure", false)
		initial(ingress, "traffic", []any{doc{"latestRevision": true, "weight": 100.0}})
		host := strings.ToLower(last(w.id)) + "."
		if !flag(ingress, "external") {
			host += "internal."
		}
		ingress["fqdn"] = host + text(env.doc, "properties.defaultDomain")
	}
	for i, c := range objects(p, "template.containers") {
		initial(c, "resources.ephemeralStorage", "1Gi")
		initial(c, "name", last(w.id)+string(rune('0'+i%10)))
	}
	initial(w.doc, "location", text(env.doc, "location"))
	set(p, "latestRevisionName", last(w.id)+"--"+w.s.random(4)[:7])
	return nil
}

// keepSecrets gives secrets that came without a value the one they had: a
// client that writes back what it read has none.
func (w *writing) keepSecrets() {
	if w.old == nil {
		return
	}
	before := map[string]any{}
	for _, s := range objects(w.old.doc, "properties.configuration.secrets") {
		before[text(s, "name")] = s["value"]
	}
	for _, s := range objects(w.doc, "properties.configuration.secrets") {
		if v := before[text(s, "name")]; v != nil && s["value"] == nil && s["keyVaultUrl"] == nil {
			s["value"] = v
		}
	}
}

func showApp(s *Server, r *record, d doc) {
	for _, secret := range objects(d, "properties.configuration.secrets") {
		delete(secret, "value")
	}
	name := text(d, "properties.latestRevisionName")
	set(d, "properties.latestReadyRevisionName", name)
	if fqdn := text(d, "properties.configuration.ingress.fqdn"); fqdn != "" {
		_, domain, _ := strings.Cut(fqdn, ".")
		set(d, "properties.latestRevisionFqdn", name+"."+domain)
	}
	set(d, "properties.outboundIpAddresses", []any{})
	set(d, "properties.customDomainVerificationId", strings.ToUpper(strings.ReplaceAll(guidOf("verify", s.cfg.Subscription), "-", "")))
	set(d, "properties.eventStreamEndpoint", "https://"+text(d, "location")+".azurecontainerapps.dev"+r.id+"/eventstream")
}

func appSecrets(_ *Server, r *record, _ doc) (any, *refusal) {
	out := []any{}
	for _, s := range objects(r.doc, "properties.configuration.secrets") {
		out = append(out, cloneDoc(s))
	}
	return doc{"value": out}, nil
}

package arm

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
)

const registryType = "Microsoft.ContainerRegistry/registries"

func registryKinds() []kind {
	return []kind{
		{
			typ: registryType, keys: wordKey,
			defaults: `{"sku":{"name":"Basic"},"properties":{"adminUserEnabled":false,"anonymousPullEnabled":false,"dataEndpointEnabled":false,"dataEndpointHostNames":[],"encryption":{"status":"disabled"},
				"networkRuleBypassOptions":"AzureServices","publicNetworkAccess":"Enabled","zoneRedundancy":"Disabled","roleAssignmentMode":"LegacyRegistryPermissions","networkRuleBypassAllowedForTasks":false,
				"policies":{"quarantinePolicy":{"status":"disabled"},"trustPolicy":{"type":"Notary","status":"disabled"},"retentionPolicy":{"days":7,"status":"disabled"},"exportPolicy":{"status":"enabled"},
				"azureADAuthenticationAsArmPolicy":{"status":"enabled"},"softDeletePolicy":{"retentionDays":7,"status":"disabled"}}}}`,
			check: checkRegistry, show: showRegistry,
			actions: map[string]action{
				"listcredentials": registryCredentials,
				"regeneratecredential": func(s *Server, r *record, body doc) (any, *refusal) {
					return s.regenerate(r, strings.EqualFold(text(body, "name"), "password2"), wordKey, registryCredentials)
				},
			},
		},
		{typ: registryType + "/replications", defaults: `{"properties":{"regionEndpointEnabled":true,"zoneRedundancy":"Disabled"}}`},
		{typ: registryType + "/tokens"}, {typ: registryType + "/scopeMaps"}, {typ: registryType + "/webhooks"}, {typ: registryType + "/cacheRules"},
	}
}

var registryName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9]{5,50}$`) })

func checkRegistry(w *writing) *refusal {
	name, sku := last(w.id), text(w.doc, "sku.name")
	if !registryName().MatchString(name) {
		return badRequest("InvalidResourceName", "The registry name '%s' is invalid: it must have 5 to 50 letters and digits.", clip(name))
	}
	if no := w.nameFree(registryType, "AlreadyInUse", "The registry DNS name "+strings.ToLower(name)+".azurecr.io is already in use. You can check if the name is already claimed using the API checkNameAvailability: %s."); no != nil {
		return no
	}
	if !oneOf(sku, []string{"Basic", "Standard", "Premium"}) {
		return badRequest("InvalidSku", "The registry SKU '%s' is invalid.", clip(sku))
	}
	set(w.doc, "sku.tier", sku)
	premium := strings.EqualFold(sku, "Premium")
	if text(w.doc, "properties.publicNetworkAccess") == "Disabled" && !premium {
		return badRequest("InvalidRequest", "Disabling public network access is not supported for the SKU %s. Please upgrade your registry to the SKU Premium.", sku)
	}
	if premium {
		initial(w.doc, "properties.networkRuleSet", doc{"defaultAction": "Allow", "ipRules": []any{}})
	}
	return needLocation(w)
}

func showRegistry(s *Server, r *record, d doc) {
	set(d, "properties.loginServer", strings.ToLower(r.name())+".azurecr.io")
	if flag(d, "properties.dataEndpointEnabled") {
		set(d, "properties.dataEndpointHostNames", []any{strings.ToLower(r.name()) + "." + text(d, "location") + ".data.azurecr.io"})
	}
	set(d, "properties.creationDate", "2026-01-01T00:00:00Z")
	s.showConnections(r, d)
}

func registryCredentials(_ *Server, r *record, _ doc) (any, *refusal) {
	if !flag(r.doc, "properties.adminUserEnabled") {
		return nil, badRequest("UnAuthorized", "The operation is disallowed on this registry '%s': the admin user is disabled.", r.name())
	}
	return doc{"username": r.name(), "passwords": []any{
		doc{"name": "password", "value": r.keys[0]}, doc{"name": "password2", "value": r.keys[1]},
	}}, nil
}

func registryRoutes() []route {
	return []route{
		nameRoute("Microsoft.ContainerRegistry", registryType, "nameAvailable"),
		{method: http.MethodGet, pattern: "**/providers/Microsoft.ContainerRegistry/registries/*/listUsages", answer: func(q *query, vars []string) (answer, *refusal) {
			return values([]any{doc{"name": "Size", "limit": 10737418240.0, "currentValue": 0.0, "unit": "Bytes"}})
		}},
	}
}

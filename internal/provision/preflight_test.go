package provision

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/config"
)

// world is an Azure that answers what preflight asks, by path; tests change one
// answer at a time.
type world map[string]any

func good() world {
	const at = "/subscriptions/00000000-0000-0000-0000-000000000001"
	list := func(items ...any) any { return map[string]any{"value": items} }
	var registered []any
	for _, name := range (Settings{Audit: Audit{Explorer: true}}).needed() {
		registered = append(registered, map[string]any{"namespace": name, "registrationState": "Registered"})
	}
	in := at + "/providers/Microsoft.CognitiveServices/locations/swedencentral"
	model := map[string]any{"kind": "OpenAI", "model": map[string]any{"name": "gpt-4o-mini", "version": "2024-07-18", "skus": []any{map[string]any{"name": "Standard"}}}}
	return world{
		"/subscriptions": list(map[string]any{"subscriptionId": "00000000-0000-0000-0000-000000000001"}),
		at + "/providers/Microsoft.Authorization/permissions": list(map[string]any{"actions": []any{"*"}, "notActions": []any{}}),
		at + "/providers": list(registered...),
		at + "/locations": list(map[string]any{"name": "swedencentral"}),
		in + "/models":    list(model),
		in + "/usages":    list(map[string]any{"name": map[string]any{"value": "OpenAI.Standard.gpt-4o-mini"}, "currentValue": 10, "limit": 100}),
		at + "/providers/Microsoft.ContainerRegistry/checkNameAvailability":   map[string]any{"nameAvailable": true},
		at + "/providers/Microsoft.Storage/checkNameAvailability":             map[string]any{"nameAvailable": true},
		at + "/providers/Microsoft.CognitiveServices/checkDomainAvailability": map[string]any{"isSubdomainAvailable": true},
	}
}

func (w world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	answer, ok := w[r.URL.Path]
	status, isStatus := answer.(int)
	rw.Header().Set("Content-Type", "application/json")
	switch {
	case !ok:
		rw.WriteHeader(http.StatusNotFound)
		_, _ = rw.Write([]byte(`{"error":{"code":"ResourceNotFound","message":"none"}}`))
	case isStatus:
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(`{"error":{"code":"AuthorizationFailed","message":"The client does not have authorization."}}`))
	default:
		_ = json.NewEncoder(rw).Encode(answer)
	}
}

type noLogin struct{}

func (noLogin) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// tried runs preflight against a world, with a tool that says its version.
func tried(t *testing.T, w world, text string) ([]Problem, error) {
	t.Helper()
	server := httptest.NewTLSServer(w)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	script := filepath.Join(dir, "terraform")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho '{\"terraform_version\":\"1.11.4\",\"provider_selections\":{}}'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var s Settings
	if err := config.Decode("estate.yaml", []byte(text), &s, config.Options{}); err != nil {
		t.Fatal(err)
	}
	d, err := New(t.Context(), Config{
		Settings: s, Directory: filepath.Join(dir, "work"), Tool: script,
		Azure: azure.Config{
			Credential: noLogin{}, Cloud: azure.Custom(server.URL, ""), Transport: server.Client(),
			Retry: policy.RetryOptions{MaxRetries: -1},
		},
	})
	if err != nil {
		return nil, err
	}
	return d.Preflight(t.Context())
}

func TestPreflightPasses(t *testing.T) {
	if found, err := tried(t, good(), smallest); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// Every obstacle is told in one sentence with the fix.
func TestPreflight(t *testing.T) {
	const at = "/subscriptions/00000000-0000-0000-0000-000000000001"
	const cognitive = at + "/providers/Microsoft.CognitiveServices"
	list := func(items ...any) any { return map[string]any{"value": items} }
	for name, c := range map[string]struct {
		path      string
		answer    any
		estate    string
		what, fix string
	}{
		"no right to assign roles": {at + "/providers/Microsoft.Authorization/permissions", list(map[string]any{"actions": []any{"*"}, "notActions": []any{"Microsoft.Authorization/*/Write"}}), smallest, "may not assign roles", "User Access Administrator"},
		"a mere role giver":        {at + "/providers/Microsoft.Authorization/permissions", list(map[string]any{"actions": []any{"Microsoft.Authorization/*"}}), smallest, "may not create resources", "Contributor"},
		"not registered":           {at + "/providers", list(map[string]any{"namespace": "Microsoft.Network", "registrationState": "Registered"}), smallest, "Microsoft.App, Microsoft.CognitiveServices", "az provider register"},
		"databases not registered": {"", nil, smallest + "gateway: {ledger: postgresql, replicas: {max: 2}}\n", "Microsoft.DBforPostgreSQL, Microsoft.Cache", "az provider register --namespace Microsoft.Cache"},
		"unknown region":           {at + "/locations", list(map[string]any{"name": "westeurope"}), smallest, "no region swedencentral", "az account list-locations"},
		"model not offered":        {cognitive + "/locations/swedencentral/models", list(), smallest, "gpt-4o-mini is not offered in swedencentral", "another region"},
		"another version":          {"", nil, strings.Replace(smallest, "{name: gpt-4o-mini}", "{name: gpt-4o-mini, version: \"1\"}", 1), "not offered in version 1", "2024-07-18"},
		"another SKU":              {"", nil, strings.Replace(smallest, "{name: gpt-4o-mini}", "{name: gpt-4o-mini, sku: GlobalStandard}", 1), "not offered as GlobalStandard", "Standard"},
		"no quota":                 {"", nil, strings.Replace(smallest, "{name: gpt-4o-mini}", "{name: gpt-4o-mini, capacity: 91}", 1), "has 90 left", "lower its capacity"},
		"registry's name taken":    {at + "/providers/Microsoft.ContainerRegistry/checkNameAvailability", map[string]any{"nameAvailable": false, "message": "in use"}, smallest, "the registry", "another name"},
		"storage's name taken":     {at + "/providers/Microsoft.Storage/checkNameAvailability", map[string]any{"nameAvailable": false, "message": "in use"}, smallest, "storage account", "another name"},
		"subdomain taken":          {cognitive + "/checkDomainAvailability", map[string]any{"isSubdomainAvailable": false, "reason": "taken"}, smallest, "subdomain acmeai-swedencentral", "another name"},
		"deleted and kept":         {cognitive + "/locations/swedencentral/resourceGroups/acmeai-workload/deletedAccounts/acmeai-swedencentral", map[string]any{"id": "x"}, smallest, "was deleted and is still kept", "purge"},
		"a peer that is not there": {"", nil, smallest + "network: {peerings: {office: " + at + "/resourceGroups/o/providers/Microsoft.Network/virtualNetworks/o}}\n", "not there: office", "id"},
		"an overlapping peer": {
			at + "/resourceGroups/o/providers/Microsoft.Network/virtualNetworks/o",
			map[string]any{"properties": map[string]any{"addressSpace": map[string]any{"addressPrefixes": []any{"10.20.2.0/24"}}}},
			smallest + "network: {peerings: {office: " + at + "/resourceGroups/o/providers/Microsoft.Network/virtualNetworks/o}}\n", "overlaps our 10.20.0.0/22", "address_space",
		},
		"a refusal of Azure's": {at + "/locations", 403, smallest, "AuthorizationFailed", "Contributor"},
	} {
		t.Run(name, func(t *testing.T) {
			w := good()
			if c.path != "" {
				w[c.path] = c.answer
			}
			found, err := tried(t, w, c.estate)
			if err != nil || len(found) != 1 || !strings.Contains(found[0].What, c.what) || !strings.Contains(found[0].Fix, c.fix) {
				t.Errorf("got %+v, %v", found, err)
			}
		})
	}
}

// Without a login, a tool or a subscription nothing begins.
func TestNothingBegins(t *testing.T) {
	w := good()
	w["/subscriptions"] = map[string]any{"value": []any{}}
	if _, err := tried(t, w, smallest); err == nil || !strings.Contains(err.Error(), "no subscription") {
		t.Error(err)
	}
	w["/subscriptions"] = 401
	if _, err := tried(t, w, smallest); err == nil || !strings.Contains(err.Error(), "az login") {
		t.Error(err)
	}
	if _, err := findTool("/nowhere/terraform"); err == nil || !strings.Contains(err.Error(), "not there") {
		t.Error(err)
	}
}

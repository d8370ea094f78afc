package arm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// joined is a service with a private endpoint and zones for its names.
type joined struct {
	typ, name, body, group string
	zones                  []string
	names                  map[string]string // and the labels of their records
}

func joinedServices() []joined {
	return []joined{
		{
			"Microsoft.CognitiveServices/accounts", "many", `{"location":"swedencentral","kind":"AIServices","sku":{"name":"S0"},"properties":{"customSubDomainName":"many","publicNetworkAccess":"Disabled"}}`, "account",
			[]string{"privatelink.cognitiveservices.azure.com", "privatelink.openai.azure.com", "privatelink.services.ai.azure.com"},
			map[string]string{"many.cognitiveservices.azure.com": "many", "many.openai.azure.com": "many", "many.services.ai.azure.com": "many"},
		},
		{
			"Microsoft.KeyVault/vaults", "kv-one", `{"location":"westeurope","properties":{"tenantId":"` + tenant + `","sku":{"family":"A","name":"standard"}}}`, "vault",
			[]string{"privatelink.vaultcore.azure.net"},
			map[string]string{"kv-one.vault.azure.net": "kv-one"},
		},
		{
			"Microsoft.Storage/storageAccounts", "stone", `{"location":"westeurope","kind":"StorageV2","sku":{"name":"Standard_LRS"}}`, "blob",
			[]string{"privatelink.blob.core.windows.net"},
			map[string]string{"stone.blob.core.windows.net": "stone"},
		},
		{
			"Microsoft.ContainerRegistry/registries", "images", `{"location":"westeurope","sku":{"name":"Premium"}}`, "registry",
			[]string{"privatelink.azurecr.io"},
			map[string]string{"images.azurecr.io": "images", "images.westeurope.data.azurecr.io": "images.westeurope.data"},
		},
	}
}

func (j joined) endpoint() string { return net + "privateEndpoints/pe-" + j.group }

// join makes the service, its endpoint and its zones, linked to the network.
// It returns the endpoint.
func (r *rig) join(j joined) map[string]any {
	r.t.Helper()
	id := rg + "/providers/" + j.typ + "/" + j.name
	r.put(id, j.body)
	for _, z := range j.zones {
		r.put(net+"privateDnsZones/"+z, `{"location":"global"}`)
		r.put(net+"privateDnsZones/"+z+"/virtualNetworkLinks/vnet", `{"location":"global","properties":{"virtualNetwork":{"id":"`+net+`virtualNetworks/vnet"},"registrationEnabled":false}}`)
	}
	return r.put(j.endpoint(), strings.Replace(endpointBody(id, "endpoints"), `"account"`, `"`+j.group+`"`, 1))
}

// gather makes the zone group of a service's endpoint.
func (r *rig) gather(j joined) map[string]any {
	r.t.Helper()
	var configs []string
	for i, z := range j.zones {
		configs = append(configs, fmt.Sprintf(`{"name":"z%d","properties":{"privateDnsZoneId":"%sprivateDnsZones/%s"}}`, i, net, z))
	}
	return r.put(j.endpoint()+"/privateDnsZoneGroups/default", `{"properties":{"privateDnsZoneConfigs":[`+strings.Join(configs, ",")+`]}}`)
}

// customNames are the names in customDnsConfigs, which is always a list.
func (r *rig) customNames(d map[string]any) (names []string) {
	r.t.Helper()
	list, ok := at(d, "properties.customDnsConfigs").([]any)
	if !ok {
		r.t.Fatalf("customDnsConfigs is no list: %v", d)
	}
	for _, n := range list {
		names = append(names, at(n.(map[string]any), "fqdn").(string))
	}
	return names
}

// While a zone group exists the endpoint shows no names: the group shows the
// records that it keeps. Once it is deleted the endpoint shows them again, and
// the records are gone.
func TestZoneGroupTakesTheNames(t *testing.T) {
	r := network(t, nil)
	for _, j := range joinedServices() {
		alone := r.customNames(r.join(j))
		if len(alone) != len(j.names) {
			t.Errorf("%s: names without a group: %q", j.typ, alone)
		}
		g := r.gather(j)
		if got := r.customNames(r.get(j.endpoint())); len(got) != 0 {
			t.Errorf("%s: names beside a group: %q", j.typ, got)
		}
		kept := map[string]string{}
		for i, z := range j.zones {
			sets, _ := at(g, fmt.Sprintf("properties.privateDnsZoneConfigs.%d.properties.recordSets", i)).([]any)
			for _, set := range sets {
				s := set.(map[string]any)
				label, _ := at(s, "recordSetName").(string)
				r.want(s, "recordType", "A")
				r.want(s, "fqdn", label+"."+z)
				r.want(s, "ttl", 10.0)
				r.want(s, "provisioningState", "Succeeded")
				r.want(r.get(net+"privateDnsZones/"+z+"/A/"+label), "properties.aRecords.0.ipv4Address", at(s, "ipAddresses.0"))
				kept[estate.PublicName(label+"."+z)] = label
			}
		}
		if !maps.Equal(kept, j.names) {
			t.Errorf("%s: the group keeps %v, want %v", j.typ, kept, j.names)
		}
		r.ask(http.MethodDelete, j.endpoint()+"/privateDnsZoneGroups/default", "")
		if got := r.customNames(r.get(j.endpoint())); !slices.Equal(got, alone) {
			t.Errorf("%s: names after the group: %q, want %q", j.typ, got, alone)
		}
		for _, z := range j.zones {
			r.want(r.get(net+"privateDnsZones/"+z), "properties.numberOfRecordSets", 1.0) // its SOA
		}
	}
}

// A zone that has no service's name keeps nothing. Azure's answer was recorded
// so in 2021 by the tests of its command line.
func TestZoneGroupOverAForeignZone(t *testing.T) {
	r := network(t, nil)
	r.put(net+"privateEndpoints/pe-account", endpointBody(r.account("aoai"), "endpoints"))
	for _, z := range []string{"www.example", "openai.azure.com"} {
		r.put(net+"privateDnsZones/"+z, `{"location":"global"}`)
		g := r.gather(joined{group: "account", zones: []string{z}})
		if sets, ok := at(g, "properties.privateDnsZoneConfigs.0.properties.recordSets").([]any); !ok || len(sets) != 0 {
			t.Errorf("%s: records %v", z, sets)
		}
		r.want(r.get(net+"privateDnsZones/"+z), "properties.numberOfRecordSets", 1.0)
	}
}

// A reader of ARM loses no name: not where it sees all, nor where interfaces
// are hidden from it.
func TestReaderKnowsTheNamesBesideAZoneGroup(t *testing.T) {
	r := network(t, nil)
	for _, j := range joinedServices() {
		r.join(j)
		r.gather(j)
	}
	s, err := azure.Read(t.Context(), azure.Config{Credential: anyToken{}, Cloud: azure.Custom("https://management.azure.com", ""), Transport: transport{r.Server}})
	if err != nil {
		t.Fatal(err)
	}
	r.resolvesAll(s, "all")
	before := len(s.Resources)
	s.Resources = slices.DeleteFunc(s.Resources, func(raw json.RawMessage) bool {
		var d struct{ ID string }
		return json.Unmarshal(raw, &d) == nil && strings.Contains(d.ID, "/networkInterfaces/")
	})
	if len(s.Resources) != before-len(joinedServices()) {
		t.Fatalf("%d resources are left of %d", len(s.Resources), before)
	}
	r.resolvesAll(s, "without interfaces")
}

// resolvesAll demands an address of its own for each name of the services.
func (r *rig) resolvesAll(s azure.Snapshot, how string) {
	r.t.Helper()
	text, err := s.JSON()
	if err != nil {
		r.t.Fatal(err)
	}
	e, err := estate.ReadARM(bytes.NewReader(text), estate.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	m := topology.New(e, topology.Config{})
	inside, _ := m.AddressIn(net+"virtualNetworks/vnet", netip.MustParseAddr("10.1.1.9"))
	seen := map[netip.Addr]string{}
	for _, j := range joinedServices() {
		for name := range j.names {
			a := m.Resolve(inside, name)
			if a.Result != topology.Addresses || len(a.Addrs) != 1 || seen[a.Addrs[0]] != "" {
				r.t.Errorf("%s: %s: %v", how, name, a)
				continue
			}
			seen[a.Addrs[0]] = name
		}
	}
}

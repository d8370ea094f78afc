package estate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/fault"
)

// Whatever the document, reading ends with an estate or with a fault, and what
// is accepted is JSON.
func FuzzRead(f *testing.F) {
	f.Add(planned(`,"private_endpoint_network_policies_enabled":true`, ""))
	f.Add(list(element(rg+"/virtualNetworks/v", `,"properties":{"subnets":[{"name":"a","properties":{"addressPrefix":"10.0.0.0/24"}}],"virtualNetworkPeerings":[{"name":"p","properties":{"remoteVirtualNetwork":{"id":"`+rg+`/virtualNetworks/v"}}}]}`),
		element(rg+"/virtualNetworks/v/subnets/a", `,"properties":{"addressPrefixes":["10.0.0.0/24",null,7],"networkSecurityGroup":{"id":"/gone"}}`)))
	f.Add(`{"value":[{"id":"/s","error":{"code":"x"}},{"value":[]}],"nextLink":"y"}`)
	f.Add(`{"format_version":"1","values":{"root_module":{"resources":[{"address":"azurerm_subnet.a","type":"azurerm_subnet","name":"a","values":{"virtual_network_name":"v"}}],"child_modules":[{"resources":[]}]}}}`)
	f.Add(`[{"id":"/a/b/providers/Microsoft.Network/networkManagers/m/networkGroups/g/listEffectiveVirtualNetworks","value":[{"id":"x"}]}]`)
	f.Fuzz(func(t *testing.T, doc string) {
		e, err := estate.Read(strings.NewReader(doc), estate.Options{})
		if err != nil {
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				t.Fatalf("%T", err)
			}
			return
		}
		if !json.Valid([]byte(strings.TrimPrefix(doc, "\ufeff"))) {
			t.Fatalf("accepted %q", doc)
		}
		for _, s := range e.Subnets {
			if s.VNet == nil {
				t.Fatalf("subnet %q lies in nothing", s.ID)
			}
			e.Pointer(s.At)
			e.Raw(s.Prefixes.At)
			e.Position(s.Group.At)
		}
		for _, g := range e.Groups {
			for _, r := range g.Rules {
				if r.Group != g {
					t.Fatalf("rule %q of another group", r.ID)
				}
			}
		}
	})
}

package provision

import (
	"bytes"
	"encoding/json"
	"net/netip"

	"github.com/ostiary/ostiary/internal/fault"
)

// A rule that admits too much harms nobody while there is nobody to admit. So a
// plan is judged as if a stranger's network were peered with ours already: what
// would let it in is found now, and not when somebody adds a peering.

// strangerName is how the stranger appears in a finding.
const strangerName = "any-peer"

// strangerPrefix is private, and none of the estate's own addresses.
func (s Settings) strangerPrefix() netip.Prefix {
	own, err := netip.ParsePrefix(s.Network.AddressSpace)
	for _, text := range []string{"172.31.254.0/24", "192.168.254.0/24"} {
		if p := netip.MustParsePrefix(text); err != nil || !p.Overlaps(own) {
			return p
		}
	}
	return netip.MustParsePrefix("10.254.254.0/24")
}

// withStranger adds to a plan a network, its subnet without a group, and the
// peerings of both sides. Settings of an existing network are left alone: its
// peerings are Azure's to tell.
func (s Settings) withStranger(plan []byte) ([]byte, error) {
	if s.Existing.VirtualNetwork != "" {
		return plan, nil
	}
	var document map[string]json.RawMessage
	var resources []json.RawMessage
	err := json.Unmarshal(plan, &document)
	if err == nil && len(document["resource_changes"]) > 0 {
		err = json.Unmarshal(document["resource_changes"], &resources)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "the plan is not Terraform's JSON").Because(err)
	}
	for _, r := range s.stranger() {
		data, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		resources = append(resources, data)
	}
	if document["resource_changes"], err = json.Marshal(resources); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = json.NewEncoder(&out).Encode(document)
	return out.Bytes(), err
}

func (s Settings) stranger() []any {
	prefix := s.strangerPrefix().String()
	group, name := s.Name+"-workload", s.Name+"-vnet"
	in := "/subscriptions/" + s.Subscription + "/resourceGroups/"
	own := in + group + "/providers/Microsoft.Network/virtualNetworks/" + name
	theirs := in + strangerName + "/providers/Microsoft.Network/virtualNetworks/" + strangerName
	peering := func(group, network, to string) map[string]any {
		return map[string]any{
			"name": strangerName, "resource_group_name": group, "virtual_network_name": network, "remote_virtual_network_id": to,
			"allow_virtual_network_access": true, "allow_forwarded_traffic": false, "use_remote_gateways": false,
		}
	}
	planned := func(kind, label string, after map[string]any) any {
		return map[string]any{
			"address": kind + "." + label, "mode": "managed", "type": kind, "name": label,
			"change": map[string]any{"actions": []string{"create"}, "before": nil, "after": after, "after_unknown": map[string]any{}},
		}
	}
	return []any{
		planned("azurerm_virtual_network", strangerName, map[string]any{
			"id": theirs, "name": strangerName, "resource_group_name": strangerName, "location": s.Region, "address_space": []string{prefix},
		}),
		planned("azurerm_subnet", strangerName, map[string]any{
			"id": theirs + "/subnets/" + strangerName, "name": strangerName, "resource_group_name": strangerName,
			"virtual_network_name": strangerName, "address_prefixes": []string{prefix},
		}),
		planned("azurerm_virtual_network_peering", "to-"+strangerName, peering(group, name, theirs)),
		planned("azurerm_virtual_network_peering", "from-"+strangerName, peering(strangerName, strangerName, own)),
	}
}

package arm

import (
	"net/netip"
	"strings"
)

const zoneGroupType = endpointType + "/privateDnsZoneGroups"

func privateLinkKinds() []kind {
	return []kind{
		{
			typ: endpointType, etag: true, check: checkEndpoint, after: afterEndpoint, show: showEndpoint, gone: goneEndpoint,
			defaults: `{"properties":{"privateLinkServiceConnections":[],"manualPrivateLinkServiceConnections":[],"customNetworkInterfaceName":"","ipConfigurations":[],"applicationSecurityGroups":[],"ipVersionType":"IPv4"}}`,
		},
		{typ: zoneGroupType, etag: true, check: checkZoneGroup, after: afterZoneGroup, show: showZoneGroup, gone: goneZoneGroup},
	}
}

// member is one address that a private endpoint needs, and the names that
// lead to it.
type member struct {
	group, name string
	fqdns       []string
}

// connection is the one connection of an endpoint.
func connection(d doc) (doc, bool) {
	for _, c := range objects(d, "properties.privateLinkServiceConnections") {
		return c, false
	}
	for _, c := range objects(d, "properties.manualPrivateLinkServiceConnections") {
		return c, true
	}
	return nil, false
}

func checkEndpoint(w *writing) *refusal {
	if no := needLocation(w); no != nil {
		return no
	}
	subnet, no := w.refer("properties.subnet.id", subnetType)
	if no != nil {
		return no
	}
	if subnet == nil {
		return badRequest("InvalidRequestFormat", "The private endpoint %s names no subnet.", last(w.id))
	}
	c, manual := connection(w.doc)
	target := w.s.records[fold(text(c, "properties.privateLinkServiceId"))]
	if target == nil {
		return badRequest("LinkedResourceNotFound", "The resource '%s' referenced by private endpoint '%s' was not found.", clip(text(c, "properties.privateLinkServiceId")), w.id)
	}
	members, no := membersOf(w.s, target, texts(c, "properties.groupIds"))
	if no != nil {
		return no
	}
	if no := w.interfaceName(); no != nil {
		return no
	}
	w.state(c, manual)
	unset(w.doc, "properties.networkInterfaces")
	unset(w.doc, "properties.customDnsConfigs")
	return w.addresses(subnet, members)
}

// interfaceName refuses a name for the endpoint's interface that is none, or
// that another interface has.
func (w *writing) interfaceName() *refusal {
	name := text(w.doc, "properties.customNetworkInterfaceName")
	if name == "" {
		return nil
	}
	if !namePattern().MatchString(name) {
		return badRequest("InvalidResourceName", "Resource name %s is invalid.", clip(name))
	}
	nic := w.s.records[fold(groupOf(w.id)+"/providers/"+nicType+"/"+name)]
	if nic != nil && !w.s.belongs(nic, w.id) {
		return conflict("NetworkInterfaceNameInUse", "The network interface %s exists already and is not that of the private endpoint %s.", nic.id, w.id)
	}
	return nil
}

// state is Approved at once for an automatic connection, Pending for a manual
// one until the target's owner approves it; a state that was decided stays.
func (w *writing) state(c doc, manual bool) {
	state := doc{"status": "Approved", "description": "Auto-Approved", "actionsRequired": "None"}
	if manual {
		state = doc{"status": "Pending", "description": "", "actionsRequired": "None"}
	}
	if w.old != nil {
		if before, _ := connection(w.old.doc); text(before, "properties.privateLinkServiceId") == text(c, "properties.privateLinkServiceId") {
			if s := object(before, "properties.privateLinkServiceConnectionState"); s != nil {
				state = cloneDoc(s)
			}
		}
	}
	initial(c, "properties.groupIds", []any{})
	set(c, "properties.privateLinkServiceConnectionState", state)
	set(c, "properties.provisioningState", "Succeeded")
}

// addresses decides the address of every member: what ipConfigurations say,
// what the interface had, or the next that is free.
func (w *writing) addresses(subnet *record, members []member) *refusal {
	before := map[string]string{}
	if w.old != nil {
		if nic := w.s.interfaceOf(w.old); nic != nil && fold(text(w.old.doc, "properties.subnet.id")) == subnet.key() {
			for _, c := range objects(nic.doc, "properties.ipConfigurations") {
				before[text(c, "properties.privateLinkConnectionProperties.requiredMemberName")] = text(c, "properties.privateIPAddress")
			}
		}
	}
	own, chosen := map[netip.Addr]bool{}, doc{}
	static := map[string]string{}
	for _, c := range objects(w.doc, "properties.ipConfigurations") {
		if text(c, "name") == "" {
			return badContent("an ip configuration has no name")
		}
		static[strings.ToLower(text(c, "properties.memberName"))] = text(c, "properties.privateIPAddress")
	}
	for _, m := range members {
		want, asked := static[strings.ToLower(m.name)]
		if asked {
			if no := w.claim(subnet, want); no != nil {
				return no
			}
		} else {
			a, no := w.s.free(subnet, w.id, before[m.name], false, own)
			if no != nil {
				return no
			}
			want = a.String()
		}
		if a, err := netip.ParseAddr(want); err == nil {
			own[a] = true
		}
		chosen[m.name] = want
	}
	set(w.doc, "ostiaryAddresses", chosen)
	return nil
}

func (s *Server) interfaceOf(endpoint *record) *record {
	for _, nic := range s.referrers(endpoint.id, nicType) {
		return nic
	}
	return nil
}

// afterEndpoint makes the network interface that the endpoint has.
func afterEndpoint(w *writing) *refusal {
	c, _ := connection(w.doc)
	target := w.s.records[fold(text(c, "properties.privateLinkServiceId"))]
	members, no := membersOf(w.s, target, texts(c, "properties.groupIds"))
	if no != nil {
		return no
	}
	var configs []any
	for i, m := range members {
		configs = append(configs, doc{
			"name": "privateEndpointIpConfig." + w.rec.guid("config"+m.name),
			"properties": doc{
				"privateIPAddress": text(w.doc, "ostiaryAddresses."+m.name), "privateIPAllocationMethod": "Dynamic", "privateIPAddressVersion": "IPv4",
				"primary": i == 0, "subnet": doc{"id": text(w.doc, "properties.subnet.id")},
				"privateLinkConnectionProperties": doc{"groupId": m.group, "requiredMemberName": m.name, "fqdns": anys(m.fqdns)},
			},
		})
	}
	old := w.s.interfaceOf(w.rec)
	name := text(w.doc, "properties.customNetworkInterfaceName")
	if name == "" {
		name = w.rec.name() + ".nic." + w.rec.guid("nic")
	}
	id := groupOf(w.id) + "/providers/" + nicType + "/" + name
	if old != nil && old.key() != fold(id) {
		w.s.drop(old.key())
		old = nil
	}
	k := w.s.kind(nicType)
	d := doc{"location": text(w.doc, "location"), "properties": doc{
		"ipConfigurations": configs, "privateEndpoint": doc{"id": w.rec.id},
	}}
	fill(d, k.filled)
	w.s.store(w.s.newRecord(id, nicType, d, old, k))
	w.s.amend(w.rec, func(d doc) { delete(d, "ostiaryAddresses") })
	return w.s.refreshGroups(w.rec)
}

func goneEndpoint(s *Server, r *record) {
	if nic := s.interfaceOf(r); nic != nil {
		s.drop(nic.key())
	}
}

func showEndpoint(s *Server, r *record, d doc) {
	nic := s.interfaceOf(r)
	if nic == nil {
		return
	}
	set(d, "properties.networkInterfaces", []any{doc{"id": nic.id}})
	set(d, "properties.resourceGuid", r.guid("resource"))
	for _, list := range []string{"privateLinkServiceConnections", "manualPrivateLinkServiceConnections"} {
		for _, c := range objects(d, prop(list)) {
			c["id"], c["type"], c["etag"] = r.id+"/"+list+"/"+text(c, "name"), endpointType+"/"+list, r.etag
		}
	}
	for _, c := range objects(d, "properties.ipConfigurations") {
		c["id"], c["type"], c["etag"] = r.id+"/ipConfigurations/"+text(c, "name"), endpointType+"/ipConfigurations", r.etag
	}
	set(d, "properties.customDnsConfigs", customNames(s, r, nic))
}

// customNames are the names whose records somebody else has to keep: none
// while a zone group does.
//
// https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/private_endpoint#custom_dns_configs
func customNames(s *Server, endpoint, nic *record) []any {
	configs := []any{}
	if len(s.children(endpoint.id, zoneGroupType)) > 0 {
		return configs
	}
	for _, n := range namesOf(nic) {
		configs = append(configs, doc{"fqdn": n.fqdn, "ipAddresses": []any{n.address}})
	}
	return configs
}

// named is a name and its private address.
type named struct{ fqdn, address string }

func namesOf(nic *record) []named {
	var all []named
	for _, c := range objects(nic.doc, "properties.ipConfigurations") {
		for _, fqdn := range texts(c, "properties.privateLinkConnectionProperties.fqdns") {
			all = append(all, named{fqdn, text(c, "properties.privateIPAddress")})
		}
	}
	return all
}

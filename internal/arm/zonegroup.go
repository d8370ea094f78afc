package arm

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// A zone group keeps the records of a private endpoint in private zones.

func checkZoneGroup(w *writing) *refusal {
	if len(w.siblings()) > 0 {
		return badRequest("MoreThanOnePrivateDnsZoneGroupPerPrivateEndpointNotAllowed", "Private endpoint %s can have one private DNS zone group only.", up(up(w.id)))
	}
	for _, c := range objects(w.doc, "properties.privateDnsZoneConfigs") {
		zone := w.s.records[fold(text(c, "properties.privateDnsZoneId"))]
		if zone == nil || !zone.is(zoneType) {
			return badRequest("PrivateDnsZoneNotFound", "The private DNS zone %s referenced by %s was not found.", clip(text(c, "properties.privateDnsZoneId")), w.id)
		}
		unset(c, "properties.recordSets")
		unset(c, "properties.provisioningState")
	}
	return nil
}

func afterZoneGroup(w *writing) *refusal {
	if w.old != nil {
		w.s.dropRecords(w.old)
	}
	return w.s.keepRecords(w.rec)
}

// refreshGroups writes the records again, after the endpoint changed.
func (s *Server) refreshGroups(endpoint *record) *refusal {
	for _, g := range s.children(endpoint.id, zoneGroupType) {
		s.dropRecords(g)
		if no := s.keepRecords(g); no != nil {
			return no
		}
	}
	return nil
}

// kept is a record set that a zone group keeps in a zone.
type kept struct {
	zone  *record
	name  string
	fqdn  string
	addrs []string
}

// zoneRecords are those of one zone: the endpoint's names whose privatelink
// names lie in it. A zone of another name keeps none, as on Azure.
func (s *Server) zoneRecords(group *record, config doc) []kept {
	zone := s.records[fold(text(config, "properties.privateDnsZoneId"))]
	endpoint := s.records[fold(up(up(group.id)))]
	if zone == nil || endpoint == nil {
		return nil
	}
	nic := s.interfaceOf(endpoint)
	if nic == nil {
		return nil
	}
	var all []kept
	for _, n := range namesOf(nic) {
		alias := estate.AliasOf(strings.ToLower(n.fqdn))
		host, domain, _ := strings.Cut(alias, ".privatelink.")
		if strings.EqualFold("privatelink."+domain, zone.name()) {
			all = append(all, kept{zone, host, alias, []string{n.address}})
		}
	}
	return all
}

func creator(group *record) string {
	return "created by private endpoint " + last(up(up(group.id))) + " with resource guid " + guidOf("creator", up(up(group.id)))
}

func (s *Server) keepRecords(group *record) *refusal {
	for _, c := range objects(group.doc, "properties.privateDnsZoneConfigs") {
		for _, k := range s.zoneRecords(group, c) {
			var addrs []any
			for _, a := range k.addrs {
				addrs = append(addrs, doc{"ipv4Address": a})
			}
			a, ok := parsePath(k.zone.id + "/A/" + k.name)
			if !ok || a.tail != "" {
				continue // a name that no record can have, such as *.example
			}
			if _, no := s.put(a, doc{"properties": doc{"ttl": 10.0, "aRecords": addrs, "metadata": doc{"creator": creator(group)}}}, Caller{}); no != nil {
				return no
			}
		}
	}
	return nil
}

func (s *Server) dropRecords(group *record) {
	for _, c := range objects(group.doc, "properties.privateDnsZoneConfigs") {
		for _, r := range s.children(text(c, "properties.privateDnsZoneId"), zoneType+"/A") {
			if text(r.doc, "properties.metadata.creator") == creator(group) {
				s.drop(r.key())
			}
		}
	}
}

func goneZoneGroup(s *Server, r *record) { s.dropRecords(r) }

func showZoneGroup(s *Server, r *record, d doc) {
	for _, c := range objects(d, "properties.privateDnsZoneConfigs") {
		name := text(c, "name")
		c["id"], c["type"], c["etag"] = r.id+"/privateDnsZoneConfigs/"+name, zoneGroupType+"/privateDnsZoneConfigs", r.etag
		set(c, "properties.provisioningState", "Succeeded")
		sets := []any{}
		for _, k := range s.zoneRecords(r, c) {
			sets = append(sets, doc{"recordType": "A", "recordSetName": k.name, "fqdn": k.fqdn, "ttl": 10.0, "ipAddresses": anys(k.addrs), "provisioningState": "Succeeded"})
		}
		set(c, "properties.recordSets", sets)
	}
}

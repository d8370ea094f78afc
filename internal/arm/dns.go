package arm

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	zoneType = "Microsoft.Network/privateDnsZones"
	linkType = zoneType + "/virtualNetworkLinks"
)

// recordTypes and the property that holds each type's records.
func recordTypes() map[string]string {
	return map[string]string{
		"A": "aRecords", "AAAA": "aaaaRecords", "CNAME": "cnameRecord", "MX": "mxRecords",
		"PTR": "ptrRecords", "SOA": "soaRecord", "SRV": "srvRecords", "TXT": "txtRecords",
	}
}

func dnsKinds() []kind {
	all := []kind{
		{typ: zoneType, etag: true, check: checkZone, after: afterZone, show: showZone, keep: keepZone},
		{typ: linkType, etag: true, check: checkLink, show: showLink, defaults: `{"properties":{"registrationEnabled":false}}`},
	}
	for t, property := range recordTypes() {
		all = append(all, kind{
			typ: zoneType + "/" + t, etag: true, stateless: true, check: checkRecords(t, property), show: showRecords, keep: keepRecords,
		})
	}
	return all
}

var zonePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)
})

func checkZone(w *writing) *refusal {
	name := last(w.id)
	if !zonePattern().MatchString(name) || len(name) > 253 {
		return badRequest("BadRequest", "The domain name '%s' is invalid. The provided zone name is not a valid domain name.", clip(name))
	}
	initial(w.doc, "location", "global")
	if text(w.doc, "location") != "global" {
		return badRequest("LocationNotAvailableForResourceType", "The provided location '%s' is not available for resource type '%s'. List of available regions for the resource type is 'global'.", text(w.doc, "location"), zoneType)
	}
	return nil
}

func afterZone(w *writing) *refusal {
	a, _ := parsePath(w.rec.id + "/SOA/@")
	if w.s.records[fold(a.path)] != nil {
		return nil
	}
	_, no := w.s.put(a, doc{"properties": doc{"ttl": 3600.0, "soaRecord": doc{
		"email": "azureprivatedns-host.microsoft.com", "host": "azureprivatedns.net", "serialNumber": 1.0,
		"refreshTime": 3600.0, "retryTime": 300.0, "expireTime": 2419200.0, "minimumTtl": 10.0,
	}}}, w.by)
	return no
}

func showZone(s *Server, r *record, d doc) {
	links := s.children(r.id, linkType)
	registering := 0
	for _, l := range links {
		if flag(l.doc, "properties.registrationEnabled") {
			registering++
		}
	}
	fill(object(d, "properties"), doc{
		"maxNumberOfRecordSets": 25000.0, "maxNumberOfVirtualNetworkLinks": 1000.0, "maxNumberOfVirtualNetworkLinksWithRegistration": 100.0,
	})
	set(d, "properties.numberOfRecordSets", float64(len(s.children(r.id, ""))-len(links)))
	set(d, "properties.numberOfVirtualNetworkLinks", float64(len(links)))
	set(d, "properties.numberOfVirtualNetworkLinksWithRegistration", float64(registering))
}

func keepZone(s *Server, r *record) *refusal {
	if len(s.children(r.id, linkType)) > 0 {
		return conflict("CannotDeleteResource", "Can not delete resource before nested resources are deleted.")
	}
	return nil
}

func checkLink(w *writing) *refusal {
	initial(w.doc, "location", "global")
	vnet, no := w.refer("properties.virtualNetwork.id", vnetType)
	if no != nil || vnet == nil {
		return badRequest("BadRequest", "The virtual network '%s' referenced by the link %s was not found.", clip(text(w.doc, "properties.virtualNetwork.id")), last(w.id))
	}
	zone := last(up(up(w.id)))
	for _, l := range w.s.referrers(vnet.id, linkType) {
		if l.key() == fold(w.id) {
			continue
		}
		other := last(up(up(l.id)))
		if strings.EqualFold(other, zone) {
			return badRequest("BadRequest", "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link virtual network with '%s' and '%s' zones.", zone, other)
		}
		if flag(l.doc, "properties.registrationEnabled") && flag(w.doc, "properties.registrationEnabled") {
			return conflict("Conflict", "The virtual network '%s' is already linked to the private DNS zone '%s' with registration enabled.", vnet.id, other)
		}
	}
	if w.old != nil && fold(text(w.old.doc, "properties.virtualNetwork.id")) != vnet.key() {
		return badRequest("BadRequest", "The virtual network of the link %s cannot be changed.", last(w.id))
	}
	return nil
}

func showLink(_ *Server, r *record, d doc) {
	set(d, "properties.virtualNetworkLinkState", "Completed")
	if strings.HasPrefix(strings.ToLower(last(up(up(r.id)))), "privatelink.") {
		initial(d, "properties.resolutionPolicy", "Default")
	}
}

// checkRecords holds a record set of one type to Azure's rules. The api writes
// property names in two ways over its versions (aRecords, ARecords); one is
// kept.
func checkRecords(typ, property string) func(*writing) *refusal {
	return func(w *writing) *refusal {
		p := object(w.doc, "properties")
		if p == nil {
			p = doc{}
			w.doc["properties"] = p
		}
		for key, v := range p {
			for _, want := range []string{property, "ttl"} {
				if strings.EqualFold(key, want) && key != want {
					delete(p, key)
					p[want] = v
				}
			}
		}
		name := last(w.id)
		if typ == "SOA" && name != "@" {
			return badRequest("BadRequest", "A record set of type SOA is at the zone's apex alone.")
		}
		if !recordName(name) {
			return badRequest("BadRequest", "The relative record set name '%s' is invalid.", clip(name))
		}
		if ttl, ok := number(p, "ttl"); !ok || ttl < 0 || ttl > 1<<31-1 {
			return badRequest("BadRequest", "The record set '%s' needs a TTL of 0 to 2147483647.", clip(name))
		}
		if p[property] == nil {
			p[property] = []any{}
			if typ == "CNAME" || typ == "SOA" {
				return badRequest("BadRequest", "The record set '%s' of type %s has no record.", clip(name), typ)
			}
		}
		return checkAddresses(w, typ, p)
	}
}

var labelPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\*\.)?([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}$`)
})

func recordName(name string) bool {
	return name == "@" || name == "*" || len(name) < 254 && labelPattern().MatchString(name)
}

func checkAddresses(w *writing, typ string, p doc) *refusal {
	for _, c := range []struct{ typ, list, key string }{{"A", "aRecords", "ipv4Address"}, {"AAAA", "aaaaRecords", "ipv6Address"}} {
		for _, r := range objects(p, c.list) {
			if a, err := netip.ParseAddr(text(r, c.key)); typ == c.typ && (err != nil || a.Is4() != (typ == "A")) {
				return badRequest("BadRequest", "The value '%s' for record '%s' of type %s is invalid.", clip(text(r, c.key)), last(w.id), typ)
			}
		}
	}
	if typ == "SOA" {
		return nil
	}
	for _, r := range w.s.children(up(up(w.id)), "") {
		other := last(r.typ)
		if strings.EqualFold(r.name(), last(w.id)) && !strings.EqualFold(other, typ) && !r.is(linkType) && (typ == "CNAME" || other == "CNAME") {
			return conflict("Conflict", "The record set '%s' of type %s conflicts with the one of type %s: no other record can have the name of a CNAME.", last(w.id), typ, other)
		}
	}
	return nil
}

func showRecords(_ *Server, r *record, d doc) {
	zone := last(up(up(r.id)))
	fqdn := r.name() + "." + zone + "."
	if r.name() == "@" {
		fqdn = zone + "."
	}
	set(d, "properties.fqdn", fqdn)
	set(d, "properties.isAutoRegistered", false)
}

func keepRecords(_ *Server, r *record) *refusal {
	if strings.EqualFold(last(r.typ), "SOA") {
		return badRequest("BadRequest", "The record set of type SOA cannot be deleted.")
	}
	return nil
}

// dnsRoutes are the lists of all record sets of a zone.
func dnsRoutes() []route {
	const zone = inSubscription + "/resourceGroups/*/providers/Microsoft.Network/privateDnsZones/*/"
	sets := func(q *query, _ []string) (answer, *refusal) {
		r := q.s.records[fold(up(q.at.path))]
		if r == nil {
			return answer{}, q.s.missing(q.at)
		}
		all := slices.DeleteFunc(q.s.children(r.id, ""), func(c *record) bool { return recordTypes()[strings.ToUpper(last(c.typ))] == "" })
		return q.pageOf(all, zoneType+"/ALL/read", r.id)
	}
	return []route{
		{method: http.MethodGet, pattern: zone + "ALL", answer: sets},
		{method: http.MethodGet, pattern: zone + "recordsets", answer: sets},
	}
}

package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// Private DNS: what the account's names resolve to inside.

func zoneComplete() row {
	return row{Check{
		ID:    "zone-complete",
		Title: "The account's names resolve to its endpoint, from zones that keep themselves right",
		Level: Must,
		Looks: "privateDnsZoneGroups; privateDnsZones: every zone of the account's kind, its A record, no stale and no second zone",
		Why:   "Clients use the public name, and only a private zone turns it into the endpoint's address. A record that is wrong, stale or missing sends the client to the internet or to nowhere.",
		Equal: Equal{Policy: []string{"c4bc6f10"}},
	}, each(zones)}
}

// zones judges every zone that the account's kind needs.
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
func zones(s *scene, a *subject) Finding {
	f := s.on(a)
	doors := a.open()
	host, known := a.host()
	switch {
	case len(doors) == 0:
		return f.doubt("%s has no private endpoint in the estate whose names could be looked for", a.Name)
	case a.Subdomain.State == estate.Unknown:
		return f.doubt("the name of %s is not known", a.Name)
	case !known:
		f.Evidence = append(f.Evidence, saw(s, a, a.Subdomain, "the region's shared name"))
		return f.fail("%s has no name of its own that a private zone could hold", a.Name).
			mended(hcl("azurerm_cognitive_account", a, `custom_subdomain_name = `+hclString(a.Name)), "")
	}
	label, _, _ := strings.Cut(host, ".")
	all := resolved{status: Pass}
	for _, domain := range a.domains() {
		r := s.zone(a, doors, label, domain)
		f.Evidence = append(f.Evidence, r.evidence...)
		all = all.worst(r.status, r.what, r.witness)
	}
	switch all.status {
	case Pass:
		return f.pass("%s resolves to its private endpoint in every zone it needs", a.Name)
	case Unknown:
		f = f.doubt("%s", all.what)
	default:
		f = f.fail("%s", all.what)
	}
	return f.by("%s", all.witness).mended(zoneHCL(a, doors[0]), zoneAz(a, doors[0]))
}

func zoneHCL(a *subject, d *door) string {
	return hcl("azurerm_private_endpoint", d, `private_dns_zone_group {`, `  name                 = "default"`,
		`  private_dns_zone_ids = [azurerm_private_dns_zone.this.id] # privatelink.`+strings.Join(a.domains(), ", privatelink."), `}`)
}

func zoneAz(a *subject, d *door) string {
	group := resourceGroupOf(d.ID)
	if group == "" {
		return ""
	}
	return "az network private-endpoint dns-zone-group create --name default --zone-name openai --resource-group " + shell(group) +
		" --endpoint-name " + shell(d.Name) + " --private-dns-zone privatelink." + a.domains()[0]
}

// resolved is what one zone's name says of the account.
type resolved struct {
	status        Status
	what, witness string
	evidence      []Evidence
}

// worst keeps the worst that was found; what is equally bad is told together.
func (r resolved) worst(status Status, what, witness string) resolved {
	switch {
	case r.status == status && status != Pass:
		if !strings.Contains(r.what, what) {
			r.what, r.witness = r.what+"; "+what, strings.Trim(r.witness+"; "+witness, "; ")
		}
	case worse(r.status, status) == status:
		r.status, r.what, r.witness = status, what, witness
	}
	return r
}

// zone judges all private zones of one domain. There may be several of one
// name, each for networks of its own; each must be right.
func (s *scene) zone(a *subject, doors []*door, label, domain string) resolved {
	name := "privatelink." + domain
	r, unread := s.kept(resolved{status: Pass}, a, doors, name)
	found := s.zones[name]
	switch {
	case len(found) == 0 && (unread || r.status == Unknown):
		return r.worst(Unknown, "the zone "+name+" of "+a.Name+" was not read", "")
	case len(found) == 0:
		return r.worst(Fail, "there is no private zone "+name+" for "+a.Name, "no zone "+name)
	}
	for _, z := range found {
		rec := s.record(z, a, doors, label, domain)
		r.evidence = append(r.evidence, rec.evidence...)
		if rec.status != Pass {
			r = r.worst(rec.status, rec.what, rec.witness)
		}
		if left := s.leftBehind(z, label); left.status != Pass {
			r.evidence = append(r.evidence, left.evidence...)
			r = r.worst(left.status, left.what, left.witness)
		}
	}
	return r
}

// zonesOf are the zones that a zone group names, as ARM writes them (one a
// configuration) or as a plan does (a list). sure is false where there may be
// others.
func zonesOf(g *estate.ZoneGroup) (refs []estate.Ref[estate.PrivateZone], sure bool) {
	sure = g.Zones.State != estate.Unknown && !g.Stub && g.Doubt == 0
	refs = append(refs, g.Zones.Items...)
	for _, c := range g.Configs {
		if c.Zone.State != estate.Absent {
			refs = append(refs, c.Zone)
		}
		sure = sure && c.Doubt == 0
	}
	for _, r := range refs {
		sure = sure && r.State != estate.Unknown
	}
	return refs, sure
}

// kept says whether a zone group of each endpoint keeps the records of a zone
// of this name, so that they stay right when an address changes. unread is set
// where that zone itself was not read.
func (s *scene) kept(r resolved, a *subject, doors []*door, name string) (out resolved, unread bool) {
	for _, d := range doors {
		answer := Fail
		if len(d.ZoneGroups) == 0 && s.veiled(d, "privateDnsZoneGroups") {
			answer = Unknown
		}
		if len(d.ZoneGroups) == 0 {
			r.evidence = append(r.evidence, s.seen(d, estate.Mark{At: d.At}, "", "no zone group"))
		}
		for _, g := range d.ZoneGroups {
			refs, sure := zonesOf(g)
			if len(refs) == 0 {
				r.evidence = append(r.evidence, s.seen(d, estate.Mark{At: g.At}, "", "no zone"))
			}
			for _, ref := range refs {
				r.evidence = append(r.evidence, sawRef(s, d, ref))
				if ref.To != nil && strings.EqualFold(ref.To.Name, name) || strings.HasSuffix(strings.ToLower(ref.ID), "/"+name) {
					answer = Pass
					unread = unread || ref.To == nil
				}
			}
			if !sure {
				answer = better(answer, Unknown)
			}
		}
		switch answer {
		case Unknown:
			r = r.worst(Unknown, "which zones the endpoint "+d.Name+" keeps cannot be told", "")
		case Fail:
			r = r.worst(Fail, "no zone group of the endpoint "+d.Name+" keeps "+name+" right for "+a.Name, "no zone group of "+d.Name+" for "+name)
		}
	}
	return r, unread
}

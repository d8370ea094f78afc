package posture

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// azureDNS is where Azure's own DNS answers, in every network.
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
const azureDNS = "168.63.129.16"

func zoneLinked() row {
	return row{Check{
		ID:    "zone-linked",
		Title: "Every client's network sees the private zones",
		Level: Must,
		Looks: "privateDnsZones: virtualNetworkLinks, for each client's network that asks Azure's DNS",
		Why:   "A private zone answers only in networks that are linked to it. Elsewhere the same name has its public address.",
	}, (*scene).linked}
}

// linked judges each network once for each account. Networks with DNS servers
// of their own are dns-servers-forward's matter.
func (s *scene) linked() []Finding {
	var all []Finding
	for _, a := range s.accounts {
		linked := 0
		for _, v := range s.networks(a) {
			if !asksAzure(v) {
				continue
			}
			f, status := s.on(v), Pass
			for _, domain := range a.domains() {
				answer := s.linkTo(v, "privatelink."+domain, &f)
				if answer == Fail && s.otherwise(v, a, domain) {
					answer = Pass // a forwarding ruleset brings the question to a network that is
				}
				status = worse(status, answer)
			}
			switch status {
			case Pass:
				linked++
			case Unknown:
				all = append(all, f.doubt("whether %s sees the private zones of %s cannot be told", v.Name, a.Name))
			default:
				all = append(all, f.fail("%s is not linked to the private zones of %s", v.Name, a.Name).
					by("no link from %s to privatelink.%s", v.Name, strings.Join(a.domains(), ", privatelink.")).mended(s.linkHCL(v, a)))
			}
		}
		if linked > 0 && len(s.pairs(a)) > 0 { // without a client nobody says that these are the right networks
			all = append(all, s.on(a).pass("%s the private zones of %s", count(linked, "network sees", "networks see"), a.Name))
		}
	}
	return all
}

// asksAzure reports whether a network certainly leaves questions to Azure's
// own DNS.
func asksAzure(v *estate.VirtualNetwork) bool {
	if v.Stub || v.DNSServers.State == estate.Unknown {
		return false
	}
	return !slices.ContainsFunc(v.DNSServers.Items, func(x estate.Value[string]) bool { return !x.Is(azureDNS) })
}

// linkTo looks for a link between a network and a zone of that name.
func (s *scene) linkTo(v *estate.VirtualNetwork, zone string, f *Finding) Status {
	answer := Fail
	if len(s.zones[zone]) == 0 {
		answer = Unknown // that it is missing is zone-complete's matter
	}
	for _, z := range s.zones[zone] {
		if z.Stub || z.Doubt != 0 || s.Missing(z.ID) != nil || s.veiled(z, "virtualNetworkLinks") {
			answer = better(answer, Unknown)
		}
		if len(s.linksOf(z)[v]) == 0 {
			f.Evidence = append(f.Evidence, s.seen(z, estate.Mark{At: z.At}, "", "no link to "+v.Name))
		}
		for _, l := range s.linksOf(z)[v] {
			f.Evidence = append(f.Evidence, sawRef(s, l, l.VNet))
			if is(l.State, "InProgress") || l.State.State == estate.Unknown {
				answer = better(answer, Unknown)
			} else {
				answer = Pass
			}
		}
		for _, l := range s.linksOf(z)[nil] { // it is not known what these lead to
			if l.VNet.State == estate.Unknown || l.VNet.State == estate.Known && sameID(l.VNet.ID, v.ID) {
				answer = better(answer, Unknown)
			}
		}
	}
	return answer
}

// linksOf are a zone's links by the network that they lead to.
func (s *scene) linksOf(z *estate.PrivateZone) map[*estate.VirtualNetwork][]*estate.ZoneLink {
	links, ok := s.links[z]
	if !ok {
		links = map[*estate.VirtualNetwork][]*estate.ZoneLink{}
		for _, l := range z.Links {
			links[l.VNet.To] = append(links[l.VNet.To], l)
		}
		s.links[z] = links
	}
	return links
}

// otherwise reports whether a network resolves an account's name to its
// endpoint though no zone is linked to it.
func (s *scene) otherwise(v *estate.VirtualNetwork, a *subject, domain string) bool {
	for _, p := range s.pairs(a) {
		if p.vnet == v && len(p.places) > 0 {
			name := strings.ToLower(a.Subdomain.V) + "." + domain
			status, _ := a.judged(s, name, s.t.Resolve(p.places[0], name))
			return status == Pass
		}
	}
	return false
}

func (s *scene) linkHCL(v *estate.VirtualNetwork, a *subject) (terraform, az string) {
	zone := "privatelink." + a.domains()[0]
	terraform = hcl("azurerm_private_dns_zone_virtual_network_link", v, `private_dns_zone_name = "`+zone+`"`, `virtual_network_id    = azurerm_virtual_network.this.id`)
	if found := s.zones[zone]; len(found) > 0 && resourceGroupOf(found[0].ID) != "" && strings.HasPrefix(v.ID, "/") {
		az = "az network private-dns link vnet create --resource-group " + shell(resourceGroupOf(found[0].ID)) + " --zone-name " + zone +
			" --name " + shell("link-"+v.Name) + " --virtual-network " + shell(v.ID) + " --registration-enabled false"
	}
	return terraform, az
}

func noPublicFallback() row {
	return row{Check{
		ID:      "no-public-fallback",
		Title:   "A name that the private zone does not know is not asked for on the internet",
		Level:   Must,
		Looks:   "privateDnsZones: virtualNetworkLinks[].resolutionPolicy is not NxDomainRedirect",
		Default: "Default",
		Why:     "With the fallback a missing or deleted record no longer fails: the client silently gets the public address. A mistake in DNS then becomes a way out to the internet.",
	}, (*scene).fallback}
}

// https://learn.microsoft.com/azure/dns/private-dns-fallback
func (s *scene) fallback() []Finding {
	var all []Finding
	names := map[string]bool{}
	for _, a := range s.accounts {
		for _, domain := range a.domains() {
			names["privatelink."+domain] = true
		}
	}
	for _, z := range s.PrivateZones {
		if !names[strings.ToLower(z.Name)] {
			continue
		}
		if s.veiled(z, "virtualNetworkLinks") {
			all = append(all, s.on(z).doubt("the links of %s could not be read", z.Name))
		}
		good := 0
		for _, l := range z.Links {
			f := s.on(l, saw(s, l, l.Policy, "Default"))
			switch policy, known := l.Policy.Or("Default"); {
			case !known || l.Stub || l.Doubt != 0:
				f = f.doubt("whether the link %s of %s falls back to public DNS cannot be told", l.Name, z.Name)
			case strings.EqualFold(policy, "NxDomainRedirect"):
				f = f.fail("the link %s of %s asks public DNS for names that the zone does not hold", l.Name, z.Name).
					by("resolutionPolicy NxDomainRedirect: a name that %s lacks resolves publicly in %s", z.Name, lastOf(l.VNet.ID))
			case strings.EqualFold(policy, "Default"):
				good++
				continue
			default:
				f = f.doubt("the link %s of %s has resolutionPolicy %q, which means nothing to this version", l.Name, z.Name, policy)
			}
			all = append(all, f.mended(hcl("azurerm_private_dns_zone_virtual_network_link", l, `resolution_policy = "Default"`),
				azSet(l, "properties.resolutionPolicy=Default")))
		}
		if good > 0 {
			all = append(all, s.on(z).pass("%s of %s without fallback to public DNS", count(good, "link", "links"), z.Name))
		}
	}
	return all
}

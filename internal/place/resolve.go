package place

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// resolved is what a name leads to at a place.
type resolved struct {
	chain   []topology.Link
	addrs   []netip.Addr    // private ones
	public  *Public         // the name is on the internet
	account *estate.Account // whose front that is, if it is an account's
	why     why             // where it leads nowhere
	text    string
	fails   bool // nobody can tell: the server would give no answer
}

// resolve asks the DNS that a place has. The topology does not know what a
// site's servers do: here they ask public DNS, or forward into a network.
func (a *atlas) resolve(at stand, name string) resolved {
	from := at.place
	if at.site != "" {
		from = a.siteDNS(at.site)
	}
	got := a.Resolve(from, name)
	out := resolved{chain: got.Chain, why: whyNoName}
	switch got.Result {
	case topology.Addresses:
		out.addrs = got.Addrs
		return out
	case topology.Public:
		return a.onInternet(out, got, name)
	case topology.NXDomain, topology.NoData:
		out.text = got.Result.String() + " for " + name
		return out
	}
	if stranger(got.Chain) {
		return a.onInternet(out, got, name)
	}
	out.why, out.fails, out.text = whyUnreachable, true, "what "+name+" resolves to cannot be told; "+got.String()
	return out
}

// stranger says whether the chain ended at public DNS for a name in Azure's
// domains that the estate does not have.
func stranger(chain []topology.Link) bool {
	if len(chain) == 0 {
		return false
	}
	last := chain[len(chain)-1]
	return last.By == topology.ByPublicDNS && last.ID == ""
}

// onInternet asks the emulated internet about the name, or the name that it is
// an alias for.
func (a *atlas) onInternet(out resolved, got topology.Answer, name string) resolved {
	p, ok := a.cloud.Public(strings.ToLower(strings.TrimSuffix(name, ".")))
	if !ok && got.Account == nil {
		out.why, out.text = whyElsewhere, name+" is not in the emulated world, and nothing leaves this machine"
		return out
	}
	out.public, out.account = &p, got.Account
	return out
}

// siteDNS is where the DNS servers of a site ask.
func (a *atlas) siteDNS(site string) topology.Place {
	to := a.cloud.SiteDNS(site)
	if to.IsValid() {
		for _, v := range a.Estate().VirtualNetworks {
			if holds(v.Space, to) {
				if p, ok := a.AddressIn(v.ID, to); ok {
					return p
				}
			}
		}
	}
	return topology.Internet(defaultSource())
}

func holds(space estate.List[string], addr netip.Addr) bool {
	for _, v := range space.Items {
		if p, err := netip.ParsePrefix(v.V); err == nil && p.Contains(addr) {
			return true
		}
	}
	return false
}

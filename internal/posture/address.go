package posture

import (
	"net/netip"

	"github.com/ostiary/ostiary/internal/estate"
)

// addressesOf are the addresses that a name of the account has inside: what
// the endpoints themselves say of that name, else all that they have. whole is
// false where some are not known.
func addressesOf(doors []*door, fqdn string) (addrs []netip.Addr, whole bool) {
	whole = true
	for _, d := range doors {
		some, all := d.addresses(fqdn)
		addrs, whole = append(addrs, some...), whole && all
	}
	return addrs, whole
}

// addresses are those of the endpoint's interface. Where each name has one of
// its own, as accounts of kind AIServices have it, only that of fqdn. Where the
// interface was not read, what the endpoint itself says of its names will do;
// where it was read and does not tell, nothing will.
func (d *door) addresses(fqdn string) (addrs []netip.Addr, whole bool) {
	whole = d.Interfaces.State != estate.Unknown
	add := func(v estate.Value[string]) {
		addr, err := netip.ParseAddr(v.V)
		if v.State != estate.Known || err != nil {
			whole = whole && v.State == estate.Absent
			return
		}
		if !contains(addrs, addr) {
			addrs = append(addrs, addr.Unmap())
		}
	}
	for _, ref := range d.Interfaces.Items {
		whole = whole && ref.State != estate.Unknown
		if ref.To == nil {
			continue
		}
		whole = whole && ref.To.Doubt == 0
		for _, ip := range ref.To.IPs {
			add(ip.Address)
		}
	}
	named := d.named(fqdn)
	if both := shared(addrs, named); len(both) > 0 {
		return both, whole
	}
	if len(addrs) == 0 {
		addrs = named
	}
	if len(addrs) == 0 {
		for _, ip := range d.IPs {
			add(ip.Address)
		}
		add(d.link.Address)
	}
	return addrs, whole && len(addrs) > 0
}

// named are the addresses that the endpoint itself gives for a name, or for
// all of them.
func (d *door) named(fqdn string) []netip.Addr {
	var addrs []netip.Addr
	for _, n := range d.Names {
		if fqdn != "" && !is(n.FQDN, fqdn) {
			continue
		}
		for _, v := range n.Addresses.Items {
			if addr, err := netip.ParseAddr(v.V); v.State == estate.Known && err == nil {
				addrs = append(addrs, addr.Unmap())
			}
		}
	}
	return addrs
}

func shared(a, b []netip.Addr) []netip.Addr {
	var both []netip.Addr
	for _, x := range a {
		if contains(b, x) {
			both = append(both, x)
		}
	}
	return both
}

package topology

import "net/netip"

// hostAddress is the virtual address of the host: Azure DNS, the health
// probes of load balancers, the guest agent.
//
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
func hostAddress() netip.Addr { return netip.AddrFrom4([4]byte{168, 63, 129, 16}) }

// metadataAddress is the instance metadata service.
func metadataAddress() netip.Addr { return netip.AddrFrom4([4]byte{169, 254, 169, 254}) }

// platform tells the platform's addresses: 1 the host's, 2 the metadata
// service's, 0 any other.
func platform(a netip.Addr) int {
	switch a {
	case hostAddress():
		return 1
	case metadataAddress():
		return 2
	}
	return 0
}

// bindsPlatform says whether a rule binds a platform address: only through the
// tags made for that.
//
// https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview,
// section Azure platform considerations.
func (r *rule) bindsPlatform(to end) tri {
	binds := r.to.imds
	if platform(to.addr) == 1 {
		binds = r.to.dns || r.to.lkm
	}
	if !binds && r.to.blank {
		return maybe
	}
	return triOf(binds)
}

// isPublic reports whether an address can be routed on the internet, see
// public.
func isPublic(a netip.Addr) bool {
	if a.Is4() {
		b := a.As4()
		switch {
		case b[0] == 0, b[0] == 10, b[0] == 127, b[0] >= 224,
			b[0] == 100 && b[1]&0xc0 == 64,
			b[0] == 169 && b[1] == 254,
			b[0] == 172 && b[1]&0xf0 == 16,
			b[0] == 192 && b[1] == 168:
			return false
		}
		return a != hostAddress()
	}
	return a.As16()[0]&0xe0 == 0x20
}

package cli

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/ostiary/ostiary/internal/probe"
)

// Machine is where verify --probe looks from. The zero value is the machine
// that the command runs on; a test gives another.
type Machine struct {
	// Addresses are those of its interfaces. Nil means this machine's.
	Addresses []netip.Addr
	// Nameservers are its DNS servers. Nil means those of /etc/resolv.conf.
	Nameservers []string
	// Credential gives tokens for the model. Nil means the login at hand.
	Credential azcore.TokenCredential
	// Roots, Known, Lookup and Dial are as in probe.Config.
	Roots  *x509.CertPool
	Known  []*x509.Certificate
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// addresses are those that other machines may know this one by.
func (m Machine) addresses() []netip.Addr {
	all := m.Addresses
	if all == nil {
		found, _ := net.InterfaceAddrs() // none: the place is then not found, and that is said
		for _, a := range found {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, p.Addr())
			}
		}
	}
	var known []netip.Addr
	for _, a := range all {
		if a = a.Unmap(); a.IsGlobalUnicast() {
			known = append(known, a)
		}
	}
	return known
}

func (m Machine) nameservers() []string {
	if m.Nameservers != nil {
		return m.Nameservers
	}
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	return probe.Nameservers(f)
}

func (m Machine) credential() (azcore.TokenCredential, error) {
	if m.Credential != nil {
		return m.Credential, nil
	}
	return azureLogin()
}

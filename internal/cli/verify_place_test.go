package cli

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

const networks = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/"

// network is a virtual network with subnets, as "name prefix".
func network(name, space string, subnets ...string) string {
	children := make([]string, len(subnets))
	for i, s := range subnets {
		child, prefix, _ := strings.Cut(s, " ")
		children[i] = `{"id":"` + networks + name + `/subnets/` + child + `","name":"` + child + `","properties":{"addressPrefix":"` + prefix + `"}}`
	}
	return `{"id":"` + networks + name + `","name":"` + name + `","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["` +
		space + `"]},"subnets":[` + strings.Join(children, ",") + `]}}`
}

func topologyOf(t *testing.T, documents ...string) *topology.Topology {
	t.Helper()
	e, err := estate.ReadARM(strings.NewReader("["+strings.Join(documents, ",")+"]"), estate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return topology.New(e, topology.Config{})
}

func TestStandAt(t *testing.T) {
	a := network("a", "10.0.0.0/16", "apps 10.0.1.0/24", "build 10.0.2.0/24", "GatewaySubnet 10.0.3.0/24")
	b := network("b", "10.1.0.0/16", "apps 10.1.1.0/24")
	twin := network("twin", "10.0.0.0/16", "other 10.0.9.0/24")
	site := `{"id":"/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/localNetworkGateways/hq","name":"hq","type":"Microsoft.Network/localNetworkGateways","properties":{"localNetworkAddressSpace":{"addressPrefixes":["172.20.0.0/16"]}}}`
	for name, c := range map[string]struct {
		estate []string
		from   string
		inside bool
		own    string
		stands string // as the stand calls itself; of a wrong use, what is said
		places int    // none for a wrong use
		note   string
	}{
		"found by its address":             {[]string{a, b}, "", false, "10.0.2.7", "a/build (10.0.2.7)", 1, "which holds an address of this machine"},
		"one of its addresses is enough":   {[]string{a, b}, "", false, "172.17.0.1 10.1.1.9", "b/apps (10.1.1.9)", 1, "b/apps"},
		"two in one subnet":                {[]string{a}, "", false, "10.0.1.8 10.0.1.9", "a/apps (10.0.1.8)", 1, ""},
		"in none":                          {[]string{a}, "", false, "192.168.1.5", "the internet", 1, "no address of this machine is in a subnet"},
		"in the network, but in no subnet": {[]string{a}, "", false, "10.0.200.5", "the internet", 1, "no address of this machine is in a subnet"},
		"without an address":               {[]string{a}, "", false, "", "the internet", 1, "no address of this machine"},
		"in two networks":                  {[]string{a, b}, "", false, "10.0.1.5 10.1.1.5", "the internet", 1, "several networks of the estate (a/apps, b/apps)"},
		"in two subnets of one network":    {[]string{a}, "", false, "10.0.1.5 10.0.2.5", "the internet", 1, "several networks of the estate (a/apps, a/build)"},
		"overlapping address space":        {[]string{a, twin}, "", false, "10.0.1.5", "the internet", 1, "several networks of the estate (a/apps, twin)"},
		"meant to be inside, not found":    {[]string{a}, "", true, "192.168.1.5", "here", 1, "is not known; name it with --from"},
		"the internet, by word":            {[]string{a}, "Internet", false, "10.0.1.5", "the internet", 1, "as --from says"},
		"meant to be inside the internet":  {[]string{a}, "internet", true, "", "the internet is not meant to reach the model", 0, ""},
		"a subnet by its name":             {[]string{a, b}, "BUILD", false, "192.168.1.5", "a/build", 1, "as --from says"},
		"a subnet by its name, and there":  {[]string{a, b}, "build", false, "10.0.2.5", "a/build (10.0.2.5)", 1, "as --from says"},
		"a subnet with its network":        {[]string{a, b}, "b/apps", false, "", "b/apps", 1, ""},
		"a subnet by its id":               {[]string{a, b}, strings.ToUpper(networks) + "b/subnets/apps", false, "", "b/apps", 1, ""},
		"two subnets of a name":            {[]string{a, b}, "apps", false, "", "give the id of one", 0, ""},
		"a network is any of its subnets":  {[]string{a}, "a", false, "", "a", 2, ""},
		"a network, found in it":           {[]string{a}, "a", false, "10.0.1.5", "a/apps (10.0.1.5)", 1, ""},
		"a site":                           {[]string{a, site}, "hq", false, "", "hq", 1, ""},
		"nothing of the estate":            {[]string{a}, "c", false, "", "the estate has no such place", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var own []netip.Addr
			for text := range strings.FieldsSeq(c.own) {
				own = append(own, netip.MustParseAddr(text))
			}
			s, err := standAt(topologyOf(t, c.estate...), c.from, c.inside, own)
			if c.places == 0 {
				if err == nil || !strings.Contains(err.Error(), c.stands) {
					t.Errorf("%+v, %v; want an error with %q", s, err, c.stands)
				}
				return
			}
			if err != nil || s.name != c.stands || len(s.places) != c.places || !strings.Contains(s.note, c.note) || s.note == "" {
				t.Errorf("%+v, %v", s, err)
			}
			if s.within == (s.name == "the internet") {
				t.Errorf("within is %t at %s", s.within, s.name)
			}
		})
	}
}

func TestOwnAddressesAreThoseThatOthersKnow(t *testing.T) {
	m := Machine{Addresses: []netip.Addr{}}
	for _, text := range []string{"127.0.0.1", "::1", "fe80::1", "169.254.0.5", "::ffff:10.0.1.5", "fd00::2"} {
		m.Addresses = append(m.Addresses, netip.MustParseAddr(text))
	}
	if got := m.addresses(); len(got) != 2 || got[0].String() != "10.0.1.5" || got[1].String() != "fd00::2" {
		t.Errorf("own addresses %v", got)
	}
}

package emulator

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Network is the Azure around the accounts: a Resource Manager, the services
// of its resources, and places to stand at. The zero value is an empty
// subscription.
type Network struct {
	Listen       string            `yaml:"listen" doc:"address of the places: SOCKS 5 and HTTP CONNECT; default 127.0.0.1:8440"`
	ListenPage   string            `yaml:"listen_page" doc:"address of the page that draws the network; default 127.0.0.1:8444"`
	Subscription string            `yaml:"subscription" doc:"id of the subscription, a GUID; default 6e0f0b0c-2d44-4f0e-9f36-7a1c5b8d9e20"`
	Seed         string            `yaml:"seed" doc:"file of resources to begin with, as ARM returns them or as verify --save keeps them; read where the state directory holds none yet"`
	Outside      string            `yaml:"outside" doc:"what an account with public access off does to the internet: answer (403, the default) or refuse (the connection)"`
	Delay        time.Duration     `yaml:"delay" doc:"time until a change of the network takes effect, at most 1h; default none; in Azure it is minutes"`
	Settle       time.Duration     `yaml:"settle" doc:"time for which an account is busy after a change, and refuses the next, at most 1h; default none"`
	RateLimits   bool              `yaml:"rate_limits" doc:"enforce the capacity of deployments made through the Resource Manager; default no"`
	Services     []NetworkService  `yaml:"services" doc:"programs of this machine that stand in the network"`
	DNSServers   []NetworkResolver `yaml:"dns_servers" doc:"what custom DNS servers in the network do; the tag ostiary-dns of a machine or a local network gateway says the same"`
}

// NetworkService is a program of this machine at a place of the network.
type NetworkService struct {
	At   string `yaml:"at" config:"required" doc:"place where it stands"`
	Port uint16 `yaml:"port" config:"required" doc:"port that it has there"`
	To   string `yaml:"to" config:"required" doc:"address on loopback where it listens"`
}

// NetworkResolver is a custom DNS server in the network.
type NetworkResolver struct {
	Address string            `yaml:"address" config:"required" doc:"its address"`
	Forward map[string]string `yaml:"forward" config:"required" doc:"server that it asks, by domain; '.' is every name, 168.63.129.16 is Azure's own"`
}

const (
	defaultSubscription = "6e0f0b0c-2d44-4f0e-9f36-7a1c5b8d9e20"
	maxNetworkTime      = time.Hour
	outsideRefuses      = "refuse"
)

func (n Network) withDefaults() Network {
	n.Listen = cmp.Or(n.Listen, "127.0.0.1:8440")
	n.ListenPage = cmp.Or(n.ListenPage, "127.0.0.1:8444")
	n.Subscription = cmp.Or(n.Subscription, defaultSubscription)
	n.Outside = cmp.Or(n.Outside, "answer")
	return n
}

// check reports everything that is wrong with the section. Both listeners take
// whoever comes, so that they may stand on loopback alone.
func (n Network) check(report func(path, what, fix string)) {
	n = n.withDefaults()
	for _, l := range []struct{ path, addr string }{{"listen", n.Listen}, {"listen_page", n.ListenPage}} {
		host, _, err := net.SplitHostPort(l.addr)
		ip, perr := netip.ParseAddr(host)
		if err != nil || host != "localhost" && (perr != nil || !ip.IsLoopback()) {
			report(l.path, "not an address on loopback", "write 127.0.0.1:PORT: whoever reaches it may stand anywhere")
		}
	}
	if !guid.MatchString(n.Subscription) {
		report("subscription", "not a GUID", "write it in lower case with hyphens")
	}
	if !slices.Contains([]string{"answer", outsideRefuses}, n.Outside) {
		report("outside", "not a choice", "use answer or refuse")
	}
	for _, d := range []struct {
		path string
		of   time.Duration
	}{{"delay", n.Delay}, {"settle", n.Settle}} {
		if d.of < 0 || d.of > maxNetworkTime {
			report(d.path, "out of range", "use 0s to 1h")
		}
	}
	for i, s := range n.Services {
		if to, err := netip.ParseAddrPort(s.To); err != nil || !to.Addr().IsLoopback() || s.Port == 0 {
			report(fmt.Sprintf("services[%d].to", i), "not an address on loopback", "write 127.0.0.1:PORT, and a port for the place")
		}
	}
	for i, s := range n.DNSServers {
		_, err := netip.ParseAddr(s.Address)
		for _, to := range s.Forward {
			if _, ferr := netip.ParseAddr(to); ferr != nil {
				err = ferr
			}
		}
		if err != nil {
			report(fmt.Sprintf("dns_servers[%d]", i), "not an address", "write IPv4 addresses")
		}
	}
}

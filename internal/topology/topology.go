package topology

import (
	"net/netip"
	"slices"
	"sort"

	"github.com/ostiary/ostiary/internal/estate"
)

// Config says what the estate cannot.
type Config struct {
	// Servers are custom DNS servers whose behaviour the operator vouches for.
	// Without it a custom server's answers are unknown, unless it is a known
	// inbound endpoint or a firewall with a DNS proxy.
	Servers []Server
}

// Topology is an index over an estate. It is made once by New, is never
// changed, and may be used by several goroutines.
type Topology struct {
	e         *estate.Estate
	public    Set
	networks  []*network
	byVNet    map[*estate.VirtualNetwork]*network
	bySubnet  map[*estate.Subnet]*subnet
	byNIC     map[*estate.Interface][]*host
	endpoints map[*estate.PrivateEndpoint]*endpoint
	appGroups map[*estate.AppGroup]*appGroup
	sites     map[estate.Thing][]*site // by local gateway, connection or gateway
	steered   []*subnet                // subnets whose routes lead to an appliance or a gateway
	meshes    []*mesh
	wide      []*network // networks that were not read whole, or use a gateway
	byPublic  map[netip.Addr]*estate.Interface
	adrift    map[netip.Addr]bool // addresses of things whose subnet is unknown
	dns       *names
}

// network is a virtual network.
type network struct {
	of       *estate.VirtualNetwork
	space    Set
	dim      bool // some prefix is unknown, or the network was not read
	veiled   bool // it may have peerings that were not read
	subnets  []*subnet
	spans    []span // subnets by address
	hosts    map[netip.Addr]*host
	edges    map[*network]*edge
	near     []*edge // edges in the order of the document
	unseen   []*estate.Peering
	relays   []*host // appliances, for what comes from networks outside the estate
	gateways []*gateway
	tag      *tagSet
	admin    adminRules
	mesh     []*mesh
}

type span struct {
	Range
	sub *subnet
}

// subnet is a subnet with everything that binds traffic in it.
type subnet struct {
	of         *estate.Subnet
	net        *network
	set        Set
	dim        bool // some prefix is unknown
	filter     filter
	table      *table // nil: system routes alone
	tableState estate.State
	scope      scope
	exempt     bool // admin rules do not apply here
	// bindGroups and bindRoutes say whether groups and routes bind private
	// endpoints here.
	bindGroups, bindRoutes tri
	lone                   []*host // hosts with a group of their own
	ghosts                 []*host // interfaces with a group of their own whose addresses are not known
	// floating are private endpoints here whose addresses are not known, hidden
	// the firewalls and load balancers that may be here at some address.
	floating []*endpoint
	hidden   []*host
}

// filter is a security group where it is attached. A filter without a group
// lets everything pass, unless the state is unknown.
type filter struct {
	group *group
	state estate.State
	ref   estate.Ref[estate.Group]
}

// host is an address that something known has.
type host struct {
	addr     netip.Addr
	sub      *subnet
	nic      *estate.Interface // nil for a firewall, load balancer or resolver
	ip       *estate.IPConfiguration
	filter   filter // the network interface's own group
	endpoint *endpoint
	relay    relay
	twice    bool // another claims the same address
	id       string
	at       estate.At
}

// relay says what an address does with packets that are not for it.
type relay uint8

const (
	relayNone     relay = iota
	relayNIC            // a network interface that forwards
	relayFirewall       // an Azure Firewall
	relayBalancer       // a load balancer's frontend
)

// endpoint is a private endpoint.
type endpoint struct {
	of    *estate.PrivateEndpoint
	sub   *subnet // nil where it is unknown
	addrs []netip.Addr
	dim   bool // some address is unknown
	links []target
	hosts []*host
}

// target is what an endpoint leads to, and whether its owner approved it.
type target struct {
	link   *estate.PrivateLink
	open   Verdict
	status estate.Value[string]
}

// New indexes an estate. It reads the estate and keeps it; it never fails:
// what the estate does not tell makes answers unknown.
func New(e *estate.Estate, cfg Config) *Topology {
	t := &Topology{
		e:         e,
		public:    public(),
		byVNet:    make(map[*estate.VirtualNetwork]*network, len(e.VirtualNetworks)),
		bySubnet:  make(map[*estate.Subnet]*subnet, len(e.Subnets)),
		byNIC:     make(map[*estate.Interface][]*host, len(e.Interfaces)),
		endpoints: make(map[*estate.PrivateEndpoint]*endpoint, len(e.PrivateEndpoints)),
		appGroups: make(map[*estate.AppGroup]*appGroup, len(e.AppGroups)),
		sites:     map[estate.Thing][]*site{},
		byPublic:  map[netip.Addr]*estate.Interface{},
		adrift:    map[netip.Addr]bool{},
	}
	c := &compiler{t: t, public: t.public, groups: make(map[*estate.Group]*group, len(e.Groups)), tables: map[*estate.RouteTable]*table{}}
	c.defaults()
	for _, g := range e.AppGroups {
		t.appGroups[g] = &appGroup{by: map[*network]Set{}, dim: g.Doubt != 0}
	}
	for _, v := range e.VirtualNetworks {
		c.network(v)
	}
	c.peerings()
	c.gateways()
	c.meshes()
	for _, n := range t.networks {
		c.tag(n)
	}
	c.hosts()
	for _, n := range t.networks {
		for _, s := range n.subnets {
			c.bind(s)
		}
	}
	c.managers()
	for _, n := range t.networks {
		if n.dim || len(n.gateways) > 0 || n.beyond() {
			t.wide = append(t.wide, n)
		}
	}
	t.dns = newNames(t, cfg)
	return t
}

// Estate is what the topology was made of.
func (t *Topology) Estate() *estate.Estate { return t.e }

// compiler makes a Topology.
type compiler struct {
	t                 *Topology
	public            Set
	groups            map[*estate.Group]*group
	tables            map[*estate.RouteTable]*table
	inbound, outbound []rule // the default rules
}

func (c *compiler) network(v *estate.VirtualNetwork) {
	n := &network{of: v, hosts: map[netip.Addr]*host{}, edges: map[*network]*edge{}}
	n.space, n.dim = prefixes(v.Space)
	n.veiled = v.Stub || v.Partial || v.Doubt != 0 || c.t.e.Veiled(v.ID)
	n.dim = n.dim || n.veiled
	for _, s := range v.Subnets {
		sub := &subnet{of: s, net: n}
		sub.set, sub.dim = prefixes(s.Prefixes)
		sub.dim = sub.dim || s.Doubt != 0 || s.Stub
		n.subnets = append(n.subnets, sub)
		c.t.bySubnet[s] = sub
		for _, r := range sub.set {
			n.spans = append(n.spans, span{r, sub})
		}
	}
	slices.SortFunc(n.spans, func(a, b span) int { return a.From.Compare(b.From) })
	c.t.networks = append(c.t.networks, n)
	c.t.byVNet[v] = n
}

// prefixes is the set of a list of prefixes; dim where it is not whole.
func prefixes(l estate.List[string]) (set Set, dim bool) {
	ranges := make([]Range, 0, len(l.Items))
	dim = l.State == estate.Unknown
	for _, p := range l.Items {
		r, ok := parseTerm(p.V)
		if p.State == estate.Known && ok {
			ranges = append(ranges, r)
		} else {
			dim = true
		}
	}
	return SetOf(ranges...), dim
}

// at is the subnet that holds an address, or nil.
func (n *network) at(a netip.Addr) *subnet {
	i := sort.Search(len(n.spans), func(i int) bool { return a.Less(n.spans[i].From) })
	if i > 0 && a.Compare(n.spans[i-1].To) <= 0 {
		return n.spans[i-1].sub
	}
	return nil
}

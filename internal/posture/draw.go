package posture

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// most of a picture: what a person can still look at.
const (
	mostNetworks = 120
	mostSubnets  = 12 // of one network
)

// internet is the id of the node that stands for it.
const internet = "internet"

// drawing makes the Map.
type drawing struct {
	*scene
	m        Map
	worst    map[string]Status // by id in lower case
	nodes    map[string]bool
	edges    map[[4]string]int
	networks map[*estate.VirtualNetwork]bool
	left     int // networks that were left out
}

// draw makes the picture: what an endpoint or a source stands in, and who
// reaches what.
func (s *scene) draw(findings []Finding) Map {
	d := &drawing{scene: s, worst: worstOf(findings), nodes: map[string]bool{}, edges: map[[4]string]int{}, networks: map[*estate.VirtualNetwork]bool{}}
	if len(s.accounts) > 0 {
		d.node(Node{ID: internet, Kind: "internet", Name: "internet"})
	}
	d.chooseNetworks()
	for _, a := range s.accounts {
		d.node(Node{ID: idOf(a), Kind: "account", Name: a.Name, Detail: a.called()})
		d.sources(s.reach(a)[nil], idOf(a))
		for _, door := range a.open() {
			d.endpoint(a, door)
		}
	}
	d.peerings()
	d.firewalls()
	d.apps()
	if drawn := len(d.networks) - d.left; drawn < len(s.VirtualNetworks) {
		s.note("the picture shows %d of %d virtual networks: those joined to an endpoint, at most %d", drawn, len(s.VirtualNetworks), mostNetworks)
	}
	return d.m
}

// worstOf is the worst must about each resource, waived ones apart.
func worstOf(findings []Finding) map[string]Status {
	worst := map[string]Status{}
	for _, f := range findings {
		if f.Level != Must || f.Waiver != nil || f.Resource == "" {
			continue
		}
		id := strings.ToLower(f.Resource)
		if was, ok := worst[id]; ok {
			worst[id] = worse(was, f.Status)
		} else {
			worst[id] = f.Status
		}
	}
	return worst
}

func (d *drawing) node(n Node) {
	if n.ID == "" || d.nodes[n.ID] {
		return
	}
	d.nodes[n.ID] = true
	n.Status = d.worst[strings.ToLower(n.ID)]
	d.m.Nodes = append(d.m.Nodes, n)
}

// edge draws a line once for each kind and answer; of several the worst
// status stays.
func (d *drawing) edge(e Edge) {
	if !d.nodes[e.From] || !d.nodes[e.To] {
		return
	}
	allowed := "blocked"
	if e.Allowed {
		allowed = "allowed"
	}
	key := [4]string{e.From, e.To, e.Kind, allowed}
	if i, ok := d.edges[key]; ok {
		if was := &d.m.Edges[i]; worse(was.Status, e.Status) == e.Status && was.Status != e.Status {
			*was = e
		}
		return
	}
	d.edges[key] = len(d.m.Edges)
	d.m.Edges = append(d.m.Edges, e)
}

// chooseNetworks takes the networks of endpoints first, then those from which
// something reaches them, then those that are blocked.
func (d *drawing) chooseNetworks() {
	var ranked [4][]*estate.VirtualNetwork
	for _, a := range d.accounts {
		for _, door := range a.open() {
			if n := door.Subnet.To; n != nil && n.VNet != nil {
				ranked[0] = append(ranked[0], n.VNet)
			}
			for _, src := range d.reach(a)[door.PrivateEndpoint] {
				if src.Network != nil {
					at := 1 + rank(src.Verdict, topology.Allowed, topology.Unknown, topology.Denied)
					ranked[at] = append(ranked[at], src.Network)
				}
			}
		}
	}
	drawn := 0
	for _, v := range slices.Concat(ranked[:]...) {
		if d.networks[v] {
			continue
		}
		d.networks[v] = true
		if drawn++; drawn > mostNetworks {
			d.left++
			continue
		}
		d.node(Node{ID: idOf(v), Kind: "vnet", Name: v.Name, Detail: few(texts(v.Space), 3)})
	}
}

func (d *drawing) subnet(n *estate.Subnet) {
	if n == nil || n.VNet == nil || !d.nodes[idOf(n.VNet)] {
		return
	}
	detail := few(texts(n.Prefixes), 3)
	if n.Group.To != nil {
		detail += "; group " + n.Group.To.Name
	}
	if n.EndpointPolicies.State == estate.Known {
		detail += "; privateEndpointNetworkPolicies " + n.EndpointPolicies.V
	}
	d.node(Node{ID: idOf(n), Parent: idOf(n.VNet), Kind: "subnet", Name: n.Name, Detail: detail})
}

func (d *drawing) endpoint(a *subject, door *door) {
	node := Node{ID: idOf(door), Kind: "endpoint", Name: door.Name}
	if n := door.Subnet.To; n != nil {
		d.subnet(n)
		node.Parent = idOf(n)
	}
	if !d.nodes[node.Parent] {
		node.Parent = ""
	}
	if addr := door.address(); addr.IsValid() {
		node.Detail = addr.String()
	}
	d.node(node)
	d.edge(Edge{From: idOf(door), To: idOf(a), Kind: "link", Allowed: true, Status: d.worst[strings.ToLower(idOf(a))]})
	d.sources(d.reach(a)[door.PrivateEndpoint], idOf(door))
}

// sources draws who reaches a node, and who is kept from it.
func (d *drawing) sources(sources []source, to string) {
	for _, src := range sources {
		from := where(src)
		switch {
		case src.Network != nil && len(src.Subnets) == 1 && d.room(src.Network, src.Subnets[0]):
			d.subnet(src.Subnets[0])
		case src.Network != nil:
			from = idOf(src.Network)
		case src.From == topology.FromSite:
			d.node(Node{ID: from, Kind: "site", Name: src.Site, Detail: few(ranges(src.set), 3)})
		case src.From == topology.FromUnseen:
			d.node(Node{ID: from, Kind: "vnet", Name: lastOf(from), Detail: "not read"})
		}
		d.edge(Edge{From: from, To: to, Kind: "reach", Allowed: src.Verdict == topology.Allowed, Status: src.status(), Rule: src.reason})
	}
}

// room reports whether a subnet is drawn already or its network has room.
func (d *drawing) room(v *estate.VirtualNetwork, n *estate.Subnet) bool {
	drawn := 0
	for _, other := range v.Subnets {
		if d.nodes[idOf(other)] {
			drawn++
		}
	}
	return d.nodes[idOf(n)] || drawn < mostSubnets
}

func (d *drawing) peerings() {
	for _, v := range d.VirtualNetworks {
		if !d.nodes[idOf(v)] {
			continue
		}
		for _, p := range v.Peerings {
			if to := p.Remote.To; to != nil && (idOf(v) < idOf(to) || !peersBack(p)) {
				up := is(p.State, "Connected") || d.Planned && p.State.State == estate.Absent
				d.edge(Edge{From: idOf(v), To: idOf(to), Kind: "peering", Allowed: up, Rule: p.Name})
			}
		}
	}
}

// peersBack reports whether the other side has its half of a peering.
func peersBack(p *estate.Peering) bool {
	return slices.ContainsFunc(p.Remote.To.Peerings, func(q *estate.Peering) bool { return q.Remote.To == p.VNet })
}

func (d *drawing) firewalls() {
	for _, f := range d.Firewalls {
		for _, ip := range f.IPs {
			if n := ip.Subnet.To; n != nil && n.VNet != nil && d.nodes[idOf(n.VNet)] {
				d.subnet(n)
				d.node(Node{ID: idOf(f), Parent: idOf(n), Kind: "firewall", Name: f.Name, Detail: orState(ip.Address.Mark, ip.Address.V)})
			}
		}
	}
}

// apps draws the apps that stand in a network of the picture.
func (d *drawing) apps() {
	draw := func(t estate.Thing, n *estate.Subnet) {
		if n == nil || n.VNet == nil || !d.nodes[idOf(n.VNet)] {
			return
		}
		d.subnet(n)
		d.node(Node{ID: idOf(t), Parent: idOf(n), Kind: "app", Name: t.Base().Name})
		if status, judged := d.worst[strings.ToLower(idOf(t))]; judged {
			d.edge(Edge{From: internet, To: idOf(t), Kind: "reach", Allowed: status != Pass, Status: status})
		}
	}
	for _, a := range d.ContainerApps {
		if env := a.Environment.To; env != nil {
			draw(a, env.Subnet.To)
		}
	}
	for _, w := range d.WebApps {
		draw(w, w.Subnet.To)
	}
}

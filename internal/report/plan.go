package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// The drawing leaves out what nobody could read, and says how much.
const (
	groupMax = 120 // networks drawn of one group
	hubMax   = 24  // networks with endpoints, and accounts
	nestMax  = 12  // boxes inside one box
)

// item is a node of the map, or a box that stands for several.
type item struct {
	node   posture.Node
	parent *item
	kids   []*item
	class  class // gravest way in which it, or what it holds, stands to the model
	key    int   // its number in the page
	stands int   // nodes that it stands for, where it stands for more than itself
	tracks tracks
	shown  *item // the box that stands for it, where it is not drawn itself

	// Where it was placed, of the picture being drawn.
	box  *box
	port port
}

// bond is a line of the drawing: all edges of one kind and answer between two
// items.
type bond struct {
	from, to *item
	track    track
	refused  bool // a peering that carries nothing
	rules    []string
}

// plan is the map, sorted into what is drawn where. It does not depend on the
// width.
type plan struct {
	items    map[string]*item // by lower-case id
	accounts []*item
	hubs     []*item // networks that hold an endpoint, or that most others peer with
	groups   []cluster
	bonds    []*bond
	counts   [none + 1]int // networks and outside places by class
}

// cluster is a group of sources under one heading.
type cluster struct {
	title string
	class class
	items []*item
}

func planOf(m posture.Map) *plan {
	p := &plan{items: map[string]*item{}}
	roots := p.nest(m.Nodes)
	p.classify(m.Edges)
	central := p.central(m.Edges)
	var cells []*item
	for _, it := range roots {
		switch {
		case it.node.Kind == "account":
			p.accounts = append(p.accounts, it)
		case it.holds("endpoint") || central[it]:
			p.hubs = append(p.hubs, it)
		default:
			cells = append(cells, it)
		}
	}
	for _, it := range slices.Concat(p.hubs, cells) {
		if it.isSource() && it.node.Kind != "endpoint" {
			p.counts[it.class]++
		}
	}
	p.cluster(cells)
	p.hubs, p.accounts = p.fold(p.hubs, hubMax, "networks"), p.fold(p.accounts, hubMax, "accounts")
	p.bond(m.Edges)
	return p
}

// nest builds the tree and returns its roots. A parent that is missing, or
// that is its own descendant, counts for nothing.
func (p *plan) nest(nodes []posture.Node) []*item {
	var all []*item
	for _, node := range nodes {
		id := strings.ToLower(node.ID)
		if p.items[id] == nil {
			node.Name = orElse(clean(node.Name), clean(short(node.ID)))
			node.Detail = clean(node.Detail)
			p.items[id] = &item{node: node, class: none, key: len(all)}
			all = append(all, p.items[id])
		}
	}
	var roots []*item
	for _, it := range all {
		if parent := p.items[strings.ToLower(it.node.Parent)]; it.node.Parent != "" && parent != nil && !parent.within(it) {
			it.parent = parent
			parent.kids = append(parent.kids, it)
		} else {
			roots = append(roots, it)
		}
	}
	return roots
}

func (it *item) within(other *item) bool {
	for ; it != nil; it = it.parent {
		if it == other {
			return true
		}
	}
	return false
}

func (it *item) root() *item {
	for it.parent != nil {
		it = it.parent
	}
	return it
}

func (it *item) holds(kind string) bool {
	return it.node.Kind == kind || slices.ContainsFunc(it.kids, func(kid *item) bool { return kid.holds(kind) })
}

// isSource says whether it is one of the places that are counted.
func (it *item) isSource() bool {
	return it.parent == nil && it.node.Kind != "account"
}

// classify marks everything that something reaches out from.
func (p *plan) classify(edges []posture.Edge) {
	for _, e := range edges {
		if e.Kind != "reach" {
			continue
		}
		c := classOf(e.Allowed, e.Status)
		for it := p.items[strings.ToLower(e.From)]; it != nil; it = it.parent {
			it.class = min(it.class, c)
		}
	}
}

// central are the one or two networks that clearly most others peer with.
func (p *plan) central(edges []posture.Edge) map[*item]bool {
	peers := map[*item]map[*item]bool{}
	meet := func(a, b *item) {
		if peers[a] == nil {
			peers[a] = map[*item]bool{}
		}
		peers[a][b] = true
	}
	most := 0
	for _, e := range edges {
		if a, b := p.items[strings.ToLower(e.From)], p.items[strings.ToLower(e.To)]; e.Kind == "peering" && a != nil && b != nil {
			meet(a.root(), b.root())
			meet(b.root(), a.root())
			most = max(most, len(peers[a.root()]), len(peers[b.root()]))
		}
	}
	central := map[*item]bool{}
	for it, of := range peers {
		if len(of) == most && most >= 3 && it.node.Kind == "vnet" {
			central[it] = true
		}
	}
	if len(central) > 2 {
		return nil
	}
	return central
}

// cluster groups the cells under headings, gravest first, after what lies
// outside every network.
func (p *plan) cluster(cells []*item) {
	outside := cluster{title: "Outside the networks", class: none}
	byClass := []cluster{
		{title: "Reach the model, not meant to", class: intruder},
		{title: "Blocked, but meant to reach the model", class: cutOff},
		{title: "Could not be told", class: doubt},
		{title: "Reach the model, as meant", class: meant},
		{title: "Blocked", class: blocked},
		{title: "Not judged", class: none},
	}
	for _, it := range cells {
		if it.node.Kind == "internet" || it.node.Kind == "site" {
			outside.items = append(outside.items, it)
		} else {
			byClass[it.class].items = append(byClass[it.class].items, it)
		}
	}
	for _, c := range append([]cluster{outside}, byClass...) {
		if c.items = p.fold(c.items, groupMax, "networks"); len(c.items) > 0 {
			p.groups = append(p.groups, c)
		}
	}
}

// fold sorts items for a reader and lets one box stand for those past limit.
func (p *plan) fold(items []*item, limit int, what string) []*item {
	slices.SortStableFunc(items, func(a, b *item) int {
		return cmp.Or(endpointsFirst(a, b), cmp.Compare(a.class, b.class), natural(a.node.Name, b.node.Name), cmp.Compare(a.node.ID, b.node.ID))
	})
	for _, it := range items {
		it.kids = p.fold(it.kids, nestMax, "more")
	}
	if len(items) <= limit {
		return items
	}
	rest := items[limit-1:]
	more := &item{
		node:   posture.Node{Kind: "more", Name: fmt.Sprintf("%d more", len(rest)), Detail: what + ", in the table below"},
		parent: rest[0].parent, class: rest[0].class, key: rest[0].key, stands: len(rest),
	}
	if what == "more" {
		more.node.Detail = ""
	}
	for _, it := range rest {
		it.shown = more
	}
	return append(slices.Clip(items[:limit-1]), more)
}

// find is the box that shows a node, nil where the map has no such node.
func (p *plan) find(id string) *item {
	it := p.items[strings.ToLower(id)]
	for up := it; up != nil; up = up.parent {
		if up.shown != nil {
			it = up.shown
		}
	}
	return it
}

func endpointsFirst(a, b *item) int {
	rank := map[bool]int{true: 0, false: 1}
	return cmp.Compare(rank[a.holds("endpoint")], rank[b.holds("endpoint")])
}

// bond joins edges that would be drawn as one line.
func (p *plan) bond(edges []posture.Edge) {
	type key struct {
		from, to *item
		track    track
		refused  bool
	}
	bonds := map[key]*bond{}
	for _, e := range edges {
		from, to := p.find(e.From), p.find(e.To)
		track, known := trackOf(e)
		if from == nil || to == nil || from == to || !known {
			continue
		}
		k := key{from, to, track, e.Kind == "peering" && !e.Allowed}
		if back, ok := bonds[key{to, from, k.track, k.refused}]; ok && k.track == peering {
			bonds[k] = back // a peering is written twice, once at each end
		}
		if bonds[k] == nil {
			bonds[k] = &bond{from: from, to: to, track: k.track, refused: k.refused}
			p.bonds = append(p.bonds, bonds[k])
		}
		if e.Rule != "" && !slices.Contains(bonds[k].rules, e.Rule) {
			bonds[k].rules = append(bonds[k].rules, e.Rule)
		}
	}
	for _, b := range p.bonds {
		b.from.root().tracks.add(b.track)
		b.to.root().tracks.add(b.track)
	}
}

// natural orders "spoke-9" before "spoke-10".
func natural(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[na:], b[nb:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

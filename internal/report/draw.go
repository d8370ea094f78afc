package report

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// drawing is a map laid out for one width. Sources stand in a grid; beside it,
// or above it where the page is narrow, stand the networks with endpoints, and
// then the accounts. Lines run in lanes below each row to a trunk between grid
// and networks, and from there to the endpoints.
type drawing struct {
	W, H  int
	Boxes []*box
	Heads []label
	Lines []line

	stacked bool // everything above each other, the trunk on the right
	trunk   int  // x of the first track
	links   int  // x where lines from endpoints to accounts go up and down
	far     int  // x where lines from the trunk to an account do
	bypass  int  // y at which they pass the hubs
}

// box is one rectangle and what stands in it.
type box struct {
	X, Y, W, H int
	Key        int
	Kind       string
	Class      class
	Status     posture.Status
	Labels     []label
	Marks      []mark
	Tip        string // what hovering and focus show
	Href       string // anchor in the page
	item       *item
}

// Shape is the kind, where the style sheet knows it.
func (b *box) Shape() string {
	switch b.Kind {
	case "internet", "vnet", "subnet", "endpoint", "account", "site", "app", "firewall", "more":
		return b.Kind
	default:
		return "other"
	}
}

// Round is the radius of the corners, in pixels.
func (b *box) Round() int {
	switch b.Kind {
	case "endpoint", "internet", "site":
		return b.H / 2
	case "vnet", "account":
		return 8
	default:
		return 4
	}
}

type label struct {
	X, Y int
	Text string
	Kind string // name, detail, head
}

// mark is a symbol of the page, drawn at a place.
type mark struct {
	X, Y int
	Name string
}

// Size is the side of the symbol, in pixels: signs of kinds are larger.
func (m mark) Size() int {
	if strings.HasPrefix(m.Name, "i-") {
		return 16
	}
	return 14
}

// line is a path from one box to another.
type line struct {
	Path  string
	Kind  string
	Bond  *bond
	Loose bool // a peering that carries nothing
	Tip   string
	Keys  string // of all boxes that it concerns
}

// Marker is the symbol at the line's end, empty for none.
func (l line) Marker() string {
	if l.Kind == "peering" || l.Kind == "link" {
		return ""
	}
	return "m-" + l.Kind
}

// The measures of the drawing, in pixels.
const (
	margin    = 6
	badge     = 9  // a sign on an edge, above it
	cellHead  = 40 // of a network: its name on one line, and its prefixes
	lineTall  = 14 // of a further line of a name
	rowHeight = 20 // of a subnet that holds nothing
	leafTall  = 56 // of an endpoint
	laneGap   = 7
	colGap    = 16
	headTall  = 30 // of a heading and what is above it
	trunkRoom = int(trackCount)*pitch + 18
	sideWide  = 1100 // from this width on, hubs stand beside the grid
)

// draw lays the plan out for a page of at most width pixels.
func (p *plan) draw(width int) *drawing {
	for _, g := range append([]cluster{{items: p.hubs}, {items: p.accounts}}, p.groups...) {
		for _, it := range g.items {
			it.forget()
		}
	}
	d := &drawing{stacked: width < sideWide}
	if d.stacked {
		d.stack(p, width)
	} else {
		d.beside(p)
	}
	for _, b := range p.bonds {
		if b.from.box == nil || b.to.box == nil {
			continue
		}
		d.Lines = append(d.Lines, line{Path: svgPath(d.path(b)), Kind: b.track.word(), Bond: b, Loose: b.refused})
	}
	// The gravest lie on top.
	slices.SortStableFunc(d.Lines, func(a, b line) int { return int(a.Bond.track) - int(b.Bond.track) })
	return d
}

// forget takes back where the last drawing placed it.
func (it *item) forget() {
	it.box, it.port = nil, port{}
	for _, kid := range it.kids {
		kid.forget()
	}
}

// stack draws accounts, then hubs, then the grid, from top to bottom.
func (d *drawing) stack(p *plan, width int) {
	room := width - trunkRoom
	d.W, d.trunk, d.links = width, room+12, 3
	const inset = 24 // the lines from endpoints to accounts run in it
	y := margin + badge
	for _, it := range p.accounts {
		y += d.account(it, inset, y, room-inset) + 14
	}
	for _, it := range p.hubs {
		y += d.hub(it, inset, y, room-inset) + 14
	}
	const narrowest = 140
	columns := max(1, (room-margin)/(narrowest+colGap))
	d.H = d.grid(p, margin, y, columns, (room-margin)/columns-colGap)
}

// beside draws the grid, then hubs, then accounts, from left to right.
func (d *drawing) beside(p *plan) {
	columns, wide := columnsFor(p)
	left := margin + columns*(wide+colGap)
	if len(p.groups) == 0 {
		left = margin
	}
	const hubWide, channel, accountWide = 288, 60, 208
	hubX := left + trunkRoom
	accountX := hubX + hubWide + channel
	if len(p.hubs) == 0 {
		accountX = hubX + channel
	}
	d.trunk, d.links, d.far = left+6, accountX-channel+8, accountX-10
	d.W = accountX + accountWide + margin
	bottom := d.grid(p, margin, margin, columns, wide)
	// The hubs stand in the middle of the grid's height, but near its top where
	// the gravest are; the bypass passes above them.
	const above, lowest = 28, 240
	tall, scratch := 0, &drawing{}
	for _, it := range p.hubs {
		tall += scratch.hub(it, hubX, 0, hubWide) + 24
	}
	y := max(above, min(lowest, (bottom-tall)/2))
	d.bypass = y - 6
	for _, it := range p.hubs {
		y += d.hub(it, hubX, y, hubWide) + 24
	}
	d.H = max(bottom, y, d.accountsBeside(p, accountX, accountWide))
}

// accountsBeside places each account at the height of its endpoints, one below
// the other, and returns where they end.
func (d *drawing) accountsBeside(p *plan, x, w int) int {
	heights := map[*item][]int{}
	for _, b := range p.bonds {
		if b.track == link && b.from.box != nil {
			heights[b.to] = append(heights[b.to], b.from.box.Y+b.from.box.H/2)
		}
	}
	middle := func(it *item) int {
		sum := 0
		for _, h := range heights[it] {
			sum += h
		}
		if sum == 0 {
			return d.bypass + 40
		}
		return sum / len(heights[it])
	}
	accounts := slices.Clone(p.accounts)
	slices.SortStableFunc(accounts, func(a, b *item) int { return middle(a) - middle(b) })
	next := margin + badge
	for _, it := range accounts {
		y := max(next, middle(it)-accountTall/2)
		next = y + d.account(it, x, y, w) + 14
		it.port.far = true
	}
	return next
}

// columnsFor chooses few wide columns for few networks, and more for many.
func columnsFor(p *plan) (columns, wide int) {
	cells := 0
	for _, g := range p.groups {
		cells += len(g.items)
	}
	switch {
	case cells <= 4:
		return 1, 270
	case cells <= 10:
		return 2, 220
	case cells <= 21:
		return 3, 186
	default:
		return 4, 160
	}
}

// compact says that there are too many networks to show all their subnets.
func compact(p *plan) bool {
	cells := 0
	for _, g := range p.groups {
		cells += len(g.items)
	}
	return cells > 24
}

// grid draws the groups of sources, and returns where they end.
func (d *drawing) grid(p *plan, x, y, columns, wide int) int {
	dense := compact(p)
	for _, g := range p.groups {
		d.Heads = append(d.Heads, label{x, y + 18, fit(g.heading(), columns*(wide+colGap), nameSize, true), "head"})
		y += headTall
		for row := range slices.Chunk(g.items, columns) {
			y = d.row(row, x, y, wide, dense)
		}
		y += 4
	}
	return y + margin
}

// row draws one row of networks and the lanes below it. The last of the row
// needs none.
func (d *drawing) row(items []*item, x, y, wide int, dense bool) int {
	var lanes tracks
	tall := 0
	for i, it := range items {
		if i < len(items)-1 {
			lanes |= it.tracks
		}
		tall = max(tall, d.cell(it, x+i*(wide+colGap), y, wide, dense))
	}
	y += tall + laneGap
	for i, it := range items {
		it.settle(port{gap: x + i*(wide+colGap) + wide + colGap/2, lane: y, row: lanes, cell: true, last: i == len(items)-1})
	}
	return y + max(0, lanes.lanes()-1)*pitch + laneGap + 6
}

// settle gives the row's lanes to an item and all it holds.
func (it *item) settle(row port) {
	at := it.port
	it.port = row
	it.port.x, it.port.y, it.port.height = at.x, at.y, at.height
	for _, kid := range it.kids {
		kid.settle(row)
	}
}

package report

import (
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

const accountTall = 62

// put adds the box of an item and says where its lines leave it: on the side
// of the trunk, at the height of its first line.
func (d *drawing) put(it *item, x, y, w, h, head int) *box {
	it.box = &box{X: x, Y: y, W: w, H: h, Key: it.key, Kind: it.node.Kind, Class: it.class, Status: it.node.Status, item: it}
	it.port = port{x: x, y: y + head/2, height: head}
	if d.stacked {
		it.port.x = x + w
	}
	d.Boxes = append(d.Boxes, it.box)
	return it.box
}

// cell draws a source, and its subnets as rows. It returns the height.
func (d *drawing) cell(it *item, x, y, w int, dense bool) int {
	rows, hidden := rowsOf(it, dense)
	head := headOf(it, w)
	tall := head
	if len(rows) > 0 || hidden > 0 {
		tall += (len(rows)+min(1, hidden))*rowHeight + 4
	}
	b := d.put(it, x, y, w, tall, head)
	it.port.x = x + w // a cell's lines leave it on the right, into the gap
	b.title(it)
	at := y + head - 2
	for _, row := range rows {
		d.strip(row.it, x+6+row.depth*8, at, w-12-row.depth*8)
		row.it.port.x = x + w
		at += rowHeight
	}
	if hidden > 0 {
		b.Labels = append(b.Labels, label{x + 10, at + 13, strconv.Itoa(hidden) + " more inside", "detail"})
	}
	// What is not drawn is reached through what holds it.
	it.borrow()
	return tall
}

// borrow lets what has no box of its own use its parent's.
func (it *item) borrow() {
	for _, kid := range it.kids {
		if kid.box == nil {
			kid.box, kid.port = it.box, it.port
		}
		kid.borrow()
	}
}

type nested struct {
	it    *item
	depth int
}

// rowsOf are the things inside a cell that are drawn, and how many more there
// are. A dense drawing has only those that matter, and does not count.
func rowsOf(it *item, dense bool) (rows []nested, hidden int) {
	const most = 6
	var walk func(it *item, depth int)
	walk = func(it *item, depth int) {
		for _, kid := range it.kids {
			matters := kid.class != none || kid.node.Status == posture.Fail || kid.node.Status == posture.Unknown || kid.node.Kind != "subnet"
			switch {
			case dense && !matters:
			case len(rows) == most:
				hidden++
			default:
				rows = append(rows, nested{kid, min(depth, 2)})
			}
			walk(kid, depth+1)
		}
	}
	walk(it, 0)
	return rows, hidden
}

// hub draws a network with all that it holds, the endpoints tall. It returns
// the height.
func (d *drawing) hub(it *item, x, y, w int) int {
	if it.node.Kind != "vnet" && it.node.Kind != "subnet" { // an endpoint whose network is not known
		return d.leaf(it, x, y, w)
	}
	const pad = 16
	head := headOf(it, w)
	b := d.put(it, x, y, w, 0, head)
	b.title(it)
	at := y + head
	for _, kid := range it.kids {
		if len(kid.kids) > 0 {
			at += d.subnet(kid, x+pad, at, w-2*pad) + 8
		} else {
			at += d.leaf(kid, x+pad, at, w-2*pad) + 6
		}
	}
	b.H = at + 4 - y
	return b.H
}

// subnet draws a subnet of a hub that holds something.
func (d *drawing) subnet(it *item, x, y, w int) int {
	const pad, head = 14, 26
	b := d.put(it, x, y, w, 0, head)
	b.strap(it, head)
	at := y + head
	for _, kid := range it.kids {
		at += d.leaf(kid, x+pad, at, w-2*pad) + 6
	}
	b.H = at + 4 - y
	it.borrow()
	return b.H
}

// leaf draws what holds nothing that is drawn.
func (d *drawing) leaf(it *item, x, y, w int) int {
	if it.node.Kind == "endpoint" {
		tall := max(leafTall, headOf(it, w)+6)
		d.put(it, x, y, w, tall, tall).title(it)
		it.borrow()
		return tall
	}
	d.strip(it, x, y, w)
	it.borrow()
	return rowHeight
}

// strip draws something on one line.
func (d *drawing) strip(it *item, x, y, w int) {
	d.put(it, x, y, w, rowHeight-2, rowHeight-2).strap(it, rowHeight-2)
}

func (d *drawing) account(it *item, x, y, w int) int {
	b := d.put(it, x, y, w, accountTall, accountTall)
	b.icon(it, 20)
	b.badges(it)
	left, room := x+34, w-34-10
	b.Labels = append(b.Labels,
		label{left, y + 20, fit(it.node.Name, room, nameSize, true), "name"},
		label{left, y + 36, "Azure OpenAI account", "detail"},
		label{left, y + 51, fit(it.node.Detail, room, detailSize, false), "detail"})
	return accountTall
}

// insets are how far the text of a box stays from its left and right edge. In
// a network that holds an endpoint, lines run along both.
func insets(it *item) (left, right int) {
	switch {
	case hasIcon(it):
		return 34, 10
	case it.parent == nil && it.holds("endpoint"):
		return 24, 24
	}
	return 10, 10
}

// headOf is how tall the name of an item and the line below it are.
func headOf(it *item, w int) int {
	left, right := insets(it)
	lines := wrapName(it.node.Name, w-left-right, nameSize)
	return cellHead + (len(lines)-1)*lineTall
}

// title writes an item's name, of one line or two, and below it what it is and
// has.
func (b *box) title(it *item) {
	left, right := insets(it)
	left, room := b.X+left, b.W-left-right
	lines := wrapName(it.node.Name, room, nameSize)
	detail := strings.TrimSpace(kindWord(it.node.Kind) + " " + it.node.Detail)
	head := headOf(it, b.W)
	y := b.Y + 17
	if b.Kind == "endpoint" {
		y += (b.H - head) / 2
		head = b.H
	}
	if detail == "" {
		y += 7
	}
	b.icon(it, head/2)
	b.badges(it)
	for _, line := range lines {
		b.Labels = append(b.Labels, label{left, y, line, "name"})
		y += lineTall
	}
	if detail != "" {
		b.Labels = append(b.Labels, label{left, y + 1, fit(detail, room, detailSize, false), "detail"})
	}
}

// strap writes name and detail on one line.
func (b *box) strap(it *item, head int) {
	left, room := b.X+8, b.W-16
	if hasIcon(it) {
		b.icon(it, head/2)
		left, room = left+20, room-20
	}
	if flagged(it) {
		b.Marks = append(b.Marks, mark{b.X + b.W - 18, b.Y + head/2 - 7, "f-" + string(it.node.Status)})
		room -= 16
	}
	name := fit(it.node.Name, room, detailSize, true)
	b.Labels = append(b.Labels, label{left, b.Y + head/2 + 4, name, "strap"})
	used := int(textWidth(name, detailSize, true)) + 10
	if detail := it.node.Detail; detail != "" && room-used > 40 {
		if textWidth(detail, detailSize, false) > float64(room-used) {
			detail, _, _ = strings.Cut(detail, ";") // the prefixes, which come first
		}
		b.Labels = append(b.Labels, label{left + used, b.Y + head/2 + 4, fit(detail, room-used, detailSize, false), "detail"})
	}
}

// hasIcon says whether an item has the sign of its kind; networks need none.
func hasIcon(it *item) bool {
	switch it.node.Kind {
	case "internet", "site", "endpoint", "account", "app", "firewall":
		return true
	}
	return false
}

func (b *box) icon(it *item, middle int) {
	if hasIcon(it) {
		b.Marks = append(b.Marks, mark{b.X + 9, b.Y + middle - 8, "i-" + it.node.Kind})
	}
}

func flagged(it *item) bool {
	return it.node.Status == posture.Fail || it.node.Status == posture.Unknown
}

// badges sit on the upper edge at the right: how a source stands to the model,
// and the worst finding.
func (b *box) badges(it *item) {
	x := b.X + b.W - 22
	if it.class != none {
		b.Marks = append(b.Marks, mark{x, b.Y - badge, "c-" + it.class.Key()})
		x -= 18
	}
	if flagged(it) {
		b.Marks = append(b.Marks, mark{x, b.Y - badge, "f-" + string(it.node.Status)})
	}
}

func kindWord(kind string) string {
	switch kind {
	case "vnet":
		return "VNet"
	case "more", "internet":
		return ""
	default:
		return kind
	}
}

// Key is the class in the page's style sheet, which the tracks share.
func (c class) Key() string {
	return [...]string{"intruder", "cutoff", "doubt", "meant", "blocked", "none"}[c]
}

// heading is a group's title with how many it has.
func (c cluster) heading() string {
	n := 0
	for _, it := range c.items {
		n += max(1, it.stands)
	}
	return c.title + " (" + strconv.Itoa(n) + ")"
}

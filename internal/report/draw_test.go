package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/posture"
)

// maps are the shapes whose drawings are held to the rules below.
func maps() map[string]posture.Map {
	mesh := posture.Map{}
	for i := range 12 {
		mesh.Nodes = append(mesh.Nodes, posture.Node{ID: strconv.Itoa(i), Kind: "vnet", Name: fmt.Sprint("mesh-", i)})
		for j := range i {
			mesh.Edges = append(mesh.Edges, posture.Edge{From: strconv.Itoa(i), To: strconv.Itoa(j), Kind: "peering", Allowed: true})
		}
	}
	many := small().Map
	for i := range 200 {
		in := hub + "/subnets/many" + strconv.Itoa(i/40)
		if i%40 == 0 {
			many.Nodes = append(many.Nodes, posture.Node{ID: in, Parent: hub, Kind: "subnet", Name: short(in)})
		}
		end, acc := fmt.Sprintf("e%d", i), fmt.Sprintf("a%d", i/2)
		many.Nodes = append(many.Nodes, posture.Node{ID: end, Parent: in, Kind: "endpoint", Name: end}, posture.Node{ID: acc, Kind: "account", Name: acc})
		many.Edges = append(many.Edges, posture.Edge{From: end, To: acc, Kind: "link", Allowed: true}, posture.Edge{From: vnet("vnet-spoke-dev"), To: end, Kind: "reach", Allowed: i%3 == 0})
	}
	return map[string]posture.Map{
		"small": small().Map, "big": big(60).Map, "huge": big(700).Map, "hostile": hostile().Map, "mesh": mesh, "many endpoints": many,
		"one account":         {Nodes: []posture.Node{{ID: "a", Kind: "account", Name: "a"}}},
		"a lonely endpoint":   {Nodes: []posture.Node{{ID: "e", Kind: "endpoint", Name: "e"}, {ID: "i", Kind: "internet", Name: "i"}}, Edges: []posture.Edge{{From: "i", To: "e", Kind: "reach", Allowed: true, Status: posture.Fail}}},
		"an app that is open": {Nodes: []posture.Node{{ID: "i", Kind: "internet", Name: "i"}, {ID: "v", Kind: "vnet", Name: "v"}, {ID: "s", Parent: "v", Kind: "subnet", Name: "s"}, {ID: "p", Parent: "s", Kind: "app", Name: "p"}, {ID: "a", Kind: "account", Name: "a"}}, Edges: []posture.Edge{{From: "i", To: "p", Kind: "reach", Allowed: true, Status: posture.Fail}, {From: "p", To: "a", Kind: "reach", Allowed: true, Status: posture.Pass}, {From: "i", To: "a", Kind: "reach"}}},
	}
}

func drawings(t *testing.T, check func(t *testing.T, d *drawing)) {
	for name, m := range maps() {
		for _, width := range []int{wideDrawing, mediumDrawing, narrowDrawing} {
			t.Run(fmt.Sprintf("%s at %d", name, width), func(t *testing.T) {
				d := planOf(m).draw(width)
				if d.W > width+20 {
					t.Errorf("%d wide", d.W)
				}
				check(t, d)
			})
		}
	}
}

func (b *box) inside(other *box) bool {
	return b.X >= other.X && b.Y >= other.Y && b.X+b.W <= other.X+other.W && b.Y+b.H <= other.Y+other.H
}

func (b *box) apart(other *box) bool {
	return b.X+b.W <= other.X || other.X+other.W <= b.X || b.Y+b.H <= other.Y || other.Y+other.H <= b.Y
}

// Boxes are in the picture, and any two lie apart or one inside the other: the
// child in its parent.
func TestBoxesDoNotOverlap(t *testing.T) {
	drawings(t, func(t *testing.T, d *drawing) {
		canvas := &box{X: 0, Y: 0, W: d.W, H: d.H}
		for i, b := range d.Boxes {
			if !b.inside(canvas) || b.W <= 0 || b.H <= 0 {
				t.Errorf("%q stands outside: %+v of %dx%d", b.item.node.Name, *b, d.W, d.H)
			}
			for _, m := range b.Marks {
				if sign := (&box{X: m.X, Y: m.Y, W: m.Size(), H: m.Size()}); !sign.inside(canvas) {
					t.Errorf("a sign of %q stands outside: %+v", b.item.node.Name, m)
				}
			}
			for _, other := range d.Boxes[i+1:] {
				switch {
				case b.apart(other):
				case other.item.within(b.item) && other.inside(b):
				default:
					t.Errorf("%q and %q overlap: %d,%d %dx%d and %d,%d %dx%d", b.item.node.Name, other.item.node.Name, b.X, b.Y, b.W, b.H, other.X, other.Y, other.W, other.H)
				}
			}
		}
	})
}

// Text stays in its box, by the widest of the usual fonts.
func TestLabelsFit(t *testing.T) {
	drawings(t, func(t *testing.T, d *drawing) {
		for _, b := range d.Boxes {
			for _, l := range b.Labels {
				size, heavy := detailSize, l.Kind != "detail"
				if l.Kind == "name" {
					size = nameSize
				}
				if right := float64(l.X) + textWidth(l.Text, size, heavy); right > float64(b.X+b.W)+1 || l.Y > b.Y+b.H || l.Y < b.Y {
					t.Errorf("%q of %q reaches %.0f,%d of a box at %d,%d %dx%d", l.Text, b.item.node.Name, right, l.Y, b.X, b.Y, b.W, b.H)
				}
			}
		}
	})
}

func pointsOf(t *testing.T, path string) []point {
	t.Helper()
	var points []point
	for _, pair := range regexp.MustCompile(`(-?\d+) (-?\d+)`).FindAllStringSubmatch(path, -1) {
		x, err1 := strconv.Atoi(pair[1])
		y, err2 := strconv.Atoi(pair[2])
		if err1 != nil || err2 != nil {
			t.Fatal(path)
		}
		points = append(points, point{x, y})
	}
	return points
}

// Lines stay in the picture, begin at the box they lead to and end at the one
// they come from.
func TestLinesMeetTheirBoxes(t *testing.T) {
	drawings(t, func(t *testing.T, d *drawing) {
		for _, l := range d.Lines {
			points := pointsOf(t, l.Path)
			for _, p := range points {
				if p.x < 0 || p.y < 0 || p.x > d.W || p.y > d.H {
					t.Errorf("%s leaves the picture of %dx%d: %s", l.Kind, d.W, d.H, l.Path)
				}
			}
			at, from := l.Bond.to.box, l.Bond.from.box
			if l.Kind == "link" {
				at, from = from, at
			}
			if !touches(at, points[0]) || !touches(from, points[len(points)-1]) {
				t.Errorf("%s from %q to %q does not meet its boxes: %s", l.Kind, l.Bond.from.node.Name, l.Bond.to.node.Name, l.Path)
			}
		}
	})
}

// touches allows for a box drawn inside a cell, whose lines leave the cell.
func touches(b *box, p point) bool {
	const slack = 24
	return p.x >= b.X-slack && p.x <= b.X+b.W+slack && p.y >= b.Y-slack && p.y <= b.Y+b.H+slack
}

// Lines of different answers never lie on each other: whoever follows a red one
// does not end at a blue one's source.
func TestLinesOfDifferentAnswersStayApart(t *testing.T) {
	drawings(t, func(t *testing.T, d *drawing) {
		type cell struct{ x, y int }
		upright := map[cell]string{}
		for _, l := range d.Lines {
			if l.Kind == "link" || l.Kind == "peering" {
				continue
			}
			points := pointsOf(t, l.Path)
			for i := 1; i < len(points); i++ {
				a, b := points[i-1], points[i]
				if a.x != b.x || a.x < d.trunk || a.x > d.trunk+int(trackCount)*pitch {
					continue
				}
				for y := min(a.y, b.y); y <= max(a.y, b.y); y++ {
					if was := upright[cell{a.x, y}]; was != "" && was != l.Kind {
						t.Fatalf("%s lies on %s at %d,%d", l.Kind, was, a.x, y)
					}
					upright[cell{a.x, y}] = l.Kind
				}
			}
		}
	})
}

// Nothing is lost: each node of a small map is drawn, each edge is a line, and
// what a large map does not show is counted.
func TestNothingIsLost(t *testing.T) {
	p := planOf(small().Map)
	for _, width := range []int{wideDrawing, mediumDrawing, narrowDrawing} {
		d := p.draw(width)
		if len(d.Boxes) != len(small().Map.Nodes) || len(d.Lines) != len(small().Map.Edges)-1 { // one peering has two ends
			t.Errorf("%d boxes and %d lines at %d", len(d.Boxes), len(d.Lines), width)
		}
	}
	p = planOf(big(2000).Map)
	shown := 0
	for _, g := range p.groups {
		for _, it := range g.items {
			shown += max(1, it.stands)
		}
		if len(g.items) > groupMax {
			t.Errorf("%s has %d boxes", g.title, len(g.items))
		}
	}
	if want := 2000 + 4; shown != want { // and two spokes, a site and the internet
		t.Errorf("boxes stand for %d places, want %d", shown, want)
	}
	total := 0
	for _, n := range p.counts {
		total += n
	}
	if total != 2000+5 {
		t.Errorf("%d places counted", total)
	}
}

func TestCentralNetworks(t *testing.T) {
	for name, want := range map[string]string{"small": "vnet-hub", "big": "vnet-hub", "mesh": "", "an app that is open": ""} {
		var names []string
		for _, it := range planOf(maps()[name]).hubs {
			names = append(names, it.node.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: hubs %q, want %q", name, got, want)
		}
	}
	// A hub without an endpoint stands beside the network that has it.
	m := big(5).Map
	for i, n := range m.Nodes {
		if n.ID == pe {
			m.Nodes[i].Parent = vnet("vnet-spoke-app") + "/subnets/web"
		}
	}
	if hubs := planOf(m).hubs; len(hubs) != 2 {
		t.Errorf("%d hubs", len(hubs))
	}
}

func TestNatural(t *testing.T) {
	names := []string{"spoke-10", "spoke-9", "a", "spoke-009", "", "spoke", "spoke-9a"}
	slices.SortFunc(names, natural)
	if got := strings.Join(names, " "); got != " a spoke spoke-9 spoke-009 spoke-9a spoke-10" {
		t.Errorf("%q", got)
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in   string
		room int
		want string
	}{{"short", 100, "short"}, {"vnet-spoke-production-001", 100, "vnet-s…on-001"}, {"x", 1, "x"}, {"abc", 1, "…"}, {"", 0, ""}} {
		if got := fit(c.in, c.room, nameSize, true); got != c.want {
			t.Errorf("fit(%q, %d) = %q, want %q", c.in, c.room, got, c.want)
		}
	}
	if got := fit(strings.Repeat("é", 1_000_000), 50, nameSize, true); len(got) > 40 {
		t.Errorf("%d bytes", len(got))
	}
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"short", []string{"short"}}, {"vnet-spoke-production-001", []string{"vnet-spoke-", "productio…1"}},
		{"abcdefghijklmnopqrst", []string{"abcdefghijkl", "mnopqrst"}}, {"", []string{""}},
	} {
		if got := wrapName(c.in, 90, nameSize); len(got) != len(c.want) || got[0] != c.want[0] {
			t.Errorf("wrapName(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// track is the channel in which a line runs. Lines of one answer share it, so
// that sixty of them look like one cable; lines of different answers never lie
// on each other.
type track int

const (
	peering track = iota
	trackBlocked
	trackMeant
	trackDoubt
	trackCutOff
	trackIntruder
	trackCount
	link track = -1 // from an endpoint to its account, in no channel
)

// pitch is how far tracks lie apart, in pixels.
const pitch = 6

// trackOf is where an edge runs; an edge of a kind that is not known runs
// nowhere.
func trackOf(e posture.Edge) (track, bool) {
	switch e.Kind {
	case "peering":
		return peering, true
	case "link":
		return link, true
	case "reach":
		return trackIntruder - track(classOf(e.Allowed, e.Status)), true
	default:
		return 0, false
	}
}

// word is the track's class in the page's style sheet.
func (t track) word() string {
	if t == link {
		return "link"
	}
	return [...]string{"peering", "blocked", "meant", "doubt", "cutoff", "intruder"}[t]
}

// tracks is a set of tracks.
type tracks uint

func (s *tracks) add(t track) {
	if t != link {
		*s |= 1 << t
	}
}

// lanes is how many tracks there are, and index where t is among them.
func (s tracks) lanes() int { return s.index(trackCount) }

func (s tracks) index(t track) int {
	n := 0
	for i := range t {
		if s&(1<<i) != 0 {
			n++
		}
	}
	return n
}

type point struct{ x, y int }

// port is where lines leave an item: from (x, y) on its edge, for a cell by a
// gap beside it into its row's lanes below.
type port struct {
	x, y   int
	gap    int    // x of the gap's middle
	lane   int    // y of the row's first lane
	row    tracks // which lanes the row has
	cell   bool
	last   bool // nothing stands between it and the trunk
	far    bool // an account beyond the hubs
	height int
}

// spread keeps lines of different tracks apart on the edge of an item.
func (p port) spread(t track) int {
	step := min(9, max(2, (p.height-8)/int(trackCount)))
	return p.y + (int(t)-int(trackCount)/2)*step
}

// arm are the points from an item to the trunk.
func (d *drawing) arm(p port, t track) []point {
	x, y := d.trunk+int(t)*pitch, p.spread(t)
	switch {
	case p.cell && !p.last:
		gap, lane := p.gap+(int(t)-int(trackCount)/2)*2, p.lane+p.row.index(t)*pitch
		return []point{{p.x, y}, {gap, y}, {gap, lane}, {x, lane}}
	case p.far:
		beside, over := d.far-int(t)*3, d.bypass-int(t)*3
		return []point{{p.x, y}, {beside, y}, {beside, over}, {x, over}}
	default:
		return []point{{p.x, y}, {x, y}}
	}
}

// path are the points of a bond, from where it leads to where it comes from:
// so the dashes of lines that share a cable fall on each other.
func (d *drawing) path(b *bond) []point {
	from, to := b.from.port, b.to.port
	switch {
	case b.track == link:
		return d.linkPath(b)
	case b.from.root() == b.to.root() && !from.cell:
		x := d.inner(b.from.root(), b.track)
		return []point{{to.x, to.spread(b.track)}, {x, to.spread(b.track)}, {x, from.spread(b.track)}, {from.x, from.spread(b.track)}}
	}
	sameRow := from.cell && to.cell && from.lane == to.lane
	if sameRow {
		from.last, to.last = false, false
	}
	out, in := d.arm(from, b.track), d.arm(to, b.track)
	if sameRow {
		out, in = out[:3], in[:3] // there is no need of the trunk
	}
	slices.Reverse(out)
	return append(in, out...)
}

// inner is the channel inside a hub, between its edge and what it holds.
func (d *drawing) inner(hub *item, t track) int {
	if d.stacked {
		return hub.box.X + hub.box.W - 4 - int(trackCount-t)*2
	}
	return hub.box.X + 4 + int(trackCount-t)*2
}

// linkPath leads from an endpoint to its account, on the side away from the
// trunk.
func (d *drawing) linkPath(b *bond) []point {
	from, to := b.from.box, b.to.box
	y, end := from.Y+from.H/2, to.Y+to.H/2
	channel := d.links + (b.to.key%4)*5
	if d.stacked {
		return []point{{from.X, y}, {channel, y}, {channel, end}, {to.X, end}}
	}
	return []point{{from.X + from.W, y}, {channel, y}, {channel, end}, {to.X, end}}
}

// svgPath writes points as a path with rounded corners.
func svgPath(points []point) string {
	points = straighten(points)
	var b strings.Builder
	for i, p := range points {
		switch {
		case i == 0:
			fmt.Fprintf(&b, "M%d %d", p.x, p.y)
		case i == len(points)-1:
			fmt.Fprintf(&b, "L%d %d", p.x, p.y)
		default:
			before, after := toward(p, points[i-1]), toward(p, points[i+1])
			fmt.Fprintf(&b, "L%d %dQ%d %d %d %d", before.x, before.y, p.x, p.y, after.x, after.y)
		}
	}
	return b.String()
}

// straighten leaves out points that change nothing.
func straighten(points []point) []point {
	var out []point
	for _, p := range points {
		n := len(out)
		switch {
		case n > 0 && out[n-1] == p:
		case n > 1 && (out[n-2].x == out[n-1].x && out[n-1].x == p.x || out[n-2].y == out[n-1].y && out[n-1].y == p.y):
			out[n-1] = p
		default:
			out = append(out, p)
		}
	}
	return out
}

// toward is the point at most a corner's radius from p on the way to q, and
// never past the middle.
func toward(p, q point) point {
	step := func(from, to int) int {
		const radius = 5
		half := (to - from) / 2
		return from + max(-radius, min(radius, half))
	}
	return point{step(p.x, q.x), step(p.y, q.y)}
}

package topology

import "github.com/ostiary/ostiary/internal/estate"

// portion is a set of sources that rules treat alike.
type portion struct {
	set Set
	outcome
	settled bool // a rule matched for certain
	by      int  // its priority
}

// partition is evaluate for all sources of a set at once.
func partition(rules []rule, of Set, to end, port Port, s *scope) []portion {
	open := []portion{{set: of}}
	var done []portion
	for i := range rules {
		r := &rules[i]
		fixed := r.fixed(to, port, s)
		if fixed == no {
			continue
		}
		var next []portion
		for _, p := range open {
			if p.settled && p.by != r.priority {
				done = append(done, p)
				continue
			}
			next = append(next, p.divide(r, fixed, s)...)
		}
		if open = next; len(open) == 0 {
			break
		}
	}
	for _, p := range open {
		if !p.settled {
			p.acts |= allows
		}
		done = append(done, p)
	}
	return done
}

// fixed is match without the source.
func (r *rule) fixed(to end, port Port, s *scope) tri {
	t := r.service(port)
	if t == no {
		return no
	}
	if platform(to.addr) != 0 {
		return t.and(r.bindsPlatform(to))
	}
	return t.and(r.to.has(to, s))
}

// divide splits a portion at a rule: what it means for certain, perhaps, and
// not at all.
func (p portion) divide(r *rule, fixed tri, s *scope) []portion {
	sure, perhaps := r.from.split(p.set, s)
	if fixed == maybe || p.settled {
		sure, perhaps = nil, sure.Union(perhaps)
	}
	out := make([]portion, 0, 3)
	if !sure.Empty() {
		out = append(out, portion{sure, p.add(r, yes), true, r.priority})
	}
	if !perhaps.Empty() {
		out = append(out, portion{perhaps, p.add(r, maybe), p.settled, p.by})
	}
	if rest := p.set.Minus(sure).Minus(perhaps); !rest.Empty() {
		out = append(out, portion{rest, p.outcome, p.settled, p.by})
	}
	return out
}

// piece is a set of sources for which a flow goes alike.
type piece struct {
	set Set
	trail
}

// with is the piece for a part of its sources, after one more hop.
func (p piece) with(set Set, hops ...Hop) piece {
	out := piece{set: set, trail: trail{hops: append(make([]Hop, 0, len(p.hops)+len(hops)), p.hops...), verdict: p.verdict}}
	for _, h := range hops {
		out.add(h)
	}
	return out
}

// pieces is pass for all sources of a set at once.
func (c *checkpoint) pieces(of Set, to end, port Port) []piece {
	start := piece{set: of, trail: trail{verdict: Allowed}}
	if of.Empty() {
		return nil
	}
	if len(c.admin) == 0 {
		return c.groupPieces(start, to, port)
	}
	var out []piece
	for _, p := range partition(c.admin, of, to, port, &c.sub.scope) {
		switch p.acts {
		case denies:
			out = append(out, start.with(p.set, c.adminHop(p.outcome, Denied)))
		case overrides:
			out = append(out, start.with(p.set, c.adminHop(p.outcome, Allowed)))
		case allows:
			out = append(out, c.groupPieces(start.with(p.set), to, port)...)
		default:
			for _, g := range c.groupPieces(start.with(p.set), to, port) {
				if c.mixed(p.outcome, g.verdict) != g.verdict {
					g = start.with(g.set, c.adminHop(p.outcome, Unknown))
				}
				out = append(out, g)
			}
		}
	}
	return out
}

func (c *checkpoint) groupPieces(start piece, to end, port Port) []piece {
	if h, only := c.unfiltered(); only {
		return []piece{start.with(start.set, h)}
	}
	pieces := []piece{start}
	for _, f := range c.groups {
		if f == nil || f.state == estate.Absent {
			continue
		}
		var next []piece
		for _, p := range pieces {
			switch {
			case p.verdict == Denied:
				next = append(next, p)
			case f.state != estate.Known:
				next = append(next, p.with(p.set, c.groupHop(f, outcome{})))
			default:
				for _, part := range partition(f.group.rules(c.inbound), p.set, to, port, &c.sub.scope) {
					next = append(next, p.with(part.set, c.groupHop(f, part.outcome)))
				}
			}
		}
		pieces = next
	}
	for _, g := range c.ghosts {
		var next []piece
		for _, p := range pieces {
			next = append(next, c.ghostPieces(p, g, to, port)...)
		}
		pieces = next
	}
	return pieces
}

func (c *checkpoint) ghostPieces(p piece, g *host, to end, port Port) []piece {
	if p.verdict == Denied {
		return []piece{p}
	}
	parts := []portion{{set: p.set}}
	if g.filter.state == estate.Known {
		parts = partition(g.filter.group.rules(c.inbound), p.set, to, port, &c.sub.scope)
	}
	var out []piece
	for _, part := range parts {
		if h, doubtful := c.ghostHop(g, part.outcome); doubtful {
			out = append(out, p.with(part.set, h))
		} else {
			out = append(out, p.with(part.set))
		}
	}
	return out
}

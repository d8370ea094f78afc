package probe

import (
	"net/http"
	"net/netip"
	"slices"
	"testing"
)

// Within a network beside the endpoint's, its address is no secret, and its
// silence is what should be.
func TestWithin(t *testing.T) {
	for name, c := range map[string]struct {
		gives  string // the resolver
		open   bool   // the endpoint takes connections
		dns    Status
		tcp    Status
		expect string
	}{
		"linked and shut":      {inner, false, Pass, Pass, "public addresses, or 10.1.2.4"},
		"not linked, and shut": {outer, false, Pass, Pass, ""},
		"linked and open":      {inner, true, Pass, Fail, ""},
		"led elsewhere":        {"10.9.9.9", false, Fail, Pass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.inside(http.HandlerFunc(account))
			e.Inside, e.Within = false, true
			if !c.open {
				delete(w.routes, "tcp "+inner+":443")
			}
			w.names[host] = []netip.Addr{netip.MustParseAddr(c.gives)}
			all := Run(t.Context(), w.config(e))
			wantStatus(t, all, "dns-a", c.dns, "")
			wantStatus(t, all, "tcp", c.tcp, "")
			if got := named(all, "dns-a")[0].Expect; c.expect != "" && got != c.expect {
				t.Errorf("expects %q", got)
			}
		})
	}
	w := newWorld(t)
	e := w.outside(says(403, publicOff))
	e.Within, e.Addresses = false, []netip.Addr{netip.MustParseAddr(inner)}
	if got := named(Run(t.Context(), w.config(e)), "tcp"); len(got) > 0 {
		t.Errorf("from the internet, another machine's address was tried: %s", dump(got))
	}
}

// What was seen is told apart from what should be.
func TestFacts(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc // nil: no connection
		seen    Seen
	}{
		"kept out":                 {says(403, publicOff), SeenKeptOut},
		"by the other words":       {says(403, firewall), SeenKeptOut},
		"let in, a key refused":    {says(401, badKey), SeenLetIn},
		"let in, a token refused":  {says(401, badToken), SeenLetIn},
		"let in, keys off":         {says(403, keysOff), SeenLetIn},
		"served":                   {says(200, "{}"), SeenLetIn},
		"a 403 of somebody else's": {says(403, "<html>"), SeenNothing},
		"led away":                 {says(302, ""), SeenNothing},
		"not well":                 {says(503, publicOff), SeenNothing},
		"no connection":            {nil, SeenNoConnection},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.outside(c.handler)
			if c.handler == nil {
				delete(w.routes, "tcp "+outer+":443")
			}
			all := Run(t.Context(), w.config(e))
			for _, o := range named(all, "http-models") {
				want := []Try{{netip.MustParseAddr(outer), c.handler != nil}}
				if o.Seen != c.seen || !slices.Equal(o.Tried, want) || o.Host != host {
					t.Errorf("%s, want %q", dump([]Observation{o}), c.seen)
				}
			}
			if o := named(all, "dns-a")[0]; o.Seen != SeenAnswer || o.Resolver != "system" || !slices.Equal(o.Addresses, w.names[host]) {
				t.Errorf("%s", dump([]Observation{o}))
			}
		})
	}
}

func TestFactsOfResolvers(t *testing.T) {
	w := newWorld(t)
	c := w.config(w.inside(http.HandlerFunc(account)))
	w.zone("10.0.0.4:53", azureLinked())
	w.zone("10.0.0.5:53", records{})
	c.Servers = []string{"10.0.0.4", "10.0.0.5", "10.0.0.6"}
	want := map[string]Seen{"system": SeenAnswer, "10.0.0.4 udp": SeenAnswer, "10.0.0.5 tcp": SeenAnswer, "10.0.0.6 udp": SeenNothing}
	for _, o := range named(Run(t.Context(), c), "dns-a") {
		if seen, ok := want[o.Resolver]; ok && o.Seen != seen {
			t.Errorf("%s, want %q", dump([]Observation{o}), seen)
		}
		delete(want, o.Resolver)
	}
	if len(want) > 0 {
		t.Errorf("not asked: %v", want)
	}
}

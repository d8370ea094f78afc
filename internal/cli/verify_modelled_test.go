package cli

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/probe"
	"github.com/ostiary/ostiary/internal/topology"
)

func parsed(list string) []netip.Addr {
	var all []netip.Addr
	for text := range strings.FieldsSeq(list) {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestAsResolved(t *testing.T) {
	const inner, outer, other = "10.0.2.4", "203.0.113.7", "10.0.2.9"
	for name, c := range map[string]struct {
		want    topology.Result
		modeled string
		seen    string // "-" for no answer
		six     bool
		status  posture.Status
	}{
		"the address":                    {topology.Addresses, inner, inner, false, posture.Pass},
		"in another order":               {topology.Addresses, inner + " " + other, other + " " + inner, false, posture.Pass},
		"one more":                       {topology.Addresses, inner, inner + " " + other, false, posture.Fail},
		"one less":                       {topology.Addresses, inner + " " + other, inner, false, posture.Fail},
		"another":                        {topology.Addresses, inner, outer, false, posture.Fail},
		"none":                           {topology.Addresses, inner, "", false, posture.Fail},
		"no answer":                      {topology.Addresses, inner, "-", false, posture.Unknown},
		"of the other family":            {topology.Addresses, inner, "", true, posture.Pass},
		"of the other family, and seen":  {topology.Addresses, inner, "2001:db8::1", true, posture.Fail},
		"public":                         {topology.Public, "", outer, false, posture.Pass},
		"public, and a private one seen": {topology.Public, "", inner, false, posture.Fail},
		"public, and one of both":        {topology.Public, "", inner + " " + outer, false, posture.Fail},
		"public, and none":               {topology.Public, "", "", false, posture.Fail},
		"public, and no AAAA":            {topology.Public, "", "", true, posture.Pass},
		"no such name":                   {topology.NXDomain, "", "", false, posture.Pass},
		"no address":                     {topology.NoData, "", "", false, posture.Pass},
		"no such name, and one seen":     {topology.NXDomain, "", outer, false, posture.Fail},
		"not modelled":                   {topology.Unresolved, "", inner, false, posture.Unknown},
		"neither modelled nor seen":      {topology.Unresolved, "", "-", false, posture.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			seen := probe.Facts{Seen: probe.SeenAnswer}
			if c.seen == "-" {
				seen.Seen = probe.SeenNothing
			} else {
				seen.Addresses = parsed(c.seen)
			}
			if got := asResolved(topology.Answer{Result: c.want, Addrs: parsed(c.modeled)}, seen, c.six); got != c.status {
				t.Errorf("%s, want %s", got, c.status)
			}
		})
	}
}

func TestAsReached(t *testing.T) {
	const p, f, u = posture.Pass, posture.Fail, posture.Unknown
	seen := []probe.Seen{probe.SeenNothing, probe.SeenNoConnection, probe.SeenConnection, probe.SeenKeptOut, probe.SeenLetIn, probe.SeenAnswer}
	for name, c := range map[string]struct {
		flow topology.Flow
		want []posture.Status // in the order of seen
	}{
		"allowed":                    {flowOf(topology.Allowed, topology.StepGroup), []posture.Status{u, f, p, f, p, u}},
		"denied by a rule":           {flowOf(topology.Denied, topology.StepGroup), []posture.Status{u, p, f, f, f, u}},
		"denied by the account":      {flowOf(topology.Denied, topology.StepAccount), []posture.Status{u, p, u, p, f, u}},
		"unknown":                    {flowOf(topology.Unknown, topology.StepAppliance), []posture.Status{u, u, u, u, u, u}},
		"denied, and nobody says so": {topology.Flow{Verdict: topology.Denied}, []posture.Status{u, u, u, u, u, u}},
	} {
		for i, s := range seen {
			if got := asReached(c.flow, s); got != c.want[i] {
				t.Errorf("%s, seen %q: %s, want %s", name, s, got, c.want[i])
			}
		}
	}
}

func flowOf(v topology.Verdict, by topology.Step) topology.Flow {
	return topology.Flow{Verdict: v, Hops: []topology.Hop{{Step: topology.StepRoute, Verdict: topology.Allowed}, {Step: by, Verdict: v}}}
}

func TestOfInternet(t *testing.T) {
	for resolver, want := range map[string]bool{
		"system":                          false,
		"10.0.0.53 udp":                   false,
		"10.0.0.53:5353 tcp":              false,
		"127.0.0.53 udp":                  false,
		"168.63.129.16 udp":               false, // Azure's, for whoever asks from a network
		"9.9.9.9 udp":                     false, // it is the machine's own
		"8.8.8.8 udp":                     true,
		"8.8.8.8:53 tcp":                  true,
		"[2001:4860:4860::8888]:53 udp":   true,
		"https://dns.example/dns-query":   true,
		"not the address of a DNS server": false,
	} {
		if got := ofInternet(resolver, []string{"9.9.9.9"}); got != want {
			t.Errorf("%s: %t", resolver, got)
		}
	}
}

// What differs among the places where one may stand is not known.
func TestPlacesThatDiffer(t *testing.T) {
	top := topologyOf(t, network("a", "10.0.0.0/16", "apps 10.0.1.0/24"))
	apps, _ := top.PlaceOf(networks + "a/subnets/apps")
	out := topology.Internet(netip.Addr{})
	to := topology.Address(netip.MustParseAddr("10.0.1.9"))
	for _, c := range []struct {
		places []topology.Place
		want   topology.Verdict
	}{
		{nil, topology.Unknown},
		{[]topology.Place{apps}, topology.Allowed},
		{[]topology.Place{out}, topology.Denied},
		{[]topology.Place{apps, apps}, topology.Allowed},
		{[]topology.Place{apps, out}, topology.Unknown},
		{[]topology.Place{{}}, topology.Unknown},
	} {
		m := model{top, stand{places: c.places}}
		if got := m.flow(to); got.Verdict != c.want {
			t.Errorf("%d places: %s, want %s", len(c.places), got, c.want)
		}
	}
	m := model{top, stand{places: []topology.Place{out, {}}}}
	if got := m.resolve("example.com"); got.Result != topology.Unresolved {
		t.Errorf("resolved %s", got)
	}
}

// An unknown that a person can resolve is advice, with what was seen; looks
// that say the same are one finding.
func TestFindings(t *testing.T) {
	got := findings("account", []sight{
		{check: modelledReach(), status: posture.Pass, what: "reached", modelled: "rule r", look: "tcp", got: "connected"},
		{check: modelledReach(), status: posture.Pass, what: "reached", modelled: "rule r", look: "http-key", got: "HTTP 403"},
		{check: modelledReach(), status: posture.Unknown, what: "not told", modelled: "unknown", look: "http-token", got: "silence"},
	})
	if len(got) != 2 || got[0].Level != posture.Must || got[0].Witness != "modelled: rule r; seen: connected (tcp); HTTP 403 (http-key)" {
		t.Errorf("%+v", got)
	}
	if len(got) == 2 && (got[1].Level != posture.Advice || got[1].Status != posture.Unknown || got[1].Witness != "modelled: unknown; seen: silence (http-token)") {
		t.Errorf("%+v", got[1])
	}
}

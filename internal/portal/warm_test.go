package portal

import (
	"slices"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/pki"
)

// The order in which sessions are taken: what answers before what does not, the
// near before the far, and of those that are alike the one with less to do.
func TestCostOrdersSessions(t *testing.T) {
	ms := time.Millisecond
	for name, c := range map[string]struct{ better, worse channel.Stats }{
		"idle before busy":                     {channel.Stats{Streams: 3}, channel.Stats{Streams: 5}},
		"near before far":                      {channel.Stats{RoundTrip: 10 * ms}, channel.Stats{RoundTrip: 80 * ms}},
		"far and idle before near and crowded": {channel.Stats{RoundTrip: 80 * ms}, channel.Stats{RoundTrip: 10 * ms, Streams: 20}},
		"small differences do not count":       {channel.Stats{RoundTrip: 4 * ms, Streams: 1}, channel.Stats{RoundTrip: 50 * time.Microsecond, Streams: 2}},
		"what answers before what does not":    {channel.Stats{RoundTrip: time.Second, Streams: 4000}, channel.Stats{RoundTrip: ms, Overdue: 2 * time.Second}},
		"of two that do not, the later":        {channel.Stats{Overdue: 2 * time.Second}, channel.Stats{Overdue: 9 * time.Second}},
	} {
		for range 100 {
			if cost(c.better) >= cost(c.worse) {
				t.Errorf("%s: %v costs no less than %v", name, c.better, c.worse)
				break
			}
		}
	}
	counts := [2]int{}
	for range 1000 {
		counts[slices.Index([]bool{true, false}, cost(channel.Stats{}) < cost(channel.Stats{}))]++
	}
	if counts[0] < 300 || counts[1] < 300 {
		t.Errorf("of two that are alike, one is preferred: %v", counts)
	}
}

// A session is replaced well before it ends, each at another time; one that
// ended while the machine slept soon, and without a panic.
func TestSessionsAreReplacedInTime(t *testing.T) {
	for _, left := range []time.Duration{-time.Hour, -1, 0, 1, time.Second, time.Minute, 24 * time.Hour} {
		for range 100 {
			if got := replaceIn(left); got < shortRenew || got > max(left*3/4, shortRenew) || left > time.Minute && got < left/2 {
				t.Fatalf("with %s left it is replaced in %s", left, got)
			}
		}
	}
}

// The list follows whom it has admitted.
func TestAllowListCutsWhomItNoLongerAdmits(t *testing.T) {
	peer := func(name, team string) Peer {
		return Peer{pki.ID{Project: "demo", Role: pki.Inlet, Member: name}, map[string]string{"team": team}}
	}
	research, both := []Rule{{Attributes: map[string]string{"team": "research"}}},
		[]Rule{{Attributes: map[string]string{"team": "research"}}, {Member: peer("b", "").ID}}
	l := newAllowList(both, false)
	cut := make(chan string, 4)
	follow := func(p Peer) func() { return l.follow(p, func(error) { cut <- p.ID.Member }) }
	defer follow(peer("a", "research"))()
	defer follow(peer("b", "sales"))()
	follow(peer("c", "research"))() // gone before anything changes
	l.set(both)
	l.set(research)
	if got := <-cut; got != "b" {
		t.Errorf("%s was cut", got)
	}
	follow(peer("d", "sales"))
	if got := <-cut; got != "d" {
		t.Errorf("%s was cut in place of one that came too late", got)
	}
	l.set(nil)
	if got := <-cut; got != "a" || len(cut) > 0 {
		t.Errorf("%s was cut by an empty list, and %d more", got, len(cut))
	}
	if newAllowList(nil, true).admit(peer("x", "")) != nil || newAllowList(nil, false).admit(peer("x", "")) == nil {
		t.Error("an empty list admits the wrong ones")
	}
}

func TestLegSettingsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		leg Leg
		bad bool
	}{
		"nothing":          {Leg{}, false},
		"padding":          {Leg{PadTo: 512}, false},
		"little padding":   {Leg{PadTo: 4}, true},
		"too much padding": {Leg{PadTo: 5000}, true},
		"websocket":        {Leg{Carrier: "websocket", PingEvery: time.Second, Proxy: &LegProxy{Address: "p:3128"}}, false},
		"another carrier":  {Leg{Carrier: "pigeon"}, true},
		"pings too seldom": {Leg{PingEvery: 5 * time.Minute}, true},
		"pings too often":  {Leg{PingEvery: time.Millisecond}, true},
		"a proxy's URL":    {Leg{Proxy: &LegProxy{Address: "http://p"}}, true},
	} {
		bad := false
		c.leg.Check(func(string, string, string) { bad = true })
		if bad != c.bad {
			t.Errorf("%s: reported %v", name, bad)
		}
	}
}

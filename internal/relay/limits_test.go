package relay

import (
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

var (
	one = pki.ID{Project: "demo", Role: pki.Inlet, Member: "one"}
	two = pki.ID{Project: "demo", Role: pki.Inlet, Member: "two"}
)

func TestLegsAreLimitedByMember(t *testing.T) {
	m, now := newMembers(Limits{Legs: 2, LegsPerMinute: 6}), time.Now()
	refused := func(id pki.ID, want string) {
		t.Helper()
		if err := m.enter(id, now); fault.KindOf(err) != fault.Throttled || !strings.Contains(err.Error(), want) {
			t.Errorf("enter = %v, want %q", err, want)
		}
	}
	admitted := func(id pki.ID) {
		t.Helper()
		if err := m.enter(id, now); err != nil {
			t.Error(err)
		}
	}
	admitted(one)
	admitted(one)
	refused(one, "too many legs")
	admitted(two) // is not held up
	for range 4 {
		m.exit(one)
		admitted(one)
	}
	m.exit(one)
	for range 100 {
		refused(one, "too fast") // and refusals cost nothing more
	}
	now = now.Add(10 * time.Second) // six a minute is one in ten seconds
	admitted(one)
	m.exit(one)
	refused(one, "too fast")
}

func TestBytesAreSlowedByMember(t *testing.T) {
	m, now := newMembers(Limits{BytesPerSecond: 1 << 20}), time.Now()
	for _, id := range []pki.ID{one, two} {
		if err := m.enter(id, now); err != nil {
			t.Fatal(err)
		}
	}
	var sum time.Duration
	for range 80 { // 10 MiB, of which the first is there at once
		wait := m.spend(one, 128<<10, now)
		now, sum = now.Add(wait), sum+wait
	}
	if sum < 8900*time.Millisecond || sum > 9100*time.Millisecond {
		t.Errorf("10 MiB at 1 MiB a second waited for %s", sum)
	}
	if wait := m.spend(two, 128<<10, now); wait != 0 {
		t.Errorf("another member waits for %s", wait)
	}
	unlimited := newMembers(Limits{})
	if err := unlimited.enter(one, now); err != nil || unlimited.spend(one, 1<<40, now) != 0 {
		t.Errorf("without a limit: %v, or a wait", err)
	}
}

func TestLimitsThatStallAreRefused(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		bad    bool
	}{{Limits{}, false}, {Limits{BytesPerSecond: leastRate}, false}, {Limits{BytesPerSecond: 100}, true}, {Limits{Legs: -1}, true}} {
		bad := false
		c.limits.Check(func(string, string, string) { bad = true })
		if bad != c.bad {
			t.Errorf("%+v: reported %v", c.limits, bad)
		}
	}
}

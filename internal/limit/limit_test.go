package limit

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is set by hand.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

func TestRequests(t *testing.T) {
	c := newClock()
	l := New(Limits{Requests: 3}, c.now)
	for i := range 3 {
		if _, no := l.Take(1 << 50); no != nil {
			t.Fatalf("call %d: %+v", i, no)
		}
		c.at = c.at.Add(10 * time.Second)
	}
	_, no := l.Take(1) // at 30 s; the first counts until 61 s
	if no == nil || *no != (Refusal{Kind: Requests, Retry: 31 * time.Second, Limits: Limits{Requests: 3}}) {
		t.Fatalf("%+v", no)
	}
	c.at = c.at.Add(no.Retry - time.Nanosecond)
	if _, no := l.Take(1); no == nil || no.Retry != time.Second {
		t.Errorf("too early: %+v", no)
	}
	c.at = c.at.Add(time.Nanosecond)
	if _, no := l.Take(1); no != nil {
		t.Errorf("in time: %+v", no)
	}
	c.at = c.at.Add(time.Hour)
	for range 3 {
		if _, no := l.Take(1); no != nil {
			t.Errorf("after an hour: %+v", no)
		}
	}
}

func TestTokens(t *testing.T) {
	c := newClock()
	l := New(Limits{Requests: 100, Tokens: 1000}, c.now)
	first, no := l.Take(600)
	if no != nil {
		t.Fatal(no)
	}
	if _, no = l.Take(401); no == nil || no.Kind != Tokens || no.Retry != 61*time.Second || no.Never || no.Left != (Limits{99, 400}) {
		t.Fatalf("%+v", no)
	}
	first.Settle(100)
	first.Settle(0) // does nothing
	second, no := l.Take(900)
	if no != nil {
		t.Fatalf("after a refund: %+v", no)
	}
	if _, no = l.Take(1); no == nil || no.Left.Tokens != 0 {
		t.Fatalf("%+v", no)
	}
	c.at = c.at.Add(30 * time.Second)
	second.Settle(5000) // a debt, from now on
	c.at = c.at.Add(31 * time.Second)
	if _, no = l.Take(0); no == nil || no.Retry != 30*time.Second {
		t.Errorf("within the debt's minute: %+v", no)
	}
	c.at = c.at.Add(30 * time.Second)
	if _, no = l.Take(1000); no != nil {
		t.Errorf("after it: %+v", no)
	}
	if _, no = l.Take(1001); no == nil || !no.Never || no.Retry != 61*time.Second {
		t.Errorf("more than the limit: %+v", no)
	}
}

// TestLateSettle: what no longer counts is not given back, a debt counts all
// the same.
func TestLateSettle(t *testing.T) {
	c := newClock()
	l := New(Limits{Tokens: 100}, c.now)
	long, _ := l.Take(100)
	c.at = c.at.Add(2 * time.Minute)
	if _, no := l.Take(100); no != nil {
		t.Fatal(no)
	}
	long.Settle(0)
	if _, no := l.Take(1); no == nil {
		t.Error("tokens of two minutes ago were given back")
	}
}

// TestSet: other limits are held against what was taken before.
func TestSet(t *testing.T) {
	c := newClock()
	l := New(Limits{Requests: 10}, c.now)
	for range 3 {
		l.Take(1000)
	}
	l.Set(Limits{Requests: 4, Tokens: 3005})
	if _, no := l.Take(6); no == nil || no.Left != (Limits{1, 5}) {
		t.Errorf("%+v", no)
	}
	if _, no := l.Take(5); no != nil {
		t.Errorf("%+v", no)
	}
	if _, no := l.Take(0); no == nil || no.Kind != Requests {
		t.Errorf("%+v", no)
	}
	l.Set(Limits{})
	if _, no := l.Take(1 << 50); no != nil {
		t.Errorf("%+v", no)
	}
}

func TestNothingToLimit(t *testing.T) {
	c := newClock()
	for _, l := range []*Limiter{nil, New(Limits{}, c.now)} {
		r, no := l.Take(1 << 60)
		if no != nil {
			t.Errorf("%v %v", l, no)
		}
		r.Settle(5)
		want := Limits{}
		if l != nil {
			want = Limits{1, 5}
		}
		if limits, used := l.State(); limits != (Limits{}) || used != want {
			t.Errorf("%+v %+v", limits, used)
		}
	}
}

// TestCount: what somebody else let through counts, whether it fits or not.
func TestCount(t *testing.T) {
	c := newClock()
	l := New(Limits{Requests: 2, Tokens: 100}, c.now)
	var open []Reservation
	for range 3 {
		open = append(open, l.Count(60))
	}
	if _, used := l.State(); used != (Limits{3, 180}) {
		t.Fatalf("%+v", used)
	}
	if _, no := l.Take(1); no == nil || no.Kind != Requests {
		t.Errorf("%+v", no)
	}
	for i := range open {
		open[i].Settle(10)
	}
	if _, used := l.State(); used != (Limits{3, 30}) {
		t.Errorf("%+v", used)
	}
	var none *Limiter
	nothing := none.Count(5)
	nothing.Settle(1)
}

// TestState: what is told is of the last minute.
func TestState(t *testing.T) {
	c := newClock()
	l := New(Limits{Requests: 3, Tokens: 100}, c.now)
	r, _ := l.Take(70)
	if limits, used := l.State(); limits != (Limits{3, 100}) || used != (Limits{1, 70}) {
		t.Errorf("%+v %+v", limits, used)
	}
	r.Settle(20)
	if _, used := l.State(); used != (Limits{1, 20}) {
		t.Errorf("%+v", used)
	}
	c.at = c.at.Add(61 * time.Second)
	if _, used := l.State(); used != (Limits{}) {
		t.Errorf("a minute later: %+v", used)
	}
}

func TestClockGoesBack(t *testing.T) {
	c := newClock()
	l := New(Limits{Requests: 1}, c.now)
	l.Take(0)
	c.at = c.at.Add(-time.Hour)
	if _, no := l.Take(0); no == nil {
		t.Error("a clock set back makes room")
	}
	c.at = c.at.Add(2 * time.Hour)
	if _, no := l.Take(0); no != nil {
		t.Error("stuck after a clock set back")
	}
}

// event is what a naive model remembers.
type event struct {
	at     time.Time
	tokens int64
	debt   bool
}

// within sums what was let through in the window (at-span, at], in calls and
// tokens.
func within(events []*event, at time.Time, span time.Duration) (calls, tokens int64) {
	for _, e := range events {
		if e.at.After(at.Add(-span)) {
			tokens += e.tokens
			if !e.debt {
				calls++
			}
		}
	}
	return calls, tokens
}

// TestAgainstModel: whatever the order of calls and settlements, a call that is
// let through leaves every limit kept over the last 60 s, one that would keep
// them over 61 s is let through, and one that waits as told is.
func TestAgainstModel(t *testing.T) {
	type open struct {
		Reservation
		*event
	}
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := newClock()
		limits := Limits{random.Int64N(20) + 1, random.Int64N(1000) + 1}
		l := New(limits, c.now)
		var events []*event
		var under []open
		for step := range 400 {
			c.at = c.at.Add(time.Duration(random.ExpFloat64() * float64(time.Second) * 3))
			if n := len(under); n > 0 && random.IntN(2) == 0 {
				i := random.IntN(n)
				o := under[i]
				under = append(under[:i], under[i+1:]...)
				used := random.Int64N(2 * (o.event.tokens + 1))
				o.Settle(used)
				if debt := used - o.event.tokens; debt > 0 {
					events = append(events, &event{c.at, debt, true})
				} else {
					o.event.tokens = used
				}
				continue
			}
			tokens := random.Int64N(limits.Tokens/2 + 2)
			r, no := l.Take(tokens)
			calls, sum := within(events, c.at, time.Minute)
			if no == nil {
				if calls+1 > limits.Requests || sum+tokens > limits.Tokens {
					t.Fatalf("seed %d, step %d: let through %d calls and %d tokens in a minute of %+v", seed, step, calls+1, sum+tokens, limits)
				}
				e := &event{c.at, tokens, false}
				events, under = append(events, e), append(under, open{r, e})
				continue
			}
			if calls, sum = within(events, c.at, 61*time.Second); calls+1 <= limits.Requests && sum+tokens <= limits.Tokens {
				t.Fatalf("seed %d, step %d: refused %+v at %d calls and %d tokens of %+v", seed, step, no, calls, sum, limits)
			}
			if no.Retry < time.Second || no.Retry > 61*time.Second {
				t.Fatalf("seed %d: told to wait %v", seed, no.Retry)
			}
			if random.IntN(3) == 0 && !no.Never {
				c.at = c.at.Add(no.Retry)
				if r, again := l.Take(tokens); again == nil {
					e := &event{c.at, tokens, false}
					events, under = append(events, e), append(under, open{r, e})
				} else if again.Kind == no.Kind {
					t.Fatalf("seed %d: waited %v and was refused %+v", seed, no.Retry, again)
				}
			}
		}
	}
}

// TestTogether: callers that come at once do not overshoot together.
func TestTogether(t *testing.T) {
	c := newClock()
	l := New(Limits{Requests: 1 << 30, Tokens: 1000}, c.now)
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 100 {
				if r, no := l.Take(7); no == nil {
					taken.Add(7)
					r.Settle(7)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load() != 994 {
		t.Errorf("%d tokens of 1000", taken.Load())
	}
}

func BenchmarkTake(b *testing.B) {
	l := New(Limits{Requests: 1 << 39, Tokens: 1 << 39}, nil)
	b.ReportAllocs()
	for b.Loop() {
		r, _ := l.Take(1000)
		r.Settle(300)
	}
}

// BenchmarkRefuse is the dearest path: every second is looked at.
func BenchmarkRefuse(b *testing.B) {
	c := newClock()
	l := New(Limits{Tokens: 610}, c.now)
	for range 61 {
		l.Take(10)
		c.at = c.at.Add(time.Second)
	}
	c.at = c.at.Add(-time.Second)
	b.ReportAllocs()
	for b.Loop() {
		l.Take(600)
	}
}

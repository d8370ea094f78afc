package shared

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/limit/redistest"
)

// wall is a clock that the server and the test read.
type wall struct {
	redis *redistest.Server
	at    time.Time
}

func newWall(r *redistest.Server) *wall {
	w := &wall{redis: r, at: time.Unix(1_800_000_000, 0)}
	w.add(0)
	return w
}

func (w *wall) now() time.Time { return w.at }

func (w *wall) add(d time.Duration) {
	w.at = w.at.Add(d)
	w.redis.Do("SET", "clock", w.at.Unix())
}

// event is what a naive model remembers.
type event struct {
	at     time.Time
	tokens int64
	debt   bool
}

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

// TestAgainstModel: three processes that ask one server keep, together, what one
// limiter in one process keeps, answer for answer; and both keep what is
// promised, by a naive model: whoever is let through leaves every limit kept
// over the last 60 s, and who would keep them over 61 s is let through.
func TestAgainstModel(t *testing.T) {
	r := redisServer(t)
	type open struct {
		settle func(int64)
		local  limit.Reservation
		from   *Store
		*event
	}
	for seed := range uint64(25) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := newWall(r)
		limits := limit.Limits{Requests: random.Int64N(20), Tokens: random.Int64N(1000)}
		if seed%5 == 0 {
			limits.Requests += 1 << 41 // as good as none
			limits.Tokens = 1<<39 + random.Int64N(1000)
		}
		local := limit.New(limits, w.now)
		var stores []*Store
		var processes []*Limiter
		for range 3 {
			s := newStore(t, r.Address(), func(c *Config) {
				c.Prefix, c.Now, c.script = fmt.Sprintf("model%d", seed), w.now, byHand(t)
			})
			stores, processes = append(stores, s), append(processes, s.Limiter("team", limits))
		}
		if limits == (limit.Limits{}) {
			continue
		}
		kept, _ := local.State()
		var events []*event
		var under []open
		for step := range 250 {
			w.add(time.Duration(random.ExpFloat64() * float64(time.Second) * 3))
			if random.IntN(60) == 0 {
				w.add(time.Duration(random.IntN(200)) * time.Second)
			}
			if n := len(under); n > 0 && random.IntN(2) == 0 {
				i := random.IntN(n)
				o := under[i]
				under = slices.Delete(under, i, i+1)
				used := random.Int64N(2 * (o.event.tokens + 1))
				o.settle(used)
				o.from.flush()
				o.local.Settle(used)
				if debt := used - o.event.tokens; debt > 0 {
					events = append(events, &event{w.at, debt, true})
				} else {
					o.event.tokens = used
				}
				continue
			}
			which := random.IntN(3)
			tokens := random.Int64N(limits.Tokens/2 + 2)
			settle, no := take(t, processes[which], tokens)
			reserved, localNo := local.Take(tokens)
			if (no == nil) != (localNo == nil) || no != nil && *no != *localNo {
				t.Fatalf("seed %d, step %d: %+v, one process %+v", seed, step, no, localNo)
			}
			if _, used := processes[(which+1)%3].State(); true {
				if _, localUsed := local.State(); used != localUsed {
					t.Fatalf("seed %d, step %d: %+v used, one process %+v", seed, step, used, localUsed)
				}
			}
			fits := func(calls, sum int64) bool {
				return (kept.Requests == 0 || calls+1 <= kept.Requests) && (kept.Tokens == 0 || sum+tokens <= kept.Tokens)
			}
			if no == nil {
				if !fits(within(events, w.at, time.Minute)) {
					t.Fatalf("seed %d, step %d: let through beyond %+v", seed, step, kept)
				}
				e := &event{w.at, tokens, false}
				events, under = append(events, e), append(under, open{settle, reserved, stores[which], e})
			} else if fits(within(events, w.at, 61*time.Second)) {
				t.Fatalf("seed %d, step %d: refused %+v", seed, step, no)
			}
		}
	}
}

// TestTogether: callers of four processes that come at once take the limit and
// nothing beyond, on the server's own clock.
func TestTogether(t *testing.T) {
	r := redisServer(t)
	var taken, refused atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		l := newStore(t, r.Address()).Limiter("team", limit.Limits{Requests: 1 << 30, Tokens: 1000})
		for range 8 {
			wg.Go(func() {
				for range 20 {
					settle, no, err := l.Take(7)
					switch {
					case err != nil:
						t.Error(err)
					case no != nil:
						refused.Add(1)
					default:
						taken.Add(7)
						settle(7)
					}
				}
			})
		}
	}
	wg.Wait()
	if taken.Load() != 994 || refused.Load() != 4*8*20-142 {
		t.Errorf("%d tokens of 1000, %d refused", taken.Load(), refused.Load())
	}
}

// TestSettlementGoesAlong: what was not used is there for the process's own next
// call at once, and for the others' soon; nobody has to call for that.
func TestSettlementGoesAlong(t *testing.T) {
	r := redisServer(t)
	one, other := newStore(t, r.Address()), newStore(t, r.Address())
	run(t, one)
	limits := limit.Limits{Tokens: 100}
	mine, theirs := one.Limiter("team", limits), other.Limiter("team", limits)
	settle, _ := take(t, mine, 100)
	settle(10)
	settle(0) // does nothing
	settle, no := take(t, mine, 90)
	if no != nil {
		t.Fatalf("%+v", no)
	}
	settle(0)
	until(t, "others may take what was given back", func() bool {
		_, no := take(t, theirs, 90)
		return no == nil
	})
	if _, used := mine.State(); used.Tokens != 100 {
		t.Errorf("%+v", used)
	}
}

// TestCloseSettles: a process that ends well leaves nothing to be settled.
func TestCloseSettles(t *testing.T) {
	r := redisServer(t)
	s := newStore(t, r.Address())
	settle, _ := take(t, s.Limiter("team", limit.Limits{Tokens: 100}), 100)
	settle(40)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, used := newStore(t, r.Address()).Limiter("team", limit.Limits{Tokens: 100}).State(); used.Tokens != 40 {
		t.Errorf("%+v", used)
	}
}

// TestReload: other limits are held against what was taken before, and a
// process with other limits asks for its own.
func TestReload(t *testing.T) {
	r := redisServer(t)
	s := newStore(t, r.Address())
	l := s.Limiter("team", limit.Limits{Requests: 10})
	for range 3 {
		take(t, l, 1000)
	}
	l.Set(limit.Limits{Requests: 4, Tokens: 3005})
	if _, no := take(t, l, 6); no == nil || no.Left != (limit.Limits{Requests: 1, Tokens: 5}) {
		t.Errorf("%+v", no)
	}
	if _, no := take(t, s.Limiter("team", limit.Limits{Requests: 3}), 1); no == nil || no.Kind != limit.Requests {
		t.Errorf("%+v", no)
	}
	if _, no := take(t, s.Limiter("other", limit.Limits{Requests: 1}), 1); no != nil {
		t.Errorf("another workload: %+v", no)
	}
	if _, no := take(t, l, 5000); no == nil || !no.Never {
		t.Errorf("%+v", no)
	}
	l.Set(limit.Limits{})
	if _, no := take(t, l, 1<<60); no != nil {
		t.Errorf("%+v", no)
	}
	if limits, used := l.State(); limits != (limit.Limits{}) || used.Requests != 4 {
		t.Errorf("without limits: %+v %+v", limits, used)
	}
}

// TestClock: a server's clock that goes back makes no room, and blocks nobody
// once it has come back to where it was; keys end by themselves.
func TestClock(t *testing.T) {
	r := redisServer(t)
	w := newWall(r)
	s := newStore(t, r.Address(), func(c *Config) { c.script = byHand(t) })
	l := s.Limiter("team", limit.Limits{Requests: 1})
	take(t, l, 5)
	if ttl := r.Do("PTTL", "ostiary:{team}:minute").(int64); ttl < 55_000 || ttl > 62_000 {
		t.Errorf("the key ends in %d ms", ttl)
	}
	w.add(-time.Hour)
	if _, no := take(t, l, 0); no == nil || no.Retry != 61*time.Second {
		t.Errorf("a clock set back makes room: %+v", no)
	}
	w.add(time.Hour + 60*time.Second)
	if _, no := take(t, l, 0); no == nil || no.Retry != time.Second {
		t.Errorf("%+v", no)
	}
	w.add(time.Second)
	if _, no := take(t, l, 0); no != nil {
		t.Errorf("%+v", no)
	}
	w.add(24 * time.Hour)
	if _, no := take(t, l, 0); no != nil {
		t.Errorf("a day later: %+v", no)
	}
	if n := r.Do("HLEN", "ostiary:{team}:minute").(int64); n != 4 { // at, r, t and one second's r
		t.Errorf("%d fields are kept: %v", n, r.Do("HGETALL", "ostiary:{team}:minute"))
	}
}

// TestClockBetween: what is taken while the clock is back ends with the rest.
func TestClockBetween(t *testing.T) {
	r := redisServer(t)
	w := newWall(r)
	s := newStore(t, r.Address(), func(c *Config) { c.script = byHand(t) })
	l := s.Limiter("team", limit.Limits{Requests: 2})
	take(t, l, 5)
	w.add(-time.Hour)
	take(t, l, 5)
	w.add(time.Hour + 60*time.Second)
	if _, no := take(t, l, 0); no == nil || no.Left.Requests != 0 {
		t.Errorf("%+v", no)
	}
	w.add(time.Second)
	for range 2 {
		if _, no := take(t, l, 0); no != nil {
			t.Errorf("%+v", no)
		}
	}
}

// TestServerForgets: what is settled after a server has lost everything gives
// nothing back that was not taken.
func TestServerForgets(t *testing.T) {
	r := redisServer(t)
	s := newStore(t, r.Address())
	l := s.Limiter("team", limit.Limits{Tokens: 100})
	settle, _ := take(t, l, 100)
	r.Do("FLUSHALL")
	settle(0)
	s.flush()
	if _, used := l.State(); used != (limit.Limits{}) {
		t.Errorf("%+v", used)
	}
	if n := r.Do("DBSIZE").(int64); n != 0 {
		t.Errorf("%d keys", n)
	}
	r.Do("SCRIPT", "FLUSH") // as after a restart
	if _, no := take(t, l, 100); no != nil {
		t.Errorf("%+v", no)
	}
}

// TestWhatIsKept: names of workloads and numbers, and nothing else.
func TestWhatIsKept(t *testing.T) {
	r := redisServer(t)
	s := newStore(t, r.Address())
	run(t, s)
	odd := "we}ird {name\r\n$5"
	for _, name := range []string{"team", odd} {
		settle, no := take(t, s.Limiter(name, limit.Limits{Requests: 5, Tokens: 5000}), 1000)
		if no != nil {
			t.Fatal(no)
		}
		settle(3000)
	}
	until(t, "a probe", func() bool { return s.Ready() == nil })
	keys := r.Do("KEYS", "*").([]any)
	want := map[any]bool{"ostiary:{team}:minute": true, "ostiary:{" + odd + "}:minute": true, "ostiary:{}:probe": true}
	for _, key := range keys {
		if !want[key] {
			t.Errorf("key %q", key)
		}
		for i, v := range r.Do("HGETALL", key).([]any) {
			field := strings.Trim(v.(string), "0123456789")
			if i%2 == 0 && !slices.Contains([]string{"at", "r", "t"}, field) || i%2 == 1 && field != "" {
				t.Errorf("%q: %q", key, v)
			}
		}
	}
	if len(keys) != len(want) {
		t.Errorf("%q", keys)
	}
}

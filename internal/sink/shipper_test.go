package sink

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
)

func TestACallIsDeliveredWholeAndOnce(t *testing.T) {
	b, m := newBook(t), &memory{}
	b.intent(1)
	b.intent(2)
	b.outcome(2)
	b.refusal(3)
	b.outcome(1)
	deliver(t, quick(b, m))
	wantKinds(t, m, map[string][]string{id(1): {KindCall}, id(2): {KindCall}, id(3): {KindRefusal}})
	if m.entries[0].ID != id(2) || m.entries[0].Intent != 1 || m.entries[0].Index != 2 {
		t.Errorf("the first entry is %+v", m.entries[0])
	}
}

// An intent far before its outcome, with restarts of the sink in between:
// nothing twice, nothing without its first half.
func TestHalvesAreJoinedAcrossRestarts(t *testing.T) {
	b, m := newBook(t), &memory{}
	b.intent(1)
	b.intent(2)
	cfg := quick(b, m)
	s := deliver(t, cfg)
	if s.Needs() != 0 {
		t.Errorf("needs %d, but the intents at 0 and 1 still wait", s.Needs())
	}
	b.refusal(3)
	b.outcome(2)
	if s = deliver(t, cfg); s.Needs() != 0 {
		t.Errorf("needs %d, but the intent at 0 still waits", s.Needs())
	}
	deliver(t, cfg)
	b.outcome(1)
	if s = deliver(t, cfg); s.Needs() != 5 {
		t.Errorf("needs %d of a log that is delivered to the end at 5", s.Needs())
	}
	wantKinds(t, m, map[string][]string{id(1): {KindCall}, id(2): {KindCall}, id(3): {KindRefusal}})
	for _, e := range m.entries {
		if e.Deployment == "" || e.Time.IsZero() {
			t.Errorf("%s lacks its first half", e.ID)
		}
	}
}

func TestACrashedCallIsDeliveredAtTheNextStart(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  bool // a sink ran before the crash
		traffic bool // calls come after it
	}{{"quiet", false, false}, {"quiet, sink ran before", true, false}, {"busy", false, true}, {"busy, sink ran before", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			b, m := newBook(t), &memory{}
			b.intent(1)
			b.refusal(2)
			if c.before {
				deliver(t, quick(b, m))
			}
			b.restart()
			cfg := quick(b, m)
			if c.traffic {
				b.intent(4)
			}
			s := deliver(t, cfg)
			want := map[string][]string{id(1): {KindNoOutcome}, id(2): {KindRefusal}}
			wantKinds(t, m, want)
			if !c.traffic && s.Needs() != 2 {
				t.Errorf("needs %d", s.Needs())
			}
			if c.traffic { // the call of the new start is under way
				b.outcome(4)
				deliver(t, cfg)
				want[id(4)] = []string{KindCall}
				wantKinds(t, m, want)
			}
		})
	}
}

func TestALateOutcomeIsDeliveredAfterAll(t *testing.T) {
	b, m := newBook(t), &memory{}
	b.intent(1)
	cfg := quick(b, m)
	cfg.NoOutcome = time.Hour
	deliver(t, cfg)
	wantKinds(t, m, map[string][]string{})
	b.at = b.at.Add(2 * time.Hour)
	b.refusal(2)
	deliver(t, cfg)
	b.outcome(1)
	deliver(t, cfg)
	wantKinds(t, m, map[string][]string{id(1): {KindNoOutcome, KindOutcome}, id(2): {KindRefusal}})
}

// What is not durable could be gone after a power loss, and its index taken by
// another record.
func TestOnlyWhatIsDurableIsDelivered(t *testing.T) {
	b, m := newBook(t), &memory{}
	b.refusal(1)
	b.refusal(2)
	var durable atomic.Uint64
	durable.Store(1)
	cfg := quick(b, m)
	cfg.Source.Durable = durable.Load
	deliver(t, cfg)
	wantKinds(t, m, map[string][]string{id(1): {KindRefusal}})
	durable.Store(2)
	deliver(t, cfg)
	wantKinds(t, m, map[string][]string{id(1): {KindRefusal}, id(2): {KindRefusal}})
}

func TestALogPutBackDoesNotHideWhatIsNew(t *testing.T) {
	b, m := newBook(t), &memory{cursor: Cursor{Next: 7, From: 0, Open: []uint64{0, 5}}}
	b.intent(1)
	b.refusal(2)
	cfg := quick(b, m)
	cfg.Source.Start = 0
	deliver(t, cfg) // two entries are known to the sink, as far as anybody can tell
	b.refusal(3)
	b.outcome(1)
	deliver(t, cfg)
	wantKinds(t, m, map[string][]string{id(3): {KindRefusal}, id(1): {KindCall}})
}

func TestASinkThatIsAwayStopsNothingAndLosesNothing(t *testing.T) {
	b, m := newBook(t), &memory{}
	var away atomic.Bool
	away.Store(true)
	m.fail = func() error {
		if away.Load() {
			return errAway
		}
		return nil
	}
	cfg := quick(b, m)
	cfg.BatchEntries = 3
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	want := map[string][]string{}
	for n := range 500 { // more than the batch and the channel hold
		b.refusal(n)
		want[id(n)] = []string{KindRefusal}
	}
	if s.lag() != 500 || len(m.kinds()) != 0 {
		t.Errorf("lag is %d while the sink is away", s.lag())
	}
	away.Store(false)
	for s.lag() > 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantKinds(t, m, want)
}

// A shipper that is killed at any moment, and whose destination fails at any
// write, loses nothing; a destination that keeps the cursor gets nothing twice.
func TestKilledAndRestartedUnderLoad(t *testing.T) {
	const writers = 8
	calls := times(50)
	b, m := newBook(t), &memory{}
	m.fail = func() error {
		if rand.N(5) == 0 {
			return errAway
		}
		return nil
	}
	want := map[string][]string{}
	for n := range writers * calls {
		want[id(n)] = []string{KindCall}
	}
	var load sync.WaitGroup
	for w := range writers {
		load.Go(func() {
			for i := range calls {
				n := w*calls + i
				book := &book{t: t, log: b.log, at: b.at}
				book.intent(n)
				if rand.N(3) == 0 {
					time.Sleep(time.Duration(rand.N(3000)) * time.Microsecond)
				}
				book.outcome(n)
			}
		})
	}
	loaded := make(chan struct{})
	go func() { load.Wait(); close(loaded) }()
	cfg := quick(b, m)
	cfg.BatchEntries, cfg.Linger = 20, time.Nanosecond // killed, not ended
	kills := 0
	for running := true; running; kills++ {
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.N(30))*time.Millisecond)
		_ = s.Run(ctx)
		cancel()
		select {
		case <-loaded:
			running = false
		default:
		}
	}
	cfg.Linger = 20 * time.Second
	deliver(t, cfg)
	wantKinds(t, m, want)
	t.Logf("killed %d times", kills)
}

func TestTooManyOpenCallsAreGivenUpFromTheOldest(t *testing.T) {
	j := newJoiner("log", false)
	for n := range maxOpen + 2 {
		j.record(uint64(n), ledger.Record{Kind: ledger.Intent, ID: id(n), Call: &ledger.Call{}})
	}
	var given []whole
	j.overdue(0, time.Time{}, func(w whole) { given = append(given, w) })
	if len(given) != 2 || given[0].ID != id(0) || given[1].ID != id(1) || j.order.Len() != maxOpen {
		t.Errorf("gave up %d, keeps %d", len(given), j.order.Len())
	}
}

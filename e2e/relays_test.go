package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
	"github.com/ostiary/ostiary/internal/relay"
)

// relayWith enrols and runs a relay as cfg says.
func (p *project) relayWith(cfg relay.Config) (address string, stop func()) {
	p.t.Helper()
	cfg.Credentials, cfg.Logger = p.join(pki.Relay, "", nil), p.log
	r, err := relay.New(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	ln := listen(p.t)
	return ln.Addr().String(), background(p.t, func(ctx context.Context) error { return r.Serve(ctx, ln) })
}

// outletWith runs an outlet as cfg says.
func (p *project) outletWith(cfg portal.OutletConfig) (o *portal.Outlet, stop func()) {
	p.t.Helper()
	cfg.Service, cfg.Logger = "openai", p.log
	if cfg.Relays == nil {
		cfg.Relays = []string{p.relay}
	}
	o, err := portal.NewOutlet(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return o, background(p.t, o.Run)
}

// inletWith runs an inlet as cfg says, and waits until it has so many sessions.
func (p *project) inletWith(cfg portal.InletConfig, sessions int) (in *portal.Inlet, address string, stop func()) {
	p.t.Helper()
	cfg.Service, cfg.Logger = "openai", p.log
	if cfg.Relays == nil {
		cfg.Relays = []string{p.relay}
	}
	in, err := portal.NewInlet(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	ln := listen(p.t)
	stop = background(p.t, func(ctx context.Context) error { return in.Serve(ctx, ln) })
	eventually(p.t, fmt.Sprintf("%d sessions", sessions), func() bool { return len(in.Sessions()) == sessions })
	return in, ln.Addr().String(), stop
}

// eventually waits for something that happens beside.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("this did not come: %s", what)
		}
	}
}

// load asks again and again, one connection a request, until stopped; it keeps
// what went wrong of requests that began while counting was on.
type load struct {
	url     string
	counts  atomic.Bool
	good    atomic.Int64
	bad     atomic.Int64
	last    atomic.Value
	ended   context.Context
	stop    func()
	workers sync.WaitGroup
}

func newLoad(t *testing.T, address string, workers int) *load {
	l := &load{url: "http://" + address + "/quick"}
	l.ended, l.stop = context.WithCancel(context.Background())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range workers {
		l.workers.Go(func() {
			for l.ended.Err() == nil {
				counted := l.counts.Load()
				err := quickly(client, l.url)
				switch {
				case err == nil:
					l.good.Add(1)
				case counted:
					l.bad.Add(1)
					l.last.Store(err)
				}
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() { l.stop(); l.workers.Wait() }

func quickly(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.HasPrefix(string(body), "quick") {
		return fmt.Errorf("answer %q: %w", body, err)
	}
	return nil
}

// slowTarget answers /quick at once, and /slow with events until release.
func slowTarget(t *testing.T, name string) (address string, release func()) {
	released := make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release) // before the server's own end, which waits for it
	return httpTarget(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			_, _ = io.WriteString(w, "quick "+name)
			return
		}
		for n := 0; ; n++ {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", n)
			w.(http.Flusher).Flush()
			select {
			case <-released:
				_, _ = io.WriteString(w, "data: [DONE]\n\n")
				return
			case <-r.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})), release
}

// stream is a slow answer that is being read.
type stream struct {
	done  chan struct{}
	whole bool
	err   error
}

// slow begins n slow answers and returns once the first event of each is here.
func slow(t *testing.T, address string, n int) []*stream {
	t.Helper()
	all := make([]*stream, n)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // an idle connection would hold a relay up
	for i := range all {
		resp, err := client.Get("http://" + address + "/slow")
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(resp.Body)
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		s := &stream{done: make(chan struct{})}
		all[i] = s
		go func() {
			defer close(s.done)
			defer resp.Body.Close()
			for lines.Scan() {
				s.whole = s.whole || lines.Text() == "data: [DONE]"
			}
			s.err = lines.Err()
		}()
	}
	return all
}

// outcome waits for all and counts those that came whole and those that were
// cut; one that ended cleanly without its last event is a lie.
func outcome(t *testing.T, all []*stream) (whole, cut int) {
	t.Helper()
	for _, s := range all {
		<-s.done
		switch {
		case s.whole && s.err == nil:
			whole++
		case s.err != nil:
			cut++
		default:
			t.Error("a stream was cut short and looked whole")
		}
	}
	return whole, cut
}

func streamsBy(in *portal.Inlet, relay string) (n int) {
	for _, s := range in.Sessions() {
		if s.Relay == relay {
			n += s.Streams
		}
	}
	return n
}

// Two relays carry at once. One is killed under load: new requests do not
// notice, and those in flight on the other go on to their ends.
func TestRelayKilledUnderLoad(t *testing.T) {
	p := found(t, "demo", nil)
	one, kill := p.relayWith(relay.Config{})
	two, _ := p.relayWith(relay.Config{})
	target, release := slowTarget(t, "target")
	out := p.join(pki.Outlet, "owner", service("openai"))
	me := p.join(pki.Inlet, "consumer", service("openai"))
	p.outletWith(portal.OutletConfig{Credentials: out, Relays: []string{one, two}, Target: target, Allow: []portal.Rule{{Member: me.ID()}}})
	in, address, _ := p.inletWith(portal.InletConfig{Credentials: me, Relays: []string{one, two}, Outlet: out.ID()}, 2)

	l := newLoad(t, address, 8)
	slowOnes := slow(t, address, 40)
	onOne, onTwo := streamsBy(in, one), streamsBy(in, two)
	if onOne < 5 || onTwo < 5 {
		t.Fatalf("%d streams by one relay and %d by the other: they are not both used", onOne, onTwo)
	}
	kill()
	eventually(t, "the inlet's noticing", func() bool { return len(in.Sessions()) == 1 })
	l.counts.Store(true)
	before := l.good.Load()
	eventually(t, "500 requests", func() bool { return l.good.Load()+l.bad.Load() > before+500 })
	if n := l.bad.Load(); n > 0 {
		t.Errorf("%d new requests failed, the last with %v", n, l.last.Load())
	}
	release()
	whole, cut := outcome(t, slowOnes)
	if whole == 0 || cut == 0 || whole+cut != 40 {
		t.Errorf("%d streams whole, %d cut", whole, cut)
	}
	t.Logf("40 in flight, %d cut with their relay, %d on the other whole; %d requests after", cut, whole, l.good.Load()-before)
}

// A relay that is told to end has everything moved first: not one request and
// not one stream is lost.
func TestRelayDrains(t *testing.T) {
	p := found(t, "demo", nil)
	one, end := p.relayWith(relay.Config{Drain: time.Minute})
	two, _ := p.relayWith(relay.Config{})
	target, release := slowTarget(t, "target")
	out := p.join(pki.Outlet, "owner", service("openai"))
	me := p.join(pki.Inlet, "consumer", service("openai"))
	p.outletWith(portal.OutletConfig{Credentials: out, Relays: []string{one, two}, Target: target, Allow: []portal.Rule{{Member: me.ID()}}})
	in, address, _ := p.inletWith(portal.InletConfig{Credentials: me, Relays: []string{one, two}, Outlet: out.ID()}, 2)

	l := newLoad(t, address, 8)
	l.counts.Store(true)
	slowOnes := slow(t, address, 30)
	if n := streamsBy(in, one); n < 5 {
		t.Fatalf("%d streams by the relay that is to end", n)
	}
	ended := make(chan struct{})
	go func() { end(); close(ended) }()
	before := l.good.Load()
	eventually(t, "500 requests beside the drain", func() bool { return l.good.Load()+l.bad.Load() > before+500 })
	select {
	case <-ended:
		t.Error("the relay ended while streams went through it")
	default:
	}
	release()
	if whole, cut := outcome(t, slowOnes); cut > 0 || whole != 30 {
		t.Errorf("%d streams whole, %d cut", whole, cut)
	}
	<-ended
	l.end()
	if n := l.bad.Load(); n > 0 {
		t.Errorf("%d requests failed, the last with %v", n, l.last.Load())
	}
}

// Two outlets serve at once; one that is told to end loses nothing, and when it
// is back it is used again.
func TestTwoOutletsBalanceAndDrain(t *testing.T) {
	p := found(t, "demo", nil)
	first, second := p.join(pki.Outlet, "first", service("openai")), p.join(pki.Outlet, "second", service("openai"))
	me := p.join(pki.Inlet, "consumer", service("openai"))
	allow := []portal.Rule{{Member: me.ID()}}
	ways := map[string]string{}
	for _, name := range []string{"first", "second"} {
		ways[name], _ = slowTarget(t, name)
	}
	start := func() func() {
		_, stop := p.outletWith(portal.OutletConfig{Credentials: first, Target: ways["first"], Allow: allow, Drain: time.Minute})
		return stop
	}
	end := start()
	p.outletWith(portal.OutletConfig{Credentials: second, Target: ways["second"], Allow: allow})
	in, address, _ := p.inletWith(portal.InletConfig{Credentials: me, Outlet: first.ID(), Outlets: []pki.ID{second.ID()}}, 2)

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	share := func() map[string]int {
		counts := map[string]int{}
		for range 200 {
			resp, err := client.Get("http://" + address)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			counts[string(body)]++
		}
		return counts
	}
	if c := share(); c["quick first"] < 20 || c["quick second"] < 20 {
		t.Errorf("200 requests fell as %v", c)
	}
	l := newLoad(t, address, 4)
	l.counts.Store(true)
	end()
	if c := share(); c["quick second"] != 200 {
		t.Errorf("after the first had ended, 200 requests fell as %v", c)
	}
	l.end()
	if n := l.bad.Load(); n > 0 {
		t.Errorf("%d requests failed while an outlet ended, the last with %v", n, l.last.Load())
	}
	start()
	eventually(t, "both outlets again", func() bool { return len(in.Sessions()) == 2 })
	if c := share(); c["quick first"] < 20 {
		t.Errorf("with the first back, 200 requests fell as %v", c)
	}
}

// A member that opens more legs than it may have is refused, and no other.
func TestRelayLimitsLegsOfAMember(t *testing.T) {
	p := found(t, "demo", nil)
	p.relay, _ = p.relayWith(relay.Config{Limits: relay.Limits{Legs: 4, LegsPerMinute: 8}})
	greedy, modest := p.join(pki.Outlet, "greedy", service("openai")), p.join(pki.Outlet, "modest", service("openai"))
	wait := func(me pki.Credentials) (end func(), refused chan error) {
		carrier := &channel.Carrier{Credentials: me, Pool: new(channel.Pool)}
		leg, err := carrier.Dial(t.Context(), p.relay)
		if err != nil {
			t.Fatal(err)
		}
		refused = make(chan error, 1)
		go func() { refused <- channel.NewLeg(leg).AwaitPair(me.ID(), "openai") }()
		return func() { _ = leg.Close(); <-refused }, refused
	}
	said := func(me pki.Credentials, want string) {
		t.Helper()
		_, refused := wait(me)
		if err := <-refused; fault.KindOf(err) != fault.Throttled || !strings.Contains(err.Error(), want) {
			t.Errorf("over the limit: %v", err)
		}
	}
	var ends []func()
	for range 4 {
		end, _ := wait(greedy)
		ends = append(ends, end)
	}
	said(greedy, "too many legs open")
	end, refused := wait(modest) // is not held up by the other
	select {
	case err := <-refused:
		t.Errorf("another member was refused: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	end()
	for _, end := range ends {
		end()
	}
	for tries := 0; ; tries++ { // legs that were closed count in the minute still
		end, refused := wait(greedy)
		select {
		case err := <-refused:
			if fault.KindOf(err) == fault.Throttled && strings.Contains(err.Error(), "too fast") {
				return
			}
			refused <- err
		case <-time.After(100 * time.Millisecond):
		}
		if end(); tries > 12 {
			t.Fatal("a member may open legs as fast as it likes")
		}
	}
}

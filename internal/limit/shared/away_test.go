package shared

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ostiary/ostiary/internal/limit"
)

// strange is a server that says the same thing to whatever it is sent.
type strange struct {
	net.Listener
	says        string
	connections atomic.Int64
}

func newStrange(t *testing.T, says string) *strange {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := &strange{Listener: ln, says: says}
	t.Cleanup(func() { _ = ln.Close() })
	go s.serve()
	return s
}

func (s *strange) serve() {
	for {
		conn, err := s.Accept()
		if err != nil {
			return
		}
		s.connections.Add(1)
		go func() {
			defer conn.Close()
			in := bufio.NewReader(conn)
			for { // a command is an array of strings
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				var n int
				if _, err := fmt.Sscanf(line, "*%d", &n); err != nil {
					return
				}
				first := ""
				for i := range 2 * n {
					if line, err = in.ReadString('\n'); err != nil {
						return
					}
					if i == 1 {
						first = strings.ToLower(strings.TrimSpace(line))
					}
				}
				answer := s.says
				if first == "hello" {
					answer = "-ERR unknown command\r\n"
				}
				if _, err := conn.Write([]byte(answer)); err != nil {
					return
				}
			}
		}()
	}
}

// TestNonsense: whatever a server answers, nobody is let through on it, nothing
// panics, and little memory is taken; after three of them it is left alone.
func TestNonsense(t *testing.T) {
	for name, says := range map[string]string{
		"nothing that we know":  "hello\r\n",
		"not an array":          ":1\r\n",
		"a status":              "+OK\r\n",
		"nil":                   "$-1\r\n",
		"no array":              "*-1\r\n",
		"too few":               "*4\r\n:0\r\n:5\r\n:1\r\n:1\r\n",
		"too many":              "*6\r\n:0\r\n:5\r\n:1\r\n:1\r\n:0\r\n:0\r\n",
		"words":                 "*5\r\n$1\r\n0\r\n:5\r\n:1\r\n:1\r\n:0\r\n",
		"no such verdict":       "*5\r\n:3\r\n:5\r\n:1\r\n:1\r\n:0\r\n",
		"negative":              "*5\r\n:0\r\n:5\r\n:-1\r\n:1\r\n:0\r\n",
		"let through and wait":  "*5\r\n:0\r\n:5\r\n:1\r\n:1\r\n:3\r\n",
		"refused without wait":  "*5\r\n:1\r\n:5\r\n:1\r\n:1\r\n:0\r\n",
		"refused for a day":     "*5\r\n:1\r\n:5\r\n:1\r\n:1\r\n:86400\r\n",
		"no such limit":         "*5\r\n:2\r\n:5\r\n:1\r\n:1\r\n:3\r\n",
		"absurd numbers":        "*5\r\n:99999999999999999999\r\n:5\r\n:1\r\n:1\r\n:0\r\n",
		"a gigabyte":            "$1000000000\r\nx",
		"an exabyte":            "$9223372036854775807\r\nx",
		"signed":                "$+9223372036854775807\r\nx",
		"a long array":          "*2147483647\r\n",
		"a map":                 "%2147483647\r\n",
		"an endless line":       "+" + strings.Repeat("x", 1<<20),
		"nested":                strings.Repeat("*999\r\n", 10_000),
		"attributes":            strings.Repeat("|1\r\n+a\r\n+b\r\n", 10_000),
		"an error":              "-ERR it says sample-secret\r\n",
		"an error in an answer": "*5\r\n-ERR x\r\n:5\r\n:1\r\n:1\r\n:0\r\n",
		"a redirect to itself":  "-MOVED 5 :1\r\n",
		"never a script":        "-NOSCRIPT No matching script.\r\n",
		"closes":                "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newStrange(t, says)
			logs := &log{}
			s := newStore(t, unixScheme+server.Addr().String(), quiet(prometheus.NewRegistry(), logs), func(c *Config) { c.Timeout = 100 * time.Millisecond })
			l := s.Limiter("team", limit.Limits{Requests: 5})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range 5 {
				if settle, no, err := l.Take(1); err == nil || settle != nil || no != nil {
					t.Errorf("%v %v", no, err)
				} else if err.Error() != errAway.Error() {
					t.Error(err)
				}
			}
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 400<<20 { // of all that runs in parallel
				t.Errorf("%d MiB", took>>20)
			}
			if n := server.connections.Load(); n > maxFailed {
				t.Errorf("%d connections: it is not left alone", n)
			}
			if text := logs.String(); !strings.Contains(text, "cannot be counted") || strings.Contains(text, "sample-secret") {
				t.Error(text)
			}
			t.Logf("%s, %d bytes taken", s.Status().Reason, after.TotalAlloc-before.TotalAlloc)
			if s.Ready() == nil || s.Status().Up || s.Status().Reason == "" {
				t.Errorf("%+v", s.Status())
			}
		})
	}
}

// TestFrozen: a call waits as long as is configured for a server that says
// nothing, three do, and the others not at all; what they may have settled is
// not settled again.
func TestFrozen(t *testing.T) {
	r := redisServer(t)
	registry, logs := prometheus.NewRegistry(), &log{}
	s := newStore(t, r.Address(), quiet(registry, logs), func(c *Config) { c.Timeout = 50 * time.Millisecond })
	l := s.Limiter("team", limit.Limits{Requests: 100, Tokens: 1000})
	settle, _ := take(t, l, 500)
	debtor, _ := take(t, l, 100)
	r.Freeze()
	settle(0)
	debtor(150)
	for range maxFailed {
		if _, _, err := l.Take(1); err == nil {
			t.Error("let through")
		}
	}
	if s.Status().Reason != becauseTimeout || s.health.serves() {
		t.Errorf("%+v", s.Status())
	}
	begin := time.Now()
	for range 1000 {
		if _, _, err := l.Take(1); err == nil {
			t.Error("let through")
		}
	}
	if n := testutil.ToFloat64(s.metrics.failures.WithLabelValues(becauseTimeout)); n != maxFailed {
		t.Errorf("%v timeouts", n)
	}
	t.Logf("1000 calls took %v", time.Since(begin))
	if n := testutil.ToFloat64(s.metrics.lost); n != 1 {
		t.Errorf("%v settlements are uncertain", n)
	}
	if l.debt != 50 || len(l.back) != 0 {
		t.Errorf("owed: %d %v", l.debt, l.back)
	}
	r.Thaw()
	run(t, s)
	until(t, "it is back, and has the debt", func() bool {
		_, used := l.State()
		return s.Ready() == nil && used.Tokens >= 150 && l.owesNothing()
	})
	if text := logs.String(); !strings.Contains(text, "the shared limits are counted") {
		t.Error(text)
	}
}

// TestAlone: a process that counts for itself counts what it let through before,
// and says how often it did.
func TestAlone(t *testing.T) {
	r := redisServer(t)
	s := newStore(t, r.Address(), func(c *Config) { c.OnFailure, c.Timeout = Alone, 100*time.Millisecond })
	l := s.Limiter("team", limit.Limits{Requests: 5, Tokens: 100})
	settle, _ := take(t, l, 50)
	take(t, l, 50)
	r.Kill()
	if _, no := take(t, l, 1); no == nil || no.Kind != limit.Tokens {
		t.Errorf("%+v", no)
	}
	settle(10)
	if _, no := take(t, l, 40); no != nil {
		t.Errorf("%+v", no)
	}
	if n := testutil.ToFloat64(s.metrics.alone.WithLabelValues("team")); n != 2 {
		t.Errorf("%v calls were counted alone", n)
	}
	if err := s.Ready(); err != nil {
		t.Error(err)
	}
	if _, used := l.State(); used != (limit.Limits{Requests: 3, Tokens: 100}) {
		t.Errorf("%+v", used)
	}
}

// TestOwedIsBounded: however many calls end while the server is away, what
// waits to be settled stays small, and old debts are dropped.
func TestOwedIsBounded(t *testing.T) {
	w := time.Unix(1_800_000_000, 0)
	s := newStore(t, "unix:/nowhere", func(c *Config) { c.Now = func() time.Time { return w } })
	l := s.Limiter("team", limit.Limits{Tokens: 1})
	for second := range int64(10_000) {
		l.owe(second, -5)
		l.owe(second, 7)
	}
	if len(l.back) != slots || l.debt != 70_000 {
		t.Errorf("%d seconds, a debt of %d", len(l.back), l.debt)
	}
	for range 200 {
		l.owe(1, -5) // seconds in any order
		l.owe(1<<40, -5)
		l.owe(0, -limit.Max)
		l.owe(0, limit.Max)
	}
	for second := range int64(100) {
		l.owe(-second, -5)
	}
	if len(l.back) > maxSeconds || l.debt != limit.Max {
		t.Errorf("%d seconds, a debt of %d", len(l.back), l.debt)
	}
	w = w.Add(debtLasts + time.Second)
	if o := l.owes(); o.debt != 0 || !l.owesNothing() {
		t.Errorf("an old debt: %d", o.debt)
	}
}

// TestKilledProcess: what a process had reserved when it was killed counts for a
// minute and no longer.
func TestKilledProcess(t *testing.T) {
	if address := os.Getenv("SHARED_TEST_REDIS"); address != "" {
		s := newStore(t, address, func(c *Config) { c.script = byHand(t) })
		for range 3 {
			take(t, s.Limiter("team", limit.Limits{Requests: 3, Tokens: 300}), 100)
		}
		fmt.Println("TAKEN")
		select {} // until it is killed
	}
	r := redisServer(t)
	w := newWall(r)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledProcess$")
	cmd.Env = append(os.Environ(), "SHARED_TEST_REDIS="+r.Address())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "TAKEN" {
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	l := newStore(t, r.Address(), func(c *Config) { c.script = byHand(t) }).Limiter("team", limit.Limits{Requests: 3, Tokens: 300})
	if _, no := take(t, l, 1); no == nil || no.Retry != 61*time.Second {
		t.Fatalf("%+v", no)
	}
	w.add(60 * time.Second)
	if _, no := take(t, l, 1); no == nil {
		t.Error("too early")
	}
	w.add(time.Second)
	for range 3 {
		if _, no := take(t, l, 100); no != nil {
			t.Errorf("%+v", no)
		}
	}
}

// TestManyAtOnce: more callers than there are connections are all served.
func TestManyAtOnce(t *testing.T) {
	r := redisServer(t)
	s := newStore(t, r.Address())
	l := s.Limiter("team", limit.Limits{Requests: 1000})
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if _, no, err := l.Take(1); no != nil || err != nil {
				t.Errorf("%v %v", no, err)
			}
		})
	}
	wg.Wait()
	if _, used := l.State(); used.Requests != 200 {
		t.Errorf("%+v", used)
	}
}

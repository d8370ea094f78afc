package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const azurePath = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"

func (p *running) url() string {
	if p.path != "" {
		return "http://" + p.listen + p.path
	}
	return "http://" + p.listen + azurePath
}

var (
	rateLine    = regexp.MustCompile(`(\d+) requests in`)
	latencyLine = regexp.MustCompile(`(50|99)%\s+([\d.]+)(us|ms|s)`)
	badLine     = regexp.MustCompile(`(?m)^\s*(Non-2xx|Socket errors).*$`)
)

// wrk loads with whole calls.
func wrk(b *testing.B, r *rig, p *running, connections, seconds int) (map[string]float64, error) {
	b.Helper()
	script := filepath.Join(r.dir, p.name+".lua")
	text := fmt.Sprintf("wrk.method='POST'\nwrk.body=[==[%s]==]\nwrk.headers['Content-Type']='application/json'\nwrk.headers['Authorization']='Bearer %s'\n", requestBody(""), r.login.token)
	for name, value := range p.header {
		text += fmt.Sprintf("wrk.headers[%q]=%q\n", name, value)
	}
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	stop := profile(b, r, p, fmt.Sprintf("whole%d", connections), seconds)
	commits := commitsOf(b, r, p)
	before := cpuOf(b, p.pids)
	out, err := exec.CommandContext(b.Context(), "taskset", "-c", "1", "wrk", "-t1", "-c"+strconv.Itoa(connections), "--timeout", "10s", "--latency", fmt.Sprintf("-d%ds", seconds), "-s", script, p.url()).CombinedOutput()
	spent := cpuOf(b, p.pids) - before
	commits = commitsOf(b, r, p).since(commits)
	stop()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	if bad := badLine.Find(out); bad != nil {
		return nil, fmt.Errorf("%s", bad)
	}
	n, _ := strconv.ParseFloat(string(rateLine.FindSubmatch(out)[1]), 64)
	found := map[string]float64{"req/s": n / float64(seconds)}
	if len(p.pids) > 0 {
		found["cpu-µs/req"] = float64(spent.Microseconds()) / n
	}
	if len(commits) > 0 {
		found["commit-µs-p50"] = commits.median() * 1e6
	}
	for _, m := range latencyLine.FindAllSubmatch(out, -1) {
		v, _ := strconv.ParseFloat(string(m[2]), 64)
		found["ms-p"+string(m[1])] = v * map[string]float64{"us": 1e-3, "ms": 1, "s": 1e3}[string(m[3])]
	}
	return found, nil
}

// streams reads n streams at once to their ends.
func streams(b *testing.B, r *rig, p *running, n int) (map[string]float64, error) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n, DisableCompression: true}}
	defer client.CloseIdleConnections()
	stop := profile(b, r, p, fmt.Sprintf("stream%d", n), 1)
	before := cpuOf(b, p.pids)
	var bad failures
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if got, err := stream(b.Context(), client, r, p, "fast", func() {}); err != nil || got < events {
				bad.add(got, err)
			}
		})
	}
	wg.Wait()
	spent := cpuOf(b, p.pids) - before
	stop()
	if len(p.pids) == 0 {
		return nil, bad.of(n)
	}
	return map[string]float64{"cpu-µs/event": float64(spent.Nanoseconds()) / 1000 / float64(n*(events+3))}, bad.of(n)
}

// openStreams holds n slow streams open until each has sent its third event;
// what counts is the memory. A hundred at a time wait for their first.
func openStreams(b *testing.B, r *rig, p *running, n int) (map[string]float64, error) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var bad failures
	var third, wg sync.WaitGroup
	third.Add(n)
	begin := make(chan struct{}, 100)
	for range n {
		wg.Go(func() {
			begin <- struct{}{}
			seen := 0
			_, err := stream(ctx, client, r, p, "slow", func() {
				if seen++; seen == 1 {
					<-begin
				} else if seen == 3 {
					third.Done()
				}
			})
			if seen < 1 {
				<-begin
			}
			if seen < 3 {
				bad.add(seen, err)
				third.Done()
			}
		})
	}
	third.Wait()
	cancel()
	wg.Wait()
	return nil, bad.of(n)
}

// failures counts streams that failed, and keeps why one did.
type failures struct {
	mu  sync.Mutex
	n   int
	why string
}

func (f *failures) add(got int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n, f.why = f.n+1, fmt.Sprintf("%d events, %v", got, err)
}

// of is nil where so few of n failed that the rest is as good as all: now and
// then http.Transport loses one.
func (f *failures) of(n int) error {
	if f.n <= max(1, n/100) {
		return nil
	}
	return fmt.Errorf("%d streams failed, one with %s", f.n, f.why)
}

// stream reads one, calls event at each, and counts them.
func stream(ctx context.Context, client *http.Client, r *rig, p *running, pace string, event func()) (got int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url(), strings.NewReader(requestBody(pace)))
	if err != nil {
		return 0, err
	}
	for name, value := range p.header {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+r.login.token)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			got++
			event()
		}
	}
	if resp.StatusCode != http.StatusOK {
		return got, fmt.Errorf("status %d", resp.StatusCode)
	}
	return got, lines.Err()
}

func profileSocket(dir, name string) string { return filepath.Join(dir, name+".sock") }

// profile takes a CPU profile of one of ours while it is loaded, if asked to.
func profile(b *testing.B, r *rig, p *running, what string, seconds int) (wait func()) {
	to, socket := os.Getenv("BENCH_PROFILE"), profileSocket(r.dir, p.name)
	if _, err := os.Stat(socket); err != nil || to == "" {
		return func() {}
	}
	client := admin(socket)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer client.CloseIdleConnections()
		resp, err := client.Get(fmt.Sprintf("http://admin/debug/pprof/profile?seconds=%d", seconds))
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		data, err := io.ReadAll(resp.Body)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, p.name+"-"+what+".pprof"), data, 0o600)
		}
		if err != nil {
			b.Error(err)
		}
	})
	return wg.Wait
}

// admin speaks to a gateway's admin socket.
func admin(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
}

// commits is how often the ledger's batches took up to so many seconds to become
// durable, as the gateway itself has measured it.
type commits map[float64]float64

func commitsOf(b *testing.B, r *rig, p *running) commits {
	b.Helper()
	socket := profileSocket(r.dir, p.name)
	if _, err := os.Stat(socket); err != nil {
		return nil // not one of ours
	}
	resp, err := admin(socket).Get("http://admin/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	c := commits{}
	for _, m := range commitLine.FindAllSubmatch(text, -1) {
		le, _ := strconv.ParseFloat(string(m[1]), 64)
		c[le], _ = strconv.ParseFloat(string(m[2]), 64)
	}
	return c
}

var commitLine = regexp.MustCompile(`(?m)^ostiary_ledger_commit_seconds_bucket\{le="([^"]+)"\} (\S+)$`)

func (c commits) since(before commits) commits {
	for le := range c {
		c[le] -= before[le]
	}
	return c
}

// median is in seconds, by straight lines within a bucket.
func (c commits) median() float64 {
	last, below := 0.0, 0.0
	half := c[math.Inf(1)] / 2
	for _, le := range slices.Sorted(maps.Keys(c)) {
		if c[le] >= half && c[le] > below {
			return last + (le-last)*(half-below)/(c[le]-below)
		}
		last, below = le, c[le]
	}
	return last
}

// cpuOf is the CPU time of processes by the scheduler's own count, to the
// nanosecond: in hundredths of a second, as proc(5)'s stat has it, a round of
// streams would be eight.
func cpuOf(b *testing.B, pids []int) (sum time.Duration) {
	b.Helper()
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if len(threads) == 0 {
			b.Skip("NOT MEASURED: no /proc to read the proxy's CPU time from")
		}
		for _, thread := range threads {
			line, _ := os.ReadFile(thread) // a thread may have ended
			var ran int64
			_, _ = fmt.Sscan(string(line), &ran)
			sum += time.Duration(ran)
		}
	}
	return sum
}

var residentLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// resident is the most memory that a process had since forgetPeak, in MiB.
func resident(pids []int) (most float64) {
	for _, pid := range pids {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if m := residentLine.FindSubmatch(status); m != nil {
			kib, _ := strconv.ParseFloat(string(m[1]), 64)
			most = max(most, kib/1024)
		}
	}
	return most
}

// forgetPeak begins the peak anew: proc(5), clear_refs.
func forgetPeak(pids []int) {
	for _, pid := range pids {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
	}
}

package bench

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkProxy puts proxies on one core, and what loads and answers them on
// another: wrk for whole answers, and streams of 200 events that come every
// 5 ms. Ours has everything on: a token, a policy, limits, and a durable ledger
// with intents.
//
// All run at once and are loaded in turn, round by round, so that whatever else
// the machine does meets all of them alike; what is reported are medians, and
// x-unit is the median of each round's ratio to the bare
// httputil.ReverseProxy of that round. It runs for about ten minutes:
//
//	make build && go test -run '^$' -bench Proxy -benchtime 1x -timeout 1h ./bench
//
// BENCH_ROUNDS (5) is how many rounds. BENCH_ONLY names the proxies to run, and
// BENCH_PHASES the loads, with commas. BENCH_BUILDS compares other builds of
// ours with each other, as name=path with commas. BENCH_PROFILE=DIR keeps CPU profiles of ours there;
// taking them costs CPU time, so such a run compares nothing.
// BENCH_PORTKEY=DIR is a directory with Portkey's node_modules; without it npm
// installs them.
func BenchmarkProxy(b *testing.B) {
	for _, tool := range []string{"taskset", "wrk"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skipf("NOT MEASURED: %s is not in PATH", tool)
		}
	}
	pin(b, "1")
	b.Cleanup(func() { pin(b, fmt.Sprintf("0-%d", runtime.NumCPU()-1)) })
	r := &rig{dir: b.TempDir(), stub: freePort(b)}
	start(b, "1", []string{"BENCH_ROLE=stub", "BENCH_LISTEN=" + r.stub, "GOMAXPROCS=1"}, os.Args[0])
	waitFor(b, r.stub)
	r.login = newLogin(b, r.dir)
	r.startAll(b)
	for _, phase := range phases {
		if among("BENCH_PHASES", phase.name) {
			r.measure(b, phase)
		}
	}
	for _, p := range r.running {
		b.Run(p.name, func(b *testing.B) {
			for b.Loop() {
				p.report(b, r.running[0])
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("sync", func(b *testing.B) { measureSync(b, r.dir) })
}

// pin puts this process, and what it starts from now on, on some cores.
func pin(b *testing.B, cores string) {
	b.Helper()
	//nolint:usetesting // the benchmark's own context is over in its cleanup
	out, err := exec.CommandContext(context.Background(), "taskset", "-a", "-p", "-c", cores, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		b.Skipf("NOT MEASURED: cannot keep to cores %s: %v %s", cores, err, out)
	}
}

// among says whether a variable's list has the name; an empty one has all.
func among(variable, name string) bool {
	list := os.Getenv(variable)
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}

// phase is one kind of load.
type phase struct {
	name string
	once bool // a round is enough: memory is what counts
	load func(b *testing.B, r *rig, p *running) (map[string]float64, error)
}

var phases = []phase{
	{"whole64", false, func(b *testing.B, r *rig, p *running) (map[string]float64, error) { return wrk(b, r, p, 64, 2) }},
	{"whole1", false, func(b *testing.B, r *rig, p *running) (map[string]float64, error) { return wrk(b, r, p, 1, 1) }},
	{"stream20", false, func(b *testing.B, r *rig, p *running) (map[string]float64, error) { return streams(b, r, p, 20) }},
	{"stream200", false, func(b *testing.B, r *rig, p *running) (map[string]float64, error) { return streams(b, r, p, 200) }},
	{"open1000", true, func(b *testing.B, r *rig, p *running) (map[string]float64, error) { return openStreams(b, r, p, 1000) }},
}

// rig is what the proxies stand between.
type rig struct {
	dir, stub string
	login     login
	running   []*running
}

// running is a proxy that runs, and what was measured of it, by phase and unit.
type running struct {
	proxy
	listen string
	pids   []int
	found  map[string][]float64
}

func (r *rig) startAll(b *testing.B) {
	for _, p := range r.proxies(b) {
		if !among("BENCH_ONLY", p.name) {
			continue
		}
		if _, err := exec.LookPath(cmp.Or(p.program, "taskset")); err != nil {
			b.Logf("NOT MEASURED: %s is not installed", p.program)
			continue
		}
		listen := r.stub
		var pids []int
		if p.start != nil {
			listen = freePort(b)
			cmd := p.start(b, listen)
			if cmd == nil {
				continue // it has said why
			}
			waitFor(b, listen)
			pids = family(b, cmd.Process.Pid)
		}
		r.running = append(r.running, &running{proxy: p, listen: listen, pids: pids, found: map[string][]float64{}})
	}
}

// measure loads each proxy in turn, round by round. A round before the first
// only warms them up.
func (r *rig) measure(b *testing.B, phase phase) {
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("BENCH_ROUNDS"), "5"))
	if err != nil {
		b.Fatal("BENCH_ROUNDS: ", err)
	}
	left, round := slices.Clone(r.running), -1
	if phase.once {
		rounds, round = 1, 0
		for _, p := range left {
			forgetPeak(p.pids)
		}
	}
	for ; round < rounds; round++ {
		left = slices.DeleteFunc(left, func(p *running) bool { return !r.load(b, phase, p, round >= 0) })
	}
	for _, p := range left {
		if len(p.pids) > 0 {
			p.found[phase.name+"-MiB"] = []float64{resident(p.pids)}
		}
		for unit, values := range p.found {
			if strings.HasPrefix(unit, phase.name+"-") {
				progress("%s %s %.4g", p.name, unit, median(values))
			}
		}
	}
}

// progress is told at once: the benchmark's own lines come after minutes.
func progress(format string, args ...any) { _, _ = fmt.Fprintf(os.Stderr, format+"\n", args...) }

// load loads one proxy. One that cannot bear it is left out from then on.
func (r *rig) load(b *testing.B, phase phase, p *running, counts bool) bool {
	found, err := phase.load(b, r, p)
	switch {
	case err != nil:
		progress("NOT MEASURED: %s, %s: %v", phase.name, p.name, err)
		return false
	case !counts:
		forgetPeak(p.pids)
		return true
	}
	for unit, v := range found {
		unit = phase.name + "-" + unit
		p.found[unit] = append(p.found[unit], v)
	}
	return true
}

// report gives medians, and of CPU time the ratio to the unit.
func (p *running) report(b *testing.B, unit *running) {
	for name, values := range p.found {
		b.ReportMetric(median(values), name)
		base := unit.found[name]
		if strings.Contains(name, "-cpu-µs") && p != unit && len(base) == len(values) {
			ratios := make([]float64, len(values))
			for i := range values {
				ratios[i] = values[i] / base[i]
			}
			b.ReportMetric(median(ratios), name+"-x-unit")
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// measureSync is what one sync of a ledger's block costs on this disk.
func measureSync(b *testing.B, dir string) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 1<<10)
	var took []float64
	for range 500 {
		begin := time.Now()
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, float64(time.Since(begin).Microseconds()))
	}
	for b.Loop() {
		b.ReportMetric(median(took), "µs-p50")
	}
	b.ReportMetric(0, "ns/op")
}

// start runs a process on one core and ends it with the benchmark.
func start(b *testing.B, core string, env []string, program string, args ...string) *exec.Cmd {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "taskset", append([]string{"-c", core, program}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	var said strings.Builder
	cmd.Stderr = &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if b.Failed() {
			b.Log(program, said.String()[:min(said.Len(), 2<<10)])
		}
	})
	return cmd
}

// family is a process and its children: nginx works in one.
func family(b *testing.B, pid int) []int {
	b.Helper()
	all := []int{pid}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(children)) {
		if child, err := strconv.Atoi(f); err == nil {
			all = append(all, child)
		}
	}
	return all
}

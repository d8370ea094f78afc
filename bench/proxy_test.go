package bench

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkProxy puts proxies on one core, and what loads and answers them on
// another: 64 connections of wrk for whole answers, and 20 and 200 streams of
// 200 events that come every 5 ms. Ours has everything on: a token, a policy,
// and a durable ledger with intents. Compare the ratios to reverseproxy of one
// run: go test -run '^$' -bench Proxy -benchtime 1x -count 4 ./bench.
func BenchmarkProxy(b *testing.B) {
	if _, err := exec.LookPath("taskset"); err != nil {
		b.Skip("NOT MEASURED: taskset (util-linux) is not in PATH")
	}
	dir := b.TempDir()
	stub := freePort(b)
	start(b, "1", []string{"BENCH_ROLE=stub", "BENCH_LISTEN=" + stub, "GOMAXPROCS=1"}, os.Args[0])
	waitFor(b, stub)
	l := newLogin(b, dir)
	for _, p := range proxies(stub, dir, l) {
		b.Run(p.name, func(b *testing.B) {
			if p.program != "" {
				if _, err := exec.LookPath(p.program); err != nil {
					b.Skipf("NOT MEASURED: %s is not installed", p.program)
				}
			}
			listen := freePort(b)
			cmd := p.start(b, listen)
			waitFor(b, listen)
			pids := family(b, cmd.Process.Pid)
			b.Run("whole/64", func(b *testing.B) { wrk(b, listen, l.token, dir, pids) })
			for _, n := range []int{20, 200} {
				b.Run("stream/"+strconv.Itoa(n), func(b *testing.B) { streams(b, listen, l.token, n, pids) })
			}
		})
	}
}

// proxy is one that is compared.
type proxy struct {
	name, program string
	start         func(b *testing.B, listen string) *exec.Cmd
}

func proxies(stub, dir string, l login) []proxy {
	write := func(b *testing.B, name, text string) string {
		b.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	return []proxy{
		{"reverseproxy", "", func(b *testing.B, listen string) *exec.Cmd {
			return start(b, "0", []string{"BENCH_ROLE=reverseproxy", "BENCH_LISTEN=" + listen, "BENCH_TARGET=http://" + stub, "GOMAXPROCS=1"}, os.Args[0])
		}},
		{"ostiary", "", func(b *testing.B, listen string) *exec.Cmd {
			conf := write(b, "ostiary.yaml", fmt.Sprintf(gatewayConfig, listen, tenant, l.url, l.ca, stub, filepath.Join(dir, "ledger"+strings.ReplaceAll(listen, ":", "-"))))
			return start(b, "0", []string{"GOMAXPROCS=1", "BENCH_KEY=none"}, built(b, "ostiary"), "gateway", "--config", conf, "--log-level", "error")
		}},
		{"nginx", "nginx", func(b *testing.B, listen string) *exec.Cmd {
			conf := write(b, "nginx.conf", fmt.Sprintf(nginxConfig, dir, stub, listen))
			return start(b, "0", nil, "nginx", "-c", conf, "-e", "stderr")
		}},
		{"haproxy", "haproxy", func(b *testing.B, listen string) *exec.Cmd {
			conf := write(b, "haproxy.cfg", fmt.Sprintf(haproxyConfig, listen, stub))
			return start(b, "0", nil, "haproxy", "-f", conf)
		}},
		{"caddy", "caddy", func(b *testing.B, listen string) *exec.Cmd {
			conf := write(b, "Caddyfile", fmt.Sprintf(caddyConfig, listen, stub))
			env := []string{"GOMAXPROCS=1", "HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir}
			return start(b, "0", env, "caddy", "run", "--config", conf, "--adapter", "caddyfile")
		}},
	}
}

const (
	gatewayConfig = `gateway:
  listen: %q
  entra:
    - {tenant: %q, authority: %q, ca: %q}
  workloads:
    - name: bench
      subjects: ["*"]
      grants: [{deployments: ["gpt-4o"], operations: ["chat/completions"]}]
  backends:
    - {name: stub, url: "http://%s", kind: azure, api_key: "env:BENCH_KEY"}
  ledger: {directory: %q}
`
	nginxConfig = `daemon off; worker_processes 1; pid %[1]s/nginx.pid; error_log stderr crit;
events { worker_connections 2048; }
http { access_log off; keepalive_requests 1000000; upstream u { server %[2]s; keepalive 256; keepalive_requests 1000000; }
  server { listen %[3]s; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } } }
`
	caddyConfig = `{
  admin off
  auto_https off
  skip_install_trust
}
http://%s {
  reverse_proxy %s {
    flush_interval -1
  }
}
`
	haproxyConfig = `global
  maxconn 4000
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
listen l
  bind %s
  server s %s maxconn 4000
`
)

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
			b.Log(program, said.String())
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

func cpuOf(b *testing.B, pids []int) (sum time.Duration) {
	b.Helper()
	for _, pid := range pids {
		sum += processCPU(b, pid)
	}
	return sum
}

var residentLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// resident is the most memory that a process had, in MiB.
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

const path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"

var (
	rateLine    = regexp.MustCompile(`(\d+) requests in`)
	latencyLine = regexp.MustCompile(`(50|99)%\s+([\d.]+)(us|ms|s)`)
	badLine     = regexp.MustCompile(`(?m)^\s*(Non-2xx|Socket errors).*$`)
)

// wrk loads with whole calls for ten seconds.
func wrk(b *testing.B, listen, token, dir string, pids []int) {
	if _, err := exec.LookPath("wrk"); err != nil {
		b.Skip("NOT MEASURED: wrk is not installed")
	}
	script := filepath.Join(dir, "wrk.lua")
	text := fmt.Sprintf("wrk.method='POST'\nwrk.body=[==[%s]==]\nwrk.headers['Content-Type']='application/json'\nwrk.headers['Authorization']='Bearer %s'\n", requestBody(false), token)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	run := func(seconds int) string {
		out, err := exec.CommandContext(b.Context(), "taskset", "-c", "1", "wrk", "-t1", "-c64", "--latency", fmt.Sprintf("-d%ds", seconds), "-s", script, "http://"+listen+path).CombinedOutput()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	run(1)
	for b.Loop() {
		before := cpuOf(b, pids)
		out := run(10)
		spent := cpuOf(b, pids) - before
		if bad := badLine.FindString(out); bad != "" {
			b.Fatal(bad)
		}
		n, _ := strconv.ParseFloat(rateLine.FindStringSubmatch(out)[1], 64)
		b.ReportMetric(n/10, "req/s")
		b.ReportMetric(float64(spent.Microseconds())/n, "cpu-µs/req")
		for _, m := range latencyLine.FindAllStringSubmatch(out, -1) {
			v, _ := strconv.ParseFloat(m[2], 64)
			b.ReportMetric(v*map[string]float64{"us": 1e-3, "ms": 1, "s": 1e3}[m[3]], "p"+m[1]+"-ms")
		}
	}
	b.ReportMetric(resident(pids), "MiB-max-rss")
	b.ReportMetric(0, "ns/op")
}

// streams reads n streams at once to their ends.
func streams(b *testing.B, listen, token string, n int, pids []int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n, DisableCompression: true}}
	defer client.CloseIdleConnections()
	for b.Loop() {
		before := cpuOf(b, pids)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+listen+path, strings.NewReader(requestBody(true)))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer "+token)
				resp, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				defer func() { _ = resp.Body.Close() }()
				got := 0
				for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
					if strings.HasPrefix(lines.Text(), "data: ") {
						got++
					}
				}
				if got < events {
					rest, _ := io.ReadAll(resp.Body)
					b.Errorf("%d events, status %d %s", got, resp.StatusCode, rest)
				}
			})
		}
		wg.Wait()
		spent := cpuOf(b, pids) - before
		b.ReportMetric(float64(spent.Nanoseconds())/1000/float64(n*(events+3)), "cpu-µs/event")
	}
	b.ReportMetric(resident(pids), "MiB-max-rss")
	b.ReportMetric(0, "ns/op")
}

package bench

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkPortal carries the same connections by the portal and by its peers,
// each as processes of its own between one client (this process) and one
// target: how much CPU a GiB costs in the processes between, how long a byte
// takes there and back, how many connections a second are made, what an idle
// one holds, and how late an event of a stream comes. No process is pinned.
// Compare within one run:
//
//	go test -run '^$' -bench Portal -benchtime 1x -count 3 ./bench
func BenchmarkPortal(b *testing.B) {
	target := freePort(b)
	start(b, "0-1", []string{"BENCH_ROLE=target", "BENCH_LISTEN=" + target}, os.Args[0])
	waitFor(b, target)
	for _, c := range carriers() {
		b.Run(c.name, func(b *testing.B) {
			for _, program := range c.programs {
				if _, err := exec.LookPath(program); err != nil {
					b.Skipf("NOT MEASURED: %s is not installed", program)
				}
			}
			address, pids := c.start(b, target)
			for b.Loop() {
				measure(b, address, pids)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// carrier carries connections from an address to the target by the processes
// that start gives.
type carrier struct {
	name     string
	programs []string
	start    func(b *testing.B, target string) (address string, pids []int)
}

func carriers() []carrier {
	return []carrier{
		{"direct", nil, func(_ *testing.B, target string) (string, []int) { return target, nil }},
		{"plain-hops", nil, plainHops},
		{"ostiary", nil, func(b *testing.B, target string) (string, []int) { return portalOf(b, target, "") }},
		{"ostiary-websocket", nil, func(b *testing.B, target string) (string, []int) {
			return portalOf(b, target, ", leg: {carrier: websocket}")
		}},
		{"ostiary-encrypt-twice", nil, func(b *testing.B, target string) (string, []int) {
			return portalOf(b, target, ", leg: {encrypt_twice: true}")
		}},
		{"socat", []string{"socat"}, socats},
		{"stunnel", []string{"stunnel"}, stunnels},
		{"ssh", []string{"ssh", "/usr/sbin/sshd", "ssh-keygen"}, sshs},
	}
}

// plainHops are three processes that copy: what any relayed portal pays at
// least. Go's io.Copy between sockets is splice(2), so no byte is copied out of
// the kernel.
func plainHops(b *testing.B, target string) (string, []int) {
	var pids []int
	for range 3 {
		listen := freePort(b)
		cmd := start(b, "0-1", []string{"BENCH_ROLE=hop", "BENCH_LISTEN=" + listen, "BENCH_TARGET=" + target}, os.Args[0])
		waitFor(b, listen)
		pids, target = append(pids, cmd.Process.Pid), listen
	}
	return target, pids
}

func socats(b *testing.B, target string) (string, []int) {
	var pids []int
	for range 3 {
		listen := freePort(b)
		_, port, _ := net.SplitHostPort(listen)
		cmd := start(b, "0-1", nil, "socat", "TCP-LISTEN:"+port+",bind=127.0.0.1,fork,reuseaddr,backlog=1024,nodelay", "TCP:"+target+",nodelay")
		waitFor(b, listen)
		pids, target = append(pids, cmd.Process.Pid), listen
	}
	return target, pids
}

// stunnels have TLS on both legs, as the portal has; nothing end to end, so the
// one in the middle reads everything. It cannot join two TLS connections but by
// a plain one to itself.
func stunnels(b *testing.B, target string) (string, []int) {
	dir := b.TempDir()
	newCertificate(b, filepath.Join(dir, "pair.pem"))
	const head = "foreground = yes\npid =\ndebug = 3\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\nsslVersionMin = TLSv1.3\n"
	in, leg1, middle, leg2 := freePort(b), freePort(b), freePort(b), freePort(b)
	var pids []int
	for i, conf := range []string{
		fmt.Sprintf("[out]\naccept = %s\nconnect = %s\ncert = %s/pair.pem\n", leg2, target, dir),
		fmt.Sprintf("[in]\naccept = %s\nconnect = %s\ncert = %s/pair.pem\n[on]\nclient = yes\naccept = %s\nconnect = %s\n", leg1, middle, dir, middle, leg2),
		fmt.Sprintf("[in]\nclient = yes\naccept = %s\nconnect = %s\n", in, leg1),
	} {
		file := filepath.Join(dir, strconv.Itoa(i)+".conf")
		writeFile(b, file, head+conf)
		pids = append(pids, start(b, "0-1", nil, "stunnel", file).Process.Pid)
	}
	waitFor(b, in)
	return in, pids
}

// sshs are `ssh -R` from the owner and `ssh -L` from the consumer to one sshd,
// which reads everything.
func sshs(b *testing.B, target string) (string, []int) {
	dir := b.TempDir()
	key := filepath.Join(dir, "key")
	if out, err := exec.CommandContext(b.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	listen, in, middle := freePort(b), freePort(b), freePort(b)
	_, port, _ := net.SplitHostPort(listen)
	conf := filepath.Join(dir, "sshd_config")
	writeFile(b, conf, fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s.pub\nStrictModes no\nPidFile none\nMaxSessions 100\nUsePAM no\n", port, key, key))
	_ = os.MkdirAll("/run/sshd", 0o755) // sshd wants it; where it may not be made, sshd says so
	pids := []int{start(b, "0-1", nil, "/usr/sbin/sshd", "-D", "-e", "-f", conf).Process.Pid}
	waitFor(b, listen)
	args := []string{"-N", "-F", "none", "-i", key, "-p", port, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes"}
	pids = append(pids, start(b, "0-1", nil, "ssh", append(slices.Clone(args), "-R", middle+":"+target, "127.0.0.1")...).Process.Pid)
	waitFor(b, middle)
	pids = append(pids, start(b, "0-1", nil, "ssh", append(slices.Clone(args), "-L", in+":"+middle, "127.0.0.1")...).Process.Pid)
	waitFor(b, in)
	return in, pids
}

// portalOf enrols and runs a whole portal of built binaries.
func portalOf(b *testing.B, target, leg string) (string, []int) {
	node, dir := built(b, "ostiary-node"), b.TempDir()
	authority, relay, in := freePort(b), freePort(b), freePort(b)
	file := func(name, text string) string {
		path := filepath.Join(dir, name+".yaml")
		writeFile(b, path, text)
		return path
	}
	conf := file("authority", fmt.Sprintf("authority: {project: bench, directory: %s/authority, listen: %q, address: %q}\n", dir, authority, authority))
	start(b, "0-1", nil, node, "authority", "--config", conf, "--log-level", "error")
	waitFor(b, authority)
	for role, name := range map[string]string{"relay": "r", "outlet": "o", "inlet": "i"} {
		args := []string{"portal", "ticket", "create", "--config", conf, "--role", role, "--name", name}
		if role != "relay" {
			args = append(args, "--service", "bench")
		}
		ticket, err := exec.CommandContext(b.Context(), node, args...).Output()
		if err != nil {
			b.Fatal(err)
		}
		enroll := exec.CommandContext(b.Context(), node, "portal", "enroll", "--dir", filepath.Join(dir, role))
		enroll.Stdin = strings.NewReader(string(ticket))
		if out, err := enroll.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	var pids []int
	for _, s := range []struct{ name, text string }{
		{"relay", fmt.Sprintf("relay: {directory: %s/relay, listen: %q}\n", dir, relay)},
		{"outlet", fmt.Sprintf("outlet: {directory: %s/outlet, relays: [%q], service: bench, target: %q, allow: [{member: spiffe://bench/inlet/i}]%s}\n", dir, relay, target, leg)},
		{"inlet", fmt.Sprintf("inlet: {directory: %s/inlet, relays: [%q], listen: %q, service: bench, outlet: spiffe://bench/outlet/o%s}\n", dir, relay, in, leg)},
	} {
		cmd := start(b, "0-1", nil, node, s.name, "--config", file(s.name, s.text), "--log-level", "error")
		pids = append(pids, cmd.Process.Pid)
		if s.name == "relay" {
			waitFor(b, relay)
		}
	}
	waitFor(b, in)
	return in, pids
}

func writeFile(b *testing.B, path, text string) {
	b.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// measure takes every number of one carrier.
func measure(b *testing.B, address string, pids []int) {
	ping(b, address, 200) // warm
	b.ReportMetric(gibibyte(b, address, pids, 'd'), "cpu-s/GiB-down")
	b.ReportMetric(gibibyte(b, address, pids, 'u'), "cpu-s/GiB-up")
	took := ping(b, address, 5000)
	b.ReportMetric(micros(took[len(took)/2]), "ping-p50-µs")
	b.ReportMetric(micros(took[len(took)*99/100]), "ping-p99-µs")
	late := eventDelays(b, address, 400)
	b.ReportMetric(micros(late[len(late)/2]), "event-p50-µs")
	b.ReportMetric(micros(late[len(late)*99/100]), "event-p99-µs")
	took = firstByte(b, address)
	b.ReportMetric(micros(took[len(took)/2]), "first-p50-µs")
	b.ReportMetric(micros(took[len(took)/10]), "first-p10-µs")
	before := cpuOf(b, families(b, pids))
	rate, n := connectionRate(b, address)
	b.ReportMetric(rate, "conns/s")
	if after := families(b, pids); len(pids) > 0 && len(after) == len(pids) { // children that have ended are not counted
		b.ReportMetric(micros(cpuOf(b, after)-before)/float64(n), "cpu-µs/conn")
	}
	if len(pids) > 0 {
		b.ReportMetric(idleConnections(b, address, pids, 1000), "KB/idle")
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// dialTarget connects and chooses what the target does.
func dialTarget(b *testing.B, address string, mode byte, n uint64) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_, err = conn.Write(binary.BigEndian.AppendUint64([]byte{mode}, n))
	}
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

// gibibyte moves 2 GiB one way and returns the CPU a GiB.
func gibibyte(b *testing.B, address string, pids []int, mode byte) float64 {
	const size = 2 << 30
	conn := dialTarget(b, address, mode, size)
	defer func() { _ = conn.Close() }()
	time.Sleep(200 * time.Millisecond) // for what still ends
	before, began := cpuOf(b, families(b, pids)), time.Now()
	buf := make([]byte, 256<<10)
	if mode == 'd' {
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, buf); n != size || err != nil {
			b.Fatal(n, err)
		}
	} else {
		for range size / len(buf) {
			if _, err := conn.Write(buf); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := io.ReadFull(conn, buf[:1]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size>>30)/time.Since(began).Seconds(), "GiB/s-"+map[byte]string{'d': "down", 'u': "up"}[mode])
	return (cpuOf(b, families(b, pids)) - before).Seconds() / float64(size>>30)
}

// ping sends one byte there and back, n times over one connection.
func ping(b *testing.B, address string, n int) []time.Duration {
	conn := dialTarget(b, address, 'e', 0)
	defer func() { _ = conn.Close() }()
	one, took := make([]byte, 1), make([]time.Duration, 0, n)
	for range n {
		began := time.Now()
		_, _ = conn.Write(one)
		if _, err := io.ReadFull(conn, one); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took
}

// eventDelays reads n events, each of which says when it was written: both
// clocks are this machine's.
func eventDelays(b *testing.B, address string, n int) []time.Duration {
	conn := dialTarget(b, address, 's', uint64(n))
	defer func() { _ = conn.Close() }()
	event, late := make([]byte, eventSize), make([]time.Duration, 0, n)
	for range n {
		if _, err := io.ReadFull(conn, event); err != nil {
			b.Fatal(err)
		}
		late = append(late, time.Duration(time.Now().UnixNano()-int64(binary.BigEndian.Uint64(event))))
	}
	slices.Sort(late)
	return late
}

// exchange is one whole short connection.
func exchange(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	hello := [10]byte{0: 'e'}
	if _, err := conn.Write(hello[:]); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, hello[:1])
	return err
}

// firstByte is the time from dialling to the first byte back, with pauses
// between, sorted. On a busy machine the lower tenth says more of the way than
// the median, which waits for a processor.
func firstByte(b *testing.B, address string) []time.Duration {
	var took []time.Duration
	for range 51 {
		time.Sleep(20 * time.Millisecond)
		began := time.Now()
		if err := exchange(address); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took
}

// connectionRate makes connections by 16 workers for three seconds, and says
// how many.
func connectionRate(b *testing.B, address string) (rate float64, all int) {
	const workers, span = 16, 3 * time.Second
	var running sync.WaitGroup
	done := make([]int, workers)
	began := time.Now()
	for i := range workers {
		running.Go(func() {
			for time.Since(began) < span {
				if err := exchange(address); err != nil {
					b.Error(err)
					return
				}
				done[i]++
			}
		})
	}
	running.Wait()
	for _, n := range done {
		all += n
	}
	return float64(all) / time.Since(began).Seconds(), all
}

// idleConnections opens n that each have echoed a byte, lets them rest, and
// returns what each holds in all processes together, in KB.
func idleConnections(b *testing.B, address string, pids []int, n int) float64 {
	time.Sleep(time.Second)
	before := residentNow(b, pids)
	conns := make([]net.Conn, 0, n)
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	one := make([]byte, 1)
	for range n {
		conn := dialTarget(b, address, 'e', 0)
		conns = append(conns, conn)
		_, _ = conn.Write(one)
		if _, err := io.ReadFull(conn, one); err != nil {
			b.Fatal(err)
		}
	}
	time.Sleep(3 * time.Second)
	return (residentNow(b, pids) - before) / float64(n)
}

// residentNow is what processes and their children hold, in KB; pages that
// several share count once, in parts.
func residentNow(b *testing.B, pids []int) (sum float64) {
	for _, pid := range families(b, pids) {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // a child that has ended
		}
		for line := range strings.Lines(string(rollup)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
				kib, _ := strconv.ParseFloat(f[1], 64)
				sum += kib * 1.024
			}
		}
	}
	return sum
}

// families are processes with all their descendants.
func families(b *testing.B, pids []int) (all []int) {
	for _, pid := range pids {
		members := family(b, pid)
		all = append(all, pid)
		all = append(all, families(b, members[1:])...)
	}
	return all
}

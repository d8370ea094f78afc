package sink

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/sink/sinktest"
)

// remoteServer is a real remote that can be stopped at once and started again.
type remoteServer struct {
	kind    string // postgres or kafka
	crash   func()
	start   func()
	address string
	url     string // of postgres
}

func postgresServer(t *testing.T) remoteServer {
	p := sinktest.NewPostgres(t)
	return remoteServer{"postgres", p.Crash, func() { p.Start() }, p.Address(), p.URL()}
}

func kafkaServer(t *testing.T) remoteServer {
	b := newBroker(t, 100_000)
	return remoteServer{"kafka", func() { b.cluster.Close() }, b.start, b.address(), ""}
}

// settings are those of a remote; the URL goes by the environment, as it does.
func (s remoteServer) settings(t testing.TB) RemoteSettings {
	t.Helper()
	if s.kind == "kafka" {
		return RemoteSettings{Kafka: &KafkaSettings{Brokers: []string{s.address}, Topic: topic, Plaintext: true}, Timeout: 20 * time.Second}
	}
	if err := os.Setenv("REMOTE_TEST_URL", s.url); err != nil {
		t.Fatal(err)
	}
	return RemoteSettings{Postgres: &PostgresSettings{URL: reference(t, "env:REMOTE_TEST_URL")}, Timeout: 20 * time.Second}
}

func reference(t testing.TB, text string) (r secret.Ref) {
	t.Helper()
	if err := r.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return r
}

// cutter is between a writer and its remote, and cuts connections when the
// remote has answered and the answer has not arrived.
type cutter struct {
	net.Listener
	to  string
	cut atomic.Int64 // an answer of so many is cut off; 0 for none
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: ln, to: to}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c
}

func (c *cutter) serve(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer far.Close()
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := far.Read(buf)
		if k := c.cut.Load(); err != nil || k > 0 && rand.Int64N(k) == 0 {
			return
		}
		if _, err := near.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestPostgresRemoteIsKilled(t *testing.T) { remoteIsKilled(t, postgresServer(t)) }
func TestKafkaRemoteIsKilled(t *testing.T)    { remoteIsKilled(t, kafkaServer(t)) }

// remoteIsKilled kills a writer under load again and again, crashes the server
// in the middle, cuts off answers, and takes the writer's disk away now and
// then. Every entry that was acknowledged can be restored, once, in order.
func remoteIsKilled(t *testing.T, server remoteServer) {
	via := newCutter(t, server.address)
	dir := filepath.Join(t.TempDir(), "ephemeral")
	acked := map[string]bool{}
	rounds, disks := 3, 1
	if os.Getenv("OSTIARY_TORTURE") != "" {
		rounds = 100
	}
	for round := range rounds {
		kill, crash := 100+rand.IntN(200), 1+rand.IntN(60)
		via.cut.Store(int64(round%3) * 20)
		n := 0
		var servers sync.WaitGroup
		runRemoteWriter(t, server, via.Addr().String(), dir, round, func(entry string, stop func()) {
			acked[entry] = true
			n++
			if n == crash {
				servers.Go(func() { server.crash(); server.start() })
			}
			if n == kill {
				stop()
			}
		})
		servers.Wait()
		if n < kill {
			t.Fatalf("round %d ended after %d entries", round, n)
		}
		if round%3 == 1 {
			disks++
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantRestored(t, server, acked, disks)
}

// wantRestored restores every log and wants all these entries.
func wantRestored(t *testing.T, server remoteServer, acked map[string]bool, disks int) {
	t.Helper()
	s := server.settings(t)
	logs, err := RemoteLogs(t.Context(), s)
	if err != nil || len(logs) != disks {
		t.Fatalf("%d logs of %d disks: %v", len(logs), disks, err)
	}
	seen := map[string]bool{}
	for _, l := range logs {
		dir := filepath.Join(t.TempDir(), l.Log)
		found, err := RestoreRemote(t.Context(), s, l.Log, dir)
		if err != nil || found.Entries != l.Entries || l.First != 0 || l.Bytes == 0 || l.Until.Before(l.Since) || found.Lost != nil {
			t.Fatalf("%+v of %+v: %v", found, l, err)
		}
		if report := wantVerified(t, dir); report.Entries != l.Entries || report.Checkpoint != l.Signed {
			t.Errorf("%+v of %+v", report, l)
		}
		next := map[string]int{} // of each writer of each round
		for _, e := range entriesOf(t, dir) {
			var round, writer, i int
			if _, err := fmt.Sscanf(e, "round %d writer %d entry %d", &round, &writer, &i); err != nil {
				t.Fatal(e)
			}
			who := fmt.Sprint(round, writer)
			if i != next[who] || seen[e] {
				t.Errorf("%.40s: after entry %d of that writer", e, next[who]-1)
			}
			next[who], seen[e] = i+1, true
		}
	}
	for e := range acked {
		if !seen[e] {
			t.Errorf("%.40s was acknowledged and is not there", e)
		}
	}
	t.Logf("%d entries acknowledged, %d restored from %d logs", len(acked), len(seen), len(logs))
}

// runRemoteWriter starts a writer, tells of each entry that it was told is
// durable, and returns when it has ended.
func runRemoteWriter(t *testing.T, server remoteServer, via, dir string, round int, told func(entry string, stop func())) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestRemoteWriterToKill$")
	cmd.Env = append(os.Environ(), "REMOTE_TEST_DIR="+dir, "REMOTE_TEST_KIND="+server.kind, "REMOTE_TEST_VIA="+via,
		"REMOTE_TEST_URL="+strings.Replace(server.url, server.address, via, 1), fmt.Sprintf("REMOTE_TEST_ROUND=%d", round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { _ = cmd.Process.Kill() }
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		if entry, ok := strings.CutPrefix(line, "acked "); ok {
			told(strings.TrimSuffix(entry, "\n"), stop)
		} else if strings.Contains(line, ".go:") {
			t.Log("the writer says: " + line)
		}
	}
	_ = cmd.Wait()
}

// TestRemoteWriterToKill is the writer, in a process of its own.
func TestRemoteWriterToKill(t *testing.T) {
	dir, via := os.Getenv("REMOTE_TEST_DIR"), os.Getenv("REMOTE_TEST_VIA")
	if dir == "" {
		return // other tests start it
	}
	s := remoteServer{kind: os.Getenv("REMOTE_TEST_KIND"), address: via, url: os.Getenv("REMOTE_TEST_URL")}.settings(t)
	r, err := OpenRemote(s, dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := r.store.(*kafkaStore); ok { // which is told another address by the broker
		k.limit = 20_000
		k.cfg.Options = append(k.cfg.Options, kgo.Dialer(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", via)
		}))
	}
	l, err := openWith(r, dir)
	if err != nil {
		t.Fatal(err)
	}
	var out sync.Mutex
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := 0; ; i++ {
				e := fmt.Sprintf("round %s writer %d entry %d %s", os.Getenv("REMOTE_TEST_ROUND"), w, i, strings.Repeat("x", i*w%300*(i%20+1)))
				if _, err := l.Append(t.Context(), []byte(e)); err != nil {
					t.Error(err)
					return
				}
				out.Lock()
				fmt.Println("acked " + e)
				out.Unlock()
			}
		})
	}
	writers.Wait()
}

var _ ledger.Leveller = (*Remote)(nil)

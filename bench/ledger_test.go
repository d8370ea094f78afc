package bench

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	_ "modernc.org/sqlite" // the peer

	"github.com/ostiary/ostiary/internal/ledger"
)

// BenchmarkDurableLog appends entries of 1 KiB, each acknowledged when it is on
// the disk, by 64 writers and by one, to our log and beside it to SQLite (WAL,
// synchronous=FULL) and NATS JetStream (sync_interval: always). Run it with
// GOMAXPROCS=1. cpu-µs/op counts this process, and the server's where there
// is one.
func BenchmarkDurableLog(b *testing.B) {
	for _, writers := range []int{1, 64} {
		for _, peer := range []struct {
			name string
			open func(b *testing.B) (appendOne func(ctx context.Context, entry []byte) error, cpu func() time.Duration)
		}{{"ostiary", openOstiary}, {"sqlite", openSQLite}, {"nats", openNATS}} {
			b.Run(fmt.Sprintf("%s/%d", peer.name, writers), func(b *testing.B) {
				appendOne, cpu := peer.open(b)
				appendAll(b, writers, appendOne, cpu)
			})
		}
	}
}

// appendAll shares b.N appends among writers.
func appendAll(b *testing.B, writers int, appendOne func(context.Context, []byte) error, cpu func() time.Duration) {
	entry := bytes.Repeat([]byte("0123456789abcdef"), 64)
	var next atomic.Int64
	var wg sync.WaitGroup
	start := cpu()
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := appendOne(b.Context(), entry); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func openOstiary(b *testing.B) (func(context.Context, []byte) error, func() time.Duration) {
	l, err := ledger.OpenLog(ledger.LogConfig{Directory: filepath.Join(b.TempDir(), "log")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	return func(ctx context.Context, entry []byte) error {
		_, err := l.Append(ctx, entry)
		return err
	}, ownCPU
}

func openSQLite(b *testing.B) (func(context.Context, []byte) error, func() time.Duration) {
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "log.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1) // SQLite has one writer; more would only wait for its lock
	if _, err := db.ExecContext(b.Context(), "create table log (id integer primary key, entry blob)"); err != nil {
		b.Fatal(err)
	}
	insert, err := db.PrepareContext(b.Context(), "insert into log (entry) values (?)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = insert.Close() })
	return func(ctx context.Context, entry []byte) error {
		_, err := insert.ExecContext(ctx, entry)
		return err
	}, ownCPU
}

func openNATS(b *testing.B) (func(context.Context, []byte) error, func() time.Duration) {
	server, err := exec.LookPath("nats-server")
	if err != nil {
		b.Skip("NOT MEASURED: nats-server 2.10 or later is not in PATH (go install github.com/nats-io/nats-server/v2@v2.12.1; Debian 12 has 2.9, which cannot sync always)")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := ln.Addr().String()
	_ = ln.Close()
	dir := b.TempDir()
	conf := filepath.Join(dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q, sync_interval: always }\n", address, dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), server, "-c", conf)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	nc, err := nats.Connect("nats://"+address, nats.RetryOnFailedConnect(true), nats.MaxReconnects(50), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		b.Fatal(err)
	}
	for range 50 { // until the server is up
		if _, err = js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "log", Subjects: []string{"log"}}); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		b.Fatal(err)
	}
	return func(ctx context.Context, entry []byte) error {
		_, err := js.Publish(ctx, "log", entry)
		return err
	}, func() time.Duration { return ownCPU() + processCPU(b, cmd.Process.Pid) }
}

// processCPU reads user and system time from /proc, in ticks of 10 ms.
func processCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip("NOT MEASURED: no /proc to read the server's CPU time from")
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	var user, system int64
	_, _ = fmt.Sscan(string(fields[11]), &user)
	_, _ = fmt.Sscan(string(fields[12]), &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}

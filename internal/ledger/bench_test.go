//go:build unix

package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/secret"
)

// BenchmarkAppend appends 1 KiB payloads. "own" is the directory's own domain,
// on the disk of the temporary directory; "none" is a domain that acknowledges
// at once, so that what is left is the log's own cost. cpu-µs/op is the
// process's user and system time.
func BenchmarkAppend(b *testing.B) {
	for _, domain := range []string{"own", "none"} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", domain, writers), func(b *testing.B) {
				cfg := LogConfig{Directory: b.TempDir()}
				if domain == "none" {
					cfg.Domain = func(own Domain) Domain { return forgetful{own} }
				}
				benchAppend(b, cfg, writers)
			})
		}
	}
}

// forgetful acknowledges what it never wrote.
type forgetful struct{ Domain }

func (forgetful) Commit([]byte) error { return nil }

func benchAppend(b *testing.B, cfg LogConfig, writers int) {
	l, err := OpenLog(cfg)
	if err != nil {
		b.Fatal(err)
	}
	payload := bytes.Repeat([]byte("0123456789abcdef"), 64)
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	cpu := cpuTime()
	b.ResetTimer()
	done := make(chan error, writers)
	for w := range writers {
		n := b.N / writers
		if w < b.N%writers {
			n++
		}
		go func() {
			for range n {
				if _, err := l.Append(b.Context(), payload); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	if err := l.Close(); err != nil && cfg.Domain == nil {
		b.Fatal(err)
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkVerify checks a log of 100,000 entries of 1 KiB.
func BenchmarkVerify(b *testing.B) {
	const entries = 100_000
	m, dir := newMemFS(), b.TempDir()
	l, err := OpenLog(quiet(m, dir))
	if err != nil {
		b.Fatal(err)
	}
	payload := bytes.Repeat([]byte("0123456789abcdef"), 64)
	done := make(chan error)
	for range 64 {
		go func() {
			for range entries / 64 {
				if _, err := l.Append(b.Context(), payload); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 64 {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	n := uint64(0)
	for b.Loop() {
		r, err := verify(m, dir, nil, nil)
		if err != nil || !r.OK() {
			b.Fatal(r, err)
		}
		n += r.Entries
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkVerifyLedger checks a ledger of 50,000 calls, on the disk of the
// temporary directory. cpu-ns/entry is what a free core would take.
func BenchmarkVerifyLedger(b *testing.B) {
	dir := b.TempDir()
	l, err := Open(Config{Directory: dir})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error)
	for w := range 64 {
		go func() {
			for i := range 50_000 / 64 {
				call, result := sampleCall(), sampleResult()
				id := fmt.Sprintf("0197a1b2-0000-7000-8000-%06d%06d", w, i)
				call.Request.Commitment = l.Commitment(id, nil)
				result.Response.Commitment = call.Request.Commitment
				if err := errors.Join(l.Intent(b.Context(), id, call), l.Outcome(b.Context(), id, result)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 64 {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	n, cpu := uint64(0), cpuTime()
	for b.Loop() {
		r, err := Verify(dir)
		if err != nil || !r.OK() {
			b.Fatal(r, err)
		}
		n += r.Entries
	}
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(n), "cpu-ns/entry")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkRecord encodes and decodes an intent.
func BenchmarkRecord(b *testing.B) {
	call := sampleCall()
	r := Record{Version: 1, Kind: Intent, ID: "0197a1b2-0000-7000-8000-000000000001", Time: noon, Call: &call}
	payload, err := r.encode()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.encode(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeRecord(payload); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("commitment", func(b *testing.B) {
		b.ReportAllocs()
		body := make([]byte, 1024)
		for b.Loop() {
			h := newBodyHash(secret.New("key"), Request, r.ID)
			_, _ = h.Write(body)
			h.Sum()
		}
	})
}

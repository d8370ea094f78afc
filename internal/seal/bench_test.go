//go:build unix

package seal

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSeal seals one body in one piece, key derivation included. The
// bound for 1 KB is 3 µs of CPU; cpu-µs/op is the process's user and system
// time, which other work on the machine does not change much.
func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{1 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			k, err := NewKey()
			if err != nil {
				b.Fatal(err)
			}
			context, header := make([]byte, 69), make([]byte, 93)
			buf := make([]byte, size+Overhead)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			cpu := cpuTime()
			for b.Loop() {
				s, err := k.Sealer(context)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Seal(buf[:0], buf[:size], header, true); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
		})
	}
}

// BenchmarkWrap wraps a key to one auditor, which happens once for each
// subject and epoch.
func BenchmarkWrap(b *testing.B) {
	k, err := NewKey()
	if err != nil {
		b.Fatal(err)
	}
	i, err := NewIdentity()
	if err != nil {
		b.Fatal(err)
	}
	r := i.Recipient()
	for b.Loop() {
		if _, err := k.Wrap(nil, r); err != nil {
			b.Fatal(err)
		}
	}
}

package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// built finds a binary that `make build` made, or skips, loudly.
func built(b *testing.B, name string) string {
	b.Helper()
	path, err := filepath.Abs(filepath.Join("..", "bin", name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		b.Skipf("NOT MEASURED: %s is not built; run make build", name)
	}
	return path
}

// BenchmarkDemoOnce is the whole product, cold: process start, two companies,
// four enrolments, one streamed answer, a verified ledger.
func BenchmarkDemoOnce(b *testing.B) {
	binary := built(b, "ostiary")
	var rss, cpu, wall float64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), binary, "demo", "--once", "--json")
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		wall += float64(time.Since(start).Milliseconds())
		cpu += float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Milliseconds())
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			rss = max(rss, float64(usage.Maxrss)/1024) // Linux counts KiB
		}
	}
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(wall/n, "ms/run")
	b.ReportMetric(cpu/n, "cpu-ms/run")
	b.ReportMetric(rss, "MiB-max-rss")
}

// BenchmarkBinarySize reports the stripped binaries' sizes.
func BenchmarkBinarySize(b *testing.B) {
	for _, name := range []string{"ostiary", "ostiary-node"} {
		b.Run(name, func(b *testing.B) {
			info, err := os.Stat(built(b, name))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				_ = strconv.Itoa(int(info.Size()))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(info.Size())/1e6, "MB")
		})
	}
}

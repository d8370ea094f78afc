package bench

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/estate/estatetest"
)

// BenchmarkVerify judges estates from the built binary, reading included: one
// of 10,000 networks, 100,000 rules and 200 endpoints, and a usual one.
func BenchmarkVerify(b *testing.B) {
	big := filepath.Join(b.TempDir(), "big.json")
	f, err := os.Create(big)
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(estatetest.Big(f, estatetest.Full), f.Close()); err != nil {
		b.Fatal(err)
	}
	for name, path := range map[string]string{"big": big, "usual": filepath.Join("..", "testdata", "estates", "good", "hub-and-spoke.json")} {
		b.Run(name, func(b *testing.B) {
			binary := built(b, "ostiary")
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			var wall, cpu, rss float64
			for b.Loop() {
				cmd := exec.CommandContext(b.Context(), binary, "verify", "--snapshot", path, "--format", "json", "--out", filepath.Join(b.TempDir(), "r.json"))
				start := time.Now()
				_ = cmd.Run() // whatever the verdict
				wall += float64(time.Since(start).Milliseconds())
				cpu += float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Milliseconds())
				if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
					rss = max(rss, float64(usage.Maxrss)/1024)
				}
			}
			n := float64(b.N)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(info.Size())/1e6, "MB-json")
			b.ReportMetric(wall/n, "ms/run")
			b.ReportMetric(cpu/n, "cpu-ms/run")
			b.ReportMetric(rss, "MiB-max-rss")
		})
	}
}

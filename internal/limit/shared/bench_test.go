package shared

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/limit/redistest"
)

// cpu is what this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// scriptTime is how long the server ran a script, in ns on average.
func scriptTime(r *redistest.Server) float64 {
	_, stats, _ := strings.Cut(r.Do("INFO", "commandstats").(string), "cmdstat_evalsha:")
	_, each, _ := strings.Cut(stats, "usec_per_call=")
	each, _, _ = strings.Cut(each, ",")
	us, _ := strconv.ParseFloat(each, 64)
	return us * 1000
}

// BenchmarkTake is one call's share of limits, taken and settled: of this
// process, and of a Redis on the same machine by a Unix socket; refused is the
// script's dearest answer. cpu-ns/op is this process's, redis-ns/op the server's
// time in the script.
func BenchmarkTake(b *testing.B) {
	const none = limit.Max
	b.Run("alone", func(b *testing.B) {
		l := limit.New(limit.Limits{Requests: none, Tokens: none}, nil)
		b.ReportAllocs()
		for b.Loop() {
			took, _ := l.Take(1000)
			took.Settle(300)
		}
	})
	r := redisServer(b)
	for name, limits := range map[string]limit.Limits{
		"shared":  {Requests: none, Tokens: none},
		"refused": {Requests: 1, Tokens: none},
	} {
		s := newStore(b, r.Address(), func(c *Config) { c.Prefix = name })
		l := s.Limiter("team", limits)
		for _, callers := range []int{1, 8} {
			b.Run(name+"/callers="+strconv.Itoa(callers), func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(callers)
				r.Do("CONFIG", "RESETSTAT")
				begin := cpu()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						settle, _, err := l.Take(1000)
						if err != nil {
							b.Error(err)
							return
						}
						if settle != nil {
							settle(300)
						}
					}
				})
				b.ReportMetric(float64(cpu()-begin)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(scriptTime(r), "redis-ns/op")
			})
		}
	}
}

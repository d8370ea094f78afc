package sink

import (
	"os"
	"testing"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/sink/sinktest"
)

// BenchmarkPostgresRemote appends 1 KB entries from 64 writers at once to a log
// that PostgreSQL on this machine acknowledges.
func BenchmarkPostgresRemote(b *testing.B) {
	p := sinktest.NewPostgres(b)
	if err := os.Setenv("REMOTE_TEST_URL", p.URL()); err != nil {
		b.Fatal(err)
	}
	s := RemoteSettings{Postgres: &PostgresSettings{URL: reference(b, "env:REMOTE_TEST_URL")}}
	dir := b.TempDir()
	r, err := OpenRemote(s, dir, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	c := ledger.Config{}
	r.Configure(&c)
	l, err := ledger.OpenLog(ledger.LogConfig{Directory: dir, Relaxed: c.Relaxed, Domain: c.Domain, Signed: c.Signed})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	entry := make([]byte, 1024)
	b.SetParallelism(32) // on two cores 64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Append(b.Context(), entry); err != nil {
				b.Error(err)
			}
		}
	})
}

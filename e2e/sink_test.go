package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/sink"
)

// TestSinkAgreesWithLedger has a database made of what the whole product
// recorded: the command line sums it up as it does the log itself.
func TestSinkAgreesWithLedger(t *testing.T) {
	dir := t.TempDir()
	world, db := filepath.Join(dir, "world"), filepath.Join(dir, "calls.db")
	for _, question := range []string{"What is a private endpoint?", "What is Ockham's Razor?"} {
		ostiary(t, 0, "demo", "--once", "--state", world, "--ask", question)
	}
	book := filepath.Join(world, "ledger")
	total, err := ledger.Count(book)
	if err != nil {
		t.Fatal(err)
	}
	set, err := sink.FromSettings([]sink.Settings{{Name: "local", SQLite: &sink.SQLiteSettings{File: db}, BatchWait: time.Millisecond}},
		sink.Source{Directory: book, Durable: func() uint64 { return total }, Start: total}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- set.Run(ctx) }()
	for set.Needs() < total {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{
		{"--sum", "--format", "json"}, {"--sum-by", "workload,deployment,day,model,status", "--format", "csv"},
		{"--format", "json"}, {"--status", "2xx", "--subject", "spiffe://demo/inlet/health-corp"},
	} {
		fromLog, _ := ostiary(t, 0, append([]string{"ledger", "query", "--dir", book}, flags...)...)
		fromSink, _ := ostiary(t, 0, append([]string{"ledger", "query", "--db", db}, flags...)...)
		if fromLog != fromSink || len(fromLog) < 50 {
			t.Errorf("%v\nof the log:\n%s\nof the sink:\n%s", flags, fromLog, fromSink)
		}
	}
}

package ledger

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

// TestKilledWriter kills a real writer under load, 1,000 times in the long
// form: every entry that it was told is durable is there, exactly once.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]bool{}
	rounds := torture(t, 5, 1000)
	for round := range rounds {
		kill := 1 + rand.IntN(200)
		n := 0
		runWriter(t, dir, round, func(entry string, stop func()) {
			acked[entry] = true
			if n++; n == kill {
				stop() // and read what it said before
			}
		})
		if n < kill {
			t.Fatalf("round %d ended after %d entries", round, n)
		}
		if round%100 == 99 || round == rounds-1 {
			wantAcked(t, dir, acked)
		}
	}
}

// runWriter starts a writer on a directory, tells of each entry that it was
// told is durable, and returns when it has been stopped and has ended.
func runWriter(t *testing.T, dir string, round int, told func(entry string, stop func())) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestWriterToKill$")
	cmd.Env = append(os.Environ(), "LEDGER_TEST_DIR="+dir, fmt.Sprintf("LEDGER_TEST_ROUND=%d", round))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { _ = cmd.Process.Kill() }
	readAcked(out, func(entry string) { told(entry, stop) })
	_ = cmd.Wait()
}

// readAcked reads what a writer says. A line that was cut off says nothing.
func readAcked(out io.Reader, told func(entry string)) {
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if entry, ok := strings.CutPrefix(line, "acked "); ok {
			told(strings.TrimSuffix(entry, "\n"))
		}
	}
}

// wantAcked opens a log and wants each of these entries in it, once.
func wantAcked(t *testing.T, dir string, acked map[string]bool) {
	t.Helper()
	mustClose(t, mustOpen(t, LogConfig{Directory: dir}))
	seen := map[string]int{}
	if err := ReadLog(dir, 0, func(_ uint64, p []byte) error { seen[string(p)]++; return nil }); err != nil {
		t.Fatal(err)
	}
	for p := range acked {
		if seen[p] != 1 {
			t.Fatalf("%s is there %d times", p, seen[p])
		}
	}
	if r, err := VerifyLog(dir); err != nil || !r.OK() {
		t.Fatalf("verify: %+v %v", r, err)
	}
}

// TestWriterToKill is the writer, in a process of its own.
func TestWriterToKill(t *testing.T) {
	dir := os.Getenv("LEDGER_TEST_DIR")
	if dir == "" {
		return // other tests start it
	}
	l, err := OpenLog(LogConfig{Directory: dir, SegmentSize: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	var out sync.Mutex
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := 0; ; i++ {
				p := fmt.Sprintf("round %s writer %d entry %d %s", os.Getenv("LEDGER_TEST_ROUND"), w, i, strings.Repeat("x", i*w%300))
				if _, err := l.Append(t.Context(), []byte(p)); err != nil {
					return // the power is gone
				}
				out.Lock()
				fmt.Println("acked " + p)
				out.Unlock()
			}
		})
	}
	writers.Wait()
}

// TestTwoProcesses has a writer in another process: nothing else opens the
// directory for writing, and the writer goes on.
func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	n := 0
	runWriter(t, dir, 0, func(_ string, stop func()) {
		if n++; n == 20 {
			if _, err := OpenLog(LogConfig{Directory: dir}); fault.KindOf(err) != fault.Conflict {
				t.Errorf("a second writer: %v", err)
			}
			if _, err := RepairLog(LogConfig{Directory: dir}); fault.KindOf(err) != fault.Conflict {
				t.Errorf("a repair beside a writer: %v", err)
			}
		}
		if n == 60 {
			stop()
		}
	})
	if n < 60 {
		t.Errorf("the first writer ended after %d entries", n)
	}
}

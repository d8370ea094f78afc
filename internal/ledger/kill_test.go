package ledger

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestKilledWriter kills a real writer under load, again and again: every
// entry that it was told is durable is there, exactly once.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]bool{}
	for round := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWriterToKill$")
		cmd.Env = append(os.Environ(), "LEDGER_TEST_DIR="+dir, fmt.Sprintf("LEDGER_TEST_ROUND=%d", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if p, ok := strings.CutPrefix(lines.Text(), "acked "); ok {
				acked[p] = true
				if n++; n == 40+round*7 {
					_ = cmd.Process.Kill() // and read what it said before
				}
			}
		}
		_ = cmd.Wait()
		if n < 40 {
			t.Fatalf("round %d ended after %d entries", round, n)
		}
	}
	mustClose(t, mustOpen(t, LogConfig{Directory: dir}))
	seen := map[string]int{}
	if err := ReadLog(dir, 0, func(_ uint64, p []byte) error { seen[string(p)]++; return nil }); err != nil {
		t.Fatal(err)
	}
	for p := range acked {
		if seen[p] != 1 {
			t.Errorf("%s is there %d times", p, seen[p])
		}
	}
	if r, err := VerifyLog(dir); err != nil || !r.OK() {
		t.Errorf("verify: %+v %v", r, err)
	}
}

// TestWriterToKill is the writer, in a process of its own.
func TestWriterToKill(t *testing.T) {
	dir := os.Getenv("LEDGER_TEST_DIR")
	if dir == "" {
		return // TestKilledWriter starts it
	}
	l := mustOpen(t, LogConfig{Directory: dir, SegmentSize: 2000})
	var out sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				p := fmt.Sprintf("round %s writer %d entry %d", os.Getenv("LEDGER_TEST_ROUND"), w, i)
				if _, err := l.Append(t.Context(), []byte(p)); err != nil {
					panic(err)
				}
				out.Lock()
				fmt.Println("acked " + p)
				out.Unlock()
			}
		}()
	}
	select {}
}

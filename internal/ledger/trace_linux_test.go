package ledger

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTrace watches the system calls of a writer with strace. No entry is
// acknowledged, by a line on standard output, before an fdatasync has returned
// that began after the entry was written.
func TestTrace(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("NOT CHECKED: the order of system calls; strace is not installed")
	}
	log := filepath.Join(t.TempDir(), "trace")
	dir := t.TempDir()
	cmd := exec.Command(strace, "-f", "-s", "1000000", "-e", "trace=write,fdatasync", "-o", log, os.Args[0], "-test.run=^TestWriterToTrace$")
	cmd.Env = append(os.Environ(), "LEDGER_TRACE_DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("NOT CHECKED: the order of system calls; strace may not trace here: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	file, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tr := trace{written: map[string]bool{}, covered: map[string]map[string]bool{}, durable: map[string]bool{}}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if err := tr.line(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil || tr.acked != 8*50 {
		t.Errorf("%d entries acknowledged in the trace, %v", tr.acked, err)
	}
}

// trace follows which entries are written and which are durable.
type trace struct {
	written map[string]bool            // and not yet synced
	covered map[string]map[string]bool // by the fdatasync that a thread is in
	durable map[string]bool
	acked   int
}

var (
	call    = regexp.MustCompile(`^(\d+) +(?:<\.\.\. )?(write|fdatasync)(?:\((\d+)| resumed)`)
	entries = regexp.MustCompile(`entry \d+ of writer \d+;`)
)

// line takes a line of strace: a call, the begin of one, or the end of one
// that another thread's line interrupted.
func (tr *trace) line(s string) error {
	m := call.FindStringSubmatch(s)
	if m == nil {
		return nil
	}
	thread, name := m[1], m[2]
	begins, ends := m[3] != "", !strings.HasSuffix(s, "<unfinished ...>")
	if name == "write" && begins {
		for _, e := range entries.FindAllString(s, -1) {
			if m[3] != "1" {
				tr.written[e] = true
				continue
			}
			if tr.acked++; !tr.durable[e] {
				return fmt.Errorf("%s acknowledged before its fdatasync returned", e)
			}
		}
	}
	if name == "fdatasync" && begins {
		tr.covered[thread], tr.written = tr.written, map[string]bool{}
	}
	if name == "fdatasync" && ends && strings.HasSuffix(s, "= 0") {
		for e := range tr.covered[thread] {
			tr.durable[e] = true
		}
	}
	return nil
}

// TestTraceFindsAnEarlyAnswer holds the judge to a trace that is wrong.
func TestTraceFindsAnEarlyAnswer(t *testing.T) {
	for _, c := range []struct {
		sound bool
		trace string
	}{
		{true, "1 write(5, \"entry 1 of writer 2;\", 20) = 20\n1 fdatasync(5) = 0\n2 write(1, \"entry 1 of writer 2;\", 20) = 20"},
		{true, "1 write(5, \"entry 1 of writer 2;\", 20) = 20\n1 fdatasync(5 <unfinished ...>\n2 write(7, \"x\", 1) = 1\n1 <... fdatasync resumed>) = 0\n2 write(1, \"entry 1 of writer 2;\", 20) = 20"},
		{false, "1 write(5, \"entry 1 of writer 2;\", 20) = 20\n2 write(1, \"entry 1 of writer 2;\", 20) = 20"},
		{false, "1 write(5, \"entry 1 of writer 2;\", 20) = 20\n1 fdatasync(5 <unfinished ...>\n2 write(1, \"entry 1 of writer 2;\", 20) = 20\n1 <... fdatasync resumed>) = 0"},
		{false, "1 fdatasync(5 <unfinished ...>\n2 write(5, \"entry 1 of writer 2;\", 20) = 20\n1 <... fdatasync resumed>) = 0\n2 write(1, \"entry 1 of writer 2;\", 20) = 20"},
		{false, "1 write(5, \"entry 1 of writer 2;\", 20) = 20\n1 fdatasync(5) = -1 EIO (Input/output error)\n2 write(1, \"entry 1 of writer 2;\", 20) = 20"},
	} {
		tr := trace{written: map[string]bool{}, covered: map[string]map[string]bool{}, durable: map[string]bool{}}
		var err error
		for line := range strings.Lines(c.trace) {
			if err == nil {
				err = tr.line(strings.TrimSuffix(line, "\n"))
			}
		}
		if (err == nil) != c.sound || tr.acked != 1 {
			t.Errorf("%s\n%d acknowledged, %v", c.trace, tr.acked, err)
		}
	}
}

// TestWriterToTrace is the writer, in a process of its own. It may be traced
// while it starts segments, so that their names and syncs are in the trace.
func TestWriterToTrace(t *testing.T) {
	dir := os.Getenv("LEDGER_TRACE_DIR")
	if dir == "" {
		return // TestTrace starts it
	}
	l := mustOpen(t, LogConfig{Directory: dir, SegmentSize: 4000})
	done := make(chan error)
	for w := range 8 {
		go func() {
			for i := range 50 {
				p := fmt.Sprintf("entry %d of writer %d;", i, w)
				if _, err := l.Append(t.Context(), []byte(p)); err != nil {
					done <- err
					return
				}
				fmt.Println(p)
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, l)
}

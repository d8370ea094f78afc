package ostiary_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The repository holds sources: what a build leaves in the tree is committed
// too easily, and stays in the history for ever.
func TestTreeHasSourcesOnly(t *testing.T) {
	const most = 256 << 10 // bytes; the largest source is a golden file of half of it
	names, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("NOT CHECKED: whether a binary is committed: git does not list the files: %v", err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(names), "\x00"), "\x00") {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // removed, and not committed yet
		}
		switch {
		case len(data) == 0 && !strings.HasSuffix(name, "/.gitkeep"):
			t.Errorf("%s is empty: remove it", name)
		case len(data) > most:
			t.Errorf("%s has %d bytes: is it a build's?", name, len(data))
		case bytes.HasPrefix(data, []byte("\x7fELF")) || bytes.HasPrefix(data, []byte("MZ")) || bytes.HasPrefix(data, []byte("PK\x03\x04")):
			t.Errorf("%s is a binary: remove it", name)
		}
	}
}

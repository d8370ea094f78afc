package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// TestLedgerRepair damages a log, repairs it by the command, and sees that
// verify names the loss and that the log opens again.
func TestLedgerRepair(t *testing.T) {
	dir := t.TempDir()
	l, err := ledger.OpenLog(ledger.LogConfig{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"one", "two", "three"} {
		if _, err := l.Append(t.Context(), []byte("entry "+p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "00000000000000000000.seg")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.Index(data, []byte("entry two"))] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.OpenLog(ledger.LogConfig{Directory: dir}); err == nil || !strings.Contains(err.Error(), "ledger repair") {
		t.Errorf("the damaged log: %v", err)
	}
	repair := func() string {
		var out strings.Builder
		if err := (&ledgerRepairCmd{Dir: dir}).Run(&node.Env{Ctx: t.Context(), Out: &out}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if said := repair(); !strings.Contains(said, "entry 1: lost") || !strings.Contains(said, "set aside: 00000000000000000000.seg") {
		t.Errorf("repair says %q", said)
	}
	if said := repair(); said != "nothing to repair\n" {
		t.Errorf("a second repair says %q", said)
	}
	var out strings.Builder
	err = (&ledgerVerifyCmd{Dir: dir, Raw: true}).Run(&node.Env{Ctx: t.Context(), Out: &out})
	if fault.KindOf(err) != fault.No || !strings.Contains(out.String(), "entry 1: lost") {
		t.Errorf("verify says %q, %v", out.String(), err)
	}
	if l, err = ledger.OpenLog(ledger.LogConfig{Directory: dir}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

package e2e

import (
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/cli/demo"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/ledger"
)

// startDemo runs the whole product against the emulator.
func startDemo(t *testing.T) *demo.World {
	t.Helper()
	var said buffer
	w, err := demo.Start(&node.Env{Ctx: t.Context(), Out: &said, Err: &said, Log: slog.New(slog.DiscardHandler)}, demo.Options{State: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// chatAnswer is what client.mjs says of one call.
type chatAnswer struct {
	Text   string
	Chunks int
	Tokens int
}

// TestOfficialClient installs the official openai client from npm and asks
// through inlet, relay, outlet and gateway, unchanged but for base URL and CA.
func TestOfficialClient(t *testing.T) {
	dir := npm(t, "the official openai client through the portal")
	w := startDemo(t)
	client := exec.CommandContext(t.Context(), "node", "client.mjs")
	client.Dir = dir
	client.Env = append(os.Environ(), "OSTIARY_BASE_URL="+w.InletURL, "OSTIARY_QUESTION=What is Ockham's Razor?", "NODE_EXTRA_CA_CERTS="+w.CAFile)
	var stderr strings.Builder
	client.Stderr = &stderr
	out, err := client.Output()
	if err != nil {
		t.Fatalf("client.mjs: %v\n%s", err, stderr.String())
	}
	var got struct {
		Azure, V1 struct{ Whole, Streamed chatAnswer }
		Embedding int
		Models    []string
		Unknown   struct {
			Status        int
			Code, Message string
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for name, a := range map[string]chatAnswer{
		"azure, whole": got.Azure.Whole, "azure, streamed": got.Azure.Streamed, "v1, whole": got.V1.Whole, "v1, streamed": got.V1.Streamed,
	} {
		if !strings.Contains(a.Text, "Ockham") || a.Tokens == 0 || strings.Contains(name, "streamed") && a.Chunks < 10 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if got.Azure.Whole.Text != got.V1.Streamed.Text {
		t.Errorf("the same question, two answers:\n%s\n%s", got.Azure.Whole.Text, got.V1.Streamed.Text)
	}
	if got.Embedding != 1536 || len(got.Models) == 0 {
		t.Errorf("embedding of %d numbers, models %v", got.Embedding, got.Models)
	}
	if got.Unknown.Status != 404 || got.Unknown.Code != "DeploymentNotFound" {
		t.Errorf("an unknown deployment: %+v", got.Unknown)
	}
	checkLedger(t, filepath.Join(w.Dir, "ledger"), 7)
}

func atoi(b []byte) int {
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return n
}

// checkLedger wants calls by the member, each whole, and a log that verifies.
func checkLedger(t *testing.T, dir string, calls int) {
	t.Helper()
	report, err := ledger.Verify(dir)
	if err != nil || !report.OK() || report.Calls != calls || len(report.NoOutcome) > 0 {
		t.Fatalf("ledger: %+v, %v", report, err)
	}
	err = ledger.Read(dir, 0, func(_ uint64, r ledger.Record) error {
		if r.Call != nil && r.Call.Member != "spiffe://demo/inlet/health-corp" {
			t.Errorf("call %s is recorded for %q", r.ID, r.Call.Member)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/seal"
)

// TestDocumentedMove: every configuration in docs/from-apim.md is one, and its
// policy is sound.
func TestDocumentedMove(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "from-apim.md"))
	if err != nil {
		t.Fatal(err)
	}
	snippets := strings.Split(string(text), "```yaml\n")[1:]
	for i, s := range snippets {
		s, _, ok := strings.Cut(s, "```")
		if !ok {
			t.Fatalf("snippet %d does not end", i)
		}
		s = strings.ReplaceAll(s, "AUDITOR", auditor(t))
		var d document
		if err := config.Decode("docs/from-apim.md", []byte(s), &d, config.Options{SkipSecrets: true}); err != nil {
			t.Errorf("snippet %d: %v", i, err)
			continue
		}
		if _, err := policy.New(d.Gateway.Workloads); err != nil {
			t.Errorf("snippet %d: %v", i, err)
		}
	}
	if len(snippets) < 3 {
		t.Errorf("%d snippets", len(snippets))
	}
}

func auditor(t *testing.T) string {
	t.Helper()
	id, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String()
}

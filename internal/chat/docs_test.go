package chat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/config"
)

// TestDocumentedSettings: the configuration in docs/chat.md is one.
func TestDocumentedSettings(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "chat.md"))
	must(t, err)
	_, sample, _ := strings.Cut(string(text), "```yaml\n")
	sample, _, ok := strings.Cut(sample, "```")
	if !ok {
		t.Fatal("there is none")
	}
	var d struct {
		Chat Settings `yaml:"chat"`
	}
	must(t, config.Decode("docs/chat.md", []byte(sample), &d, config.Options{SkipSecrets: true}))
	if len(d.Chat.Models) != 3 || !d.Chat.Models[1].Images || d.Chat.Session.Idle != defaultIdle || d.Chat.History != defaultHistory {
		t.Errorf("%+v", d.Chat)
	}
}

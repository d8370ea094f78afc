package backend

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/secret"
)

// TestLinkIsTakenOver: a pool that takes another's place keeps what was learned
// of the backends that it reaches as before, and nothing of others.
func TestLinkIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	put := func(value string) {
		if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var key secret.Ref
	if err := key.UnmarshalText([]byte("file:" + path)); err != nil {
		t.Fatal(err)
	}
	sooner := false
	for name, tt := range map[string]struct {
		change func(*Settings)
		keeps  bool
	}{
		"nothing":         {func(*Settings) {}, true},
		"the same key":    {func(*Settings) { put("one") }, true},
		"weight, region":  {func(s *Settings) { s.Weight, s.Priority, s.Region = 7, 3, "norwayeast" }, true},
		"deployments":     {func(s *Settings) { s.Deployments, s.StreamUsage = []string{"x"}, &sooner }, true},
		"name":            {func(s *Settings) { s.Name = "b" }, false},
		"url":             {func(s *Settings) { s.URL = "https://b.example" }, false},
		"kind":            {func(s *Settings) { s.Kind = OpenAI }, false},
		"key":             {func(*Settings) { put("two") }, false},
		"key, by name":    {func(s *Settings) { s.APIKey = ref(t, "one") }, false},
		"credential":      {func(s *Settings) { s.APIKey, s.ManagedIdentity = secret.Ref{}, &login.ManagedIdentity{} }, false},
		"caller's token":  {func(s *Settings) { s.APIKey, s.PassCallerToken = secret.Ref{}, true }, false},
		"time to answer":  {func(s *Settings) { s.FirstByte = time.Minute }, false},
		"scope of tokens": {func(s *Settings) { s.Scope = "x" }, false},
	} {
		put("one")
		first := Settings{Name: "a", URL: "https://a.example", APIKey: key}
		before, err := NewPool(Config{Backends: []Settings{first}})
		if err != nil {
			t.Fatal(err)
		}
		for range threshold {
			before.backends[0].health.fails(time.Now(), time.Now(), time.Minute)
		}
		then := first
		tt.change(&then)
		after, err := NewPool(Config{Backends: []Settings{{Name: "new", URL: "https://new.example", APIKey: key}, then}, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range after.Conditions() {
			if c.Broken != (tt.keeps && c.Name == then.Name) {
				t.Errorf("%s: %+v", name, c)
			}
		}
		for i, b := range after.backends {
			if b.name == then.Name && (b.transport == before.backends[0].transport) != tt.keeps {
				t.Errorf("%s: the connections of backend %d", name, i)
			}
		}
	}
}

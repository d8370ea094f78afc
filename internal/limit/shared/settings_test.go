package shared

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
)

type document struct {
	Shared *Settings `yaml:"shared_limits" doc:"it"`
}

func decode(text string) (*Settings, error) {
	var d document
	err := config.Decode("x.yaml", []byte("shared_limits:\n  "+strings.ReplaceAll(text, "\n", "\n  ")), &d, config.Options{SkipSecrets: true})
	return d.Shared, err
}

func TestSettings(t *testing.T) {
	for text, want := range map[string]string{ // what a mistake is about; empty: none
		"redis: {address: \"sample.uksouth.redis.azure.net:10000\", managed_identity: {}}":                                           "",
		"redis: {address: \"[::1]:6379\", plaintext: true, password: env:X, user: u}\nprefix: a.b:c\non_failure: alone\ntimeout: 5s": "",
		"redis: {address: \"unix:/run/redis.sock\", plaintext: true, password: env:X}":                                               "",
		"redis: {address: \"10.0.0.4:6379\", plaintext: true}":                                                                       "",
		"redis: {address: \"redis:6379\", workload_identity: {}, user: u, scope: x}":                                                 "",
		"prefix: a":                                                               "redis",
		"redis: {plaintext: true}":                                                "address",
		"redis: {address: redis}":                                                 "not host:port",
		"redis: {address: \"redis:\"}":                                            "not host:port",
		"redis: {address: \":6379\"}":                                             "not host:port",
		"redis: {address: \"unix:\"}":                                             "not host:port",
		"redis: {address: \"redis://u:p@h:1/0\"}":                                 "not host:port",
		"redis: {address: \"h:1\", user: u}":                                      "a user without a login",
		"redis: {address: \"h:1\", password: literal}":                            "not a reference to a secret",
		"redis: {address: \"h:1\", password: env:X, managed_identity: {}}":        "more than one login",
		"redis: {address: \"h:1\", managed_identity: {}, workload_identity: {}}":  "more than one login",
		"redis: {address: \"h:1\", password: env:X, plaintext: true}":             "in clear",
		"redis: {address: \"10.0.0.4:1\", managed_identity: {}, plaintext: true}": "in clear",
		"redis: {address: \"h:1\"}\nprefix: \"a{b}\"":                             "not a prefix",
		"redis: {address: \"h:1\"}\nprefix: \"" + strings.Repeat("a", 65) + "\"":  "not a prefix",
		"redis: {address: \"h:1\"}\non_failure: open":                             "write refuse or alone",
		"redis: {address: \"h:1\"}\ntimeout: 1ms":                                 "out of range",
		"redis: {address: \"h:1\"}\ntimeout: -1s":                                 "out of range",
		"redis: {address: \"h:1\"}\ntimeout: 1m":                                  "out of range",
	} {
		_, err := decode(text)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestDocumented: what docs/gateway.md shows is a configuration.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "gateway.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n  shared_limits:\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example")
	}
	for _, example := range []string{example, strings.NewReplacer("# prefix", "prefix", "# on", "on", "# timeout", "timeout", "  gateways of", "# gateways of", "  or alone", "# or alone").Replace(example)} {
		var d document
		if err := config.Decode("docs/gateway.md", []byte("shared_limits:\n"+example), &d, config.Options{SkipSecrets: true}); err != nil {
			t.Error(err)
		} else if d.Shared.Redis.ManagedIdentity == nil || d.Shared.Timeout != 0 && (d.Shared.Timeout != DefaultTimeout || d.Shared.Prefix != DefaultPrefix || d.Shared.OnFailure != Refuse) {
			t.Errorf("%+v", d.Shared)
		}
	}
}

// TestDocumentedRights: those that docs/gateway.md tells to give are those that
// TestPassword counts with.
func TestDocumentedRights(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "gateway.md"))
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSuffix(fmt.Sprintln(rights...), "\n"); !strings.Contains(string(text), "`"+want+"`") {
		t.Errorf("docs/gateway.md lacks %s", want)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no such authority": func(c *Config) { c.Redis.CA = filepath.Join(t.TempDir(), "none") },
		"no such password":  func(c *Config) { c.Redis.Password = reference(t, filepath.Join(t.TempDir(), "none")) },
	} {
		cfg := Config{Settings: Settings{Redis: RedisSettings{Address: "localhost:1"}}}
		change(&cfg)
		if _, err := Open(cfg); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := newStore(t, "localhost:1", func(c *Config) { c.Timeout = 0 })
	if s.cfg.Timeout != DefaultTimeout || s.cfg.Prefix != DefaultPrefix || s.cfg.OnFailure != Refuse || s.cfg.Timeout > time.Second {
		t.Errorf("%+v", s.cfg)
	}
	if s.Ready() == nil {
		t.Error("ready before it was ever counted")
	}
}

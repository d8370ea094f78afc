package sink

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
)

type file struct {
	Sinks []Settings `yaml:"sinks"`
}

func (f *file) Check(report func(path, what, fix string)) { CheckNames(f.Sinks, report) }

func load(t *testing.T, text string) ([]Settings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var f file
	err := config.Load(path, &f, config.Options{SkipSecrets: true})
	return f.Sinks, err
}

const sound = `
sinks:
  - name: local
    sqlite: {file: calls.db}
  - name: hub
    bodies: clear
    batch_wait: 2s
    kafka:
      brokers: ["sample.servicebus.windows.net:9093"]
      topic: calls
      connection_string: env:HUB
      max_message: 1000000
      format: seed
`

func TestSettingsAreChecked(t *testing.T) {
	s, err := load(t, sound)
	if err != nil || len(s) != 2 || s[1].Kafka.scope() != "https://sample.servicebus.windows.net/.default" || s[1].BatchWait != 2*time.Second {
		t.Fatalf("%+v: %v", s, err)
	}
	const hub = "kafka: {brokers: [\"b.example:9093\"], topic: calls"
	for text, want := range map[string]string{
		"{name: a, sqlite: {file: f}}, {name: a, sqlite: {file: g}}": "another sink has this name",
		"{name: a}":                                                               "one of sqlite and kafka",
		"{name: A/b, sqlite: {file: f}}":                                          "not a name",
		"{name: a, sqlite: {file: f}, bodies: all}":                               "write none, sealed or clear",
		"{name: a, " + hub + ", format: json}}":                                   "write ostiary or seed",
		"{name: a, " + hub + ", plaintext: true, user: u, password: env:P}}":      "in clear",
		"{name: a, " + hub + ", user: u}}":                                        "both or neither",
		"{name: a, " + hub + ", managed_identity: {}, connection_string: env:P}}": "more than one login",
		"{name: a, " + hub + ", max_message: 1000}}":                              "write 16KiB",
		"{name: a, bodies: sealed, " + hub + ", format: seed}}":                   "no place for sealed bodies",
		"{name: a, kafka: {brokers: [b], topic: t}}":                              "not host:port",
		"{name: a, sqlite: {file: f}, batch_entries: -1}, {name: b, sqlite: {file: f}, no_outcome_after: -1s}": "out of range",
	} {
		_, err := load(t, "sinks: ["+text+"]")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestASetOfSinks(t *testing.T) {
	b := newBook(t)
	b.intent(1)
	reg := prometheus.NewRegistry()
	db := filepath.Join(t.TempDir(), "calls.db")
	set, err := FromSettings([]Settings{
		{Name: "one", SQLite: &SQLiteSettings{File: db}},
		{Name: "two", SQLite: &SQLiteSettings{File: db + "2"}},
	}, b.source(), nil, reg)
	if err != nil {
		t.Fatal(err)
	}
	if set.Needs() != 0 {
		t.Errorf("needs %d before it has run", set.Needs())
	}
	if n, err := testutil.GatherAndCount(reg, "ostiary_sink_lag_entries"); err != nil || n != 2 {
		t.Errorf("%d metrics: %v", n, err)
	}
	if err := set.Close(); err != nil {
		t.Error(err)
	}
	if none, err := FromSettings(nil, b.source(), nil, nil); err != nil || none.Needs() != ^uint64(0) || none.Run(t.Context()) != nil {
		t.Errorf("no sinks: %v", err)
	}
	if _, err := FromSettings([]Settings{{Name: "x", SQLite: &SQLiteSettings{File: filepath.Join(db, "below", "a file")}}}, b.source(), nil, nil); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a file that cannot be made: %v", err)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add([]byte(`{"v":1,"log":"x","next":9,"from":1,"open":[1,3]}`))
	f.Add([]byte(`{"v":1,"log":"x","next":9,"from":9}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseCursor(data)
		if err != nil {
			return
		}
		if s.From > s.Next || len(s.Open) > 0 && (s.Open[0] < s.From || s.Open[len(s.Open)-1] >= s.Next) || !slices.IsSorted(s.Open) {
			t.Fatalf("accepted %+v", s)
		}
		file := cursorFile(filepath.Join(t.TempDir(), "cursor"))
		if err := file.write(s.Log, s.Cursor); err != nil {
			t.Fatal(err)
		}
		if back, err := file.read(s.Log); err != nil || back.Next != s.Next || !slices.Equal(back.Open, s.Open) {
			t.Fatalf("%+v came back as %+v: %v", s, back, err)
		}
	})
}

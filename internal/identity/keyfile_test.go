package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/openai"
)

func addKey(t testing.TB, path string, keys ...Key) {
	t.Helper()
	err := ChangeKeys(path, func(old []Key) ([]Key, error) { return append(old, keys...), nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	_, h1 := NewKey()
	_, h2 := NewKey()
	when := time.Date(2026, 11, 21, 1, 2, 3, 0, time.UTC)
	want := []Key{
		{Name: "a", Hash: h1, Workload: "w", Created: when},
		{Name: "b <é>", Hash: h2, Workload: "w", Deployments: []string{"gpt-*"}, Operations: []string{"models"}, Created: when, Expires: when, Revoked: when},
	}
	if _, err := ReadKeys(path); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no file: %v", err)
	}
	addKey(t, path, want[0])
	addKey(t, path, want[1])
	if got, err := ReadKeys(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	before, _ := os.ReadFile(path)
	for name, change := range map[string]func([]Key) ([]Key, error){
		"refused": func([]Key) ([]Key, error) { return nil, errors.New("no") },
		"name": func(k []Key) ([]Key, error) {
			return append(k, Key{Name: "a", Hash: strings.Repeat("0", 64), Workload: "w"}), nil
		},
		"hash": func(k []Key) ([]Key, error) {
			return append(k, Key{Name: "c", Hash: strings.ToUpper(h1), Workload: "w"}), nil
		},
		"no hash":  func(k []Key) ([]Key, error) { return append(k, Key{Name: "c", Workload: "w"}), nil },
		"no name":  func(k []Key) ([]Key, error) { return append(k, Key{Hash: strings.Repeat("0", 64), Workload: "w"}), nil },
		"workload": func(k []Key) ([]Key, error) { return append(k, Key{Name: "c", Hash: strings.Repeat("0", 64)}), nil },
		"bad scope": func(k []Key) ([]Key, error) {
			return append(k, Key{Name: "c", Hash: strings.Repeat("0", 64), Workload: "w", Operations: []string{""}}), nil
		},
	} {
		if err := ChangeKeys(path, change); err == nil {
			t.Errorf("%s: changed", name)
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("a change that was refused left a trace")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Chmod(path, 0o620); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKeys(path); fault.KindOf(err) != fault.Invalid {
		t.Errorf("writable by the group: %v", err)
	}
	if _, err := ReadKeys(filepath.Dir(path)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a directory: %v", err)
	}
}

func TestBadKeyFiles(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	line := `{"name":"a","hash":"` + hash + `","workload":"w"}` + "\n"
	var tooMany strings.Builder
	for n := range maxFileKeys + 1 {
		fmt.Fprintf(&tooMany, "{\"name\":\"k%d\",\"hash\":\"%064x\",\"workload\":\"w\"}\n", n, n)
	}
	for name, text := range map[string]string{
		"cut":             line[:30],
		"no line end":     strings.TrimSpace(line),
		"empty line":      "\n" + line,
		"twice":           line + line,
		"not JSON":        "name: a\n",
		"unknown field":   strings.Replace(line, "}", `,"until":"x"}`, 1),
		"field twice":     strings.Replace(line, "}", `,"workload":"admin"}`, 1),
		"two on a line":   strings.TrimSpace(line) + line,
		"no time":         strings.Replace(line, "}", `,"expires":"tomorrow"}`, 1),
		"short hash":      strings.Replace(line, hash, hash[2:], 1),
		"control":         strings.Replace(line, `"a"`, `"a\nb"`, 1),
		"too many":        tooMany.String(),
		"too long":        strings.Repeat(" ", maxKeyFile+1),
		"an array":        "[" + strings.TrimSpace(line) + "]\n",
		"too long a name": strings.Replace(line, `"a"`, `"`+strings.Repeat("a", maxKeyName+1)+`"`, 1),
	} {
		if keys, err := parseKeys([]byte(text), "keys"); err == nil || strings.Contains(err.Error(), hash) {
			t.Errorf("%s: %v %v", name, keys, err)
		}
	}
	if keys, err := parseKeys(nil, "keys"); err != nil || keys != nil {
		t.Errorf("an empty file: %v %v", keys, err)
	}
}

// TestKeyFileWriters: processes that change the file at once lose nothing.
func TestKeyFileWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			_, hash := NewKey()
			addKey(t, path, Key{Name: fmt.Sprint("k", n), Hash: hash, Workload: "w"})
		})
	}
	all.Wait()
	if keys, err := ReadKeys(path); err != nil || len(keys) != 20 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestWatch: a key works within one poll of its making, and is refused within
// one of its revocation; a bad file changes nothing, and is logged once.
func TestWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	fixed, fixedHash := NewKey()
	made, hash := NewKey()
	addKey(t, path)
	synctest.Test(t, func(t *testing.T) {
		var logs lockedBuffer
		i, err := New(Config{
			KeysFile: path, Keys: []Key{{Name: "fixed", Hash: fixedHash, Workload: "w"}}, Now: time.Now,
			Logger: slog.New(slog.NewTextHandler(&logs, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- i.Run(ctx) }()
		works := func(key string) bool {
			_, err := i.keys.Load().find(key, time.Now())
			return err == nil
		}
		settle := func() { time.Sleep(defaultPoll); synctest.Wait() }
		expect := func(step string, want bool) {
			t.Helper()
			settle()
			if works(made.Reveal()) != want || !works(fixed.Reveal()) {
				t.Errorf("%s: made %v, fixed %v", step, works(made.Reveal()), works(fixed.Reveal()))
			}
		}
		expect("at first", false)
		addKey(t, path, Key{Name: "made", Hash: hash, Workload: "w"})
		expect("made", true)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, whole[:20], 0o600); err != nil {
			t.Fatal(err)
		}
		expect("cut", true)
		expect("still cut", true)
		if n := strings.Count(logs.String(), "the old ones"); n != 1 {
			t.Errorf("%d complaints:\n%s", n, logs.String())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		expect("gone", true)
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		expect("back", true)
		if err := ChangeKeys(path, func(k []Key) ([]Key, error) { k[0].Revoked = time.Now(); return k, nil }); err != nil {
			t.Fatal(err)
		}
		expect("revoked", false)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, secret := range []string{hash, made.Reveal()} {
			if strings.Contains(logs.String(), secret) {
				t.Error("the log holds a key")
			}
		}
	})
	if _, err := New(Config{KeysFile: path + ".none"}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no file at the start: %v", err)
	}
}

func TestKeyStatesAndScopes(t *testing.T) {
	now := time.Now()
	key, hash := NewKey()
	for state, k := range map[string]Key{
		"active": {Expires: now.Add(time.Second)}, "expired": {Expires: now}, "revoked": {Revoked: now.Add(-time.Hour), Expires: now},
	} {
		k.Name, k.Hash = "k", hash
		ring, err := newKeyring([]Key{k})
		if err != nil {
			t.Fatal(err)
		}
		_, err = ring.find(key.Reveal(), now)
		if k.State(now) != state || (err == nil) != (state == "active") || err != nil && !strings.Contains(err.Error(), state) {
			t.Errorf("%s: %s %v", state, k.State(now), err)
		}
	}
	k := Key{Name: "k", Deployments: []string{"gpt-*"}}
	p, err := k.Principal()
	if err != nil {
		t.Fatal(err)
	}
	both := &Scope{Deployments: openai.Patterns{"gpt-*"}, Operations: openai.Patterns{"models"}}
	for _, tt := range []struct {
		scope      *Scope
		op         openai.Operation
		deployment string
		want       bool
	}{
		{nil, openai.Speech, "x", true}, {p.Scope, openai.Speech, "gpt-4o", true}, {p.Scope, openai.Speech, "o3", false},
		{p.Scope, openai.Models, "", true}, {both, openai.Models, "", true}, {both, openai.Speech, "gpt-4o", false}, {both, openai.Models, "o3", false},
	} {
		if got := tt.scope.Covers(tt.op, tt.deployment); got != tt.want {
			t.Errorf("%+v %s %s: %v", tt.scope, tt.op, tt.deployment, got)
		}
	}
}

func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(`{"name":"a","hash":"` + strings.Repeat("ab", 32) + `","workload":"w","deployments":["x*"]}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseKeys(data, "keys")
		if err == nil {
			_, err = newKeyring(keys)
		} else if k := fault.KindOf(err); k == fault.Invalid || k == fault.TooLarge {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"a","aud":["b"],"exp":1,"groups":["x"],"roles":"y"}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte(`{"\u0061":1,"a":[{}]} `))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c claims
		if err := c.UnmarshalJSON(data); err != nil {
			return
		}
		for name := range c.all {
			_, _ = c.text([]string{name}), c.list([]string{name})
		}
	})
}

func BenchmarkKey(b *testing.B) {
	key, hash := NewKey()
	ring, err := newKeyring([]Key{{Name: "k", Hash: hash, Workload: "w"}})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.find(key.Reveal(), now); err != nil {
			b.Fatal(err)
		}
	}
}

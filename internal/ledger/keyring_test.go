package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/secret"
)

func memKeyring(t testing.TB, m *memFS, c BodyConfig) *keyring {
	t.Helper()
	c.Auditors = []seal.Recipient{newIdentity(t).Recipient()}
	c, err := c.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return newKeyring(m, "log", logID{1}, testSalt(), c, time.Now)
}

func testSalt() secret.String { return secret.New("salt") }

// named is a subject's name, masked its pseudonym.
func named(n byte) string     { return fmt.Sprint("subject ", n) }
func masked(n byte) pseudonym { return newPseudonym(testSalt(), named(n)) }

// keyOf is the id of the key that the subject's next body is sealed with.
func keyOf(t testing.TB, k *keyring, subject byte) seal.KeyID {
	t.Helper()
	_, e, err := k.sealer(named(subject), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.key.ID()
}

func keyFiles(m *memFS) (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for path := range m.names {
		if strings.HasSuffix(path, keySuffix) {
			names = append(names, path)
		}
	}
	return names
}

// A subject has one key an epoch, however many ask at once, and no longer than
// the epoch.
func TestKeyOfAnEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		k := memKeyring(t, m, BodyConfig{Epoch: time.Hour})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { keyOf(t, k, 1) })
		}
		all.Wait()
		first := keyOf(t, k, 1)
		if n := len(keyFiles(m)); n != 1 {
			t.Fatalf("%d key files", n)
		}
		if keyOf(t, k, 2) == first {
			t.Error("two subjects share a key")
		}
		time.Sleep(time.Hour - time.Second)
		k.expire()
		if k.held(masked(1), first) == nil || keyOf(t, k, 1) != first {
			t.Error("gone before its epoch ended")
		}
		held := k.held(masked(1), first)
		time.Sleep(time.Second)
		k.expire()
		if k.held(masked(1), first) != nil || len(k.keys)+len(k.names) != 0 || k.order.Len() != 0 {
			t.Error("held after its epoch")
		}
		if _, err := held.Sealer(nil); !errors.Is(err, seal.ErrDestroyed) {
			t.Errorf("the key still seals: %v", err)
		}
		if keyOf(t, k, 1) == first || len(keyFiles(m)) != 3 {
			t.Errorf("no new key: %v", keyFiles(m))
		}
		// A clock that steps back begins another key of the old epoch.
		k.now = func() time.Time { return time.Now().Add(-time.Hour) }
		if keyOf(t, k, 1) == first || len(keyFiles(m)) != 4 {
			t.Errorf("after a step back: %v", keyFiles(m))
		}
	})
}

// The keys in memory are bounded, and the longest unused goes first.
func TestKeysInMemoryAreBounded(t *testing.T) {
	m := newMemFS()
	k := memKeyring(t, m, BodyConfig{Subjects: 3})
	var ids []seal.KeyID
	for s := range 4 {
		ids = append(ids, keyOf(t, k, byte(s)))
		keyOf(t, k, 0)
	}
	if k.order.Len() != 3 || len(k.keys) != 3 || len(k.names) != 3 || k.held(masked(1), ids[1]) != nil || k.held(masked(0), ids[0]) == nil {
		t.Errorf("%d keys; not the longest unused went", k.order.Len())
	}
}

// A key serves only once its file would survive a power loss.
func TestKeyIsDurableFirst(t *testing.T) {
	m := newMemFS()
	k := memKeyring(t, m, BodyConfig{})
	id := keyOf(t, k, 1)
	dir := subjectDir("log", masked(1))
	for name, img := range m.images() {
		if f, err := findKeyFile(img, dir, masked(1), id); err != nil || f.key != id {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever call of the file system fails, nothing is sealed with a key that is
// not durable, and nothing is tried again.
func TestKeyFaults(t *testing.T) {
	for _, kind := range []faultKind{eio, enospc, short, powerLoss} {
		for at := 1; ; at++ {
			m := newMemFS()
			k := memKeyring(t, m, BodyConfig{})
			m.failAt, m.fault = at, kind
			_, e, err := k.sealer(named(1), nil)
			if m.ops < at {
				if at < 6 {
					t.Fatalf("only %d calls", at)
				}
				break
			}
			if fault.KindOf(err) != fault.Unavailable {
				t.Fatalf("%s at call %d: key %v, %v", kind, at, e, err)
			}
			m.failAt = 0
			if _, _, again := k.sealer(named(2), nil); !errors.Is(again, err) {
				t.Fatalf("%s at call %d: tried again: %v", kind, at, again)
			}
		}
	}
}

// To forget destroys every key of the one subject, durably, and while others
// ask for keys.
func TestForgetKeys(t *testing.T) {
	m := newMemFS()
	k := memKeyring(t, m, BodyConfig{})
	k.own = &readBack{newIdentity(t), time.Hour}
	first := keyOf(t, k, 1)
	held := k.held(masked(1), first)
	kept := keyOf(t, k, 2)
	m.names[filepath.Join(subjectDir("log", masked(1)), "x"+keySuffix+temporary)] = &inode{}
	if n, err := k.forget(masked(1)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	for name, img := range m.images() {
		for _, path := range keyFiles(img) {
			if strings.Contains(path, masked(1).String()) || !strings.Contains(path, kept.String()) {
				t.Errorf("%s: %s", name, path)
			}
		}
		if n := len(keyFiles(img)); n != 2 {
			t.Errorf("%s: %d files of the other subject", name, n)
		}
	}
	if _, err := held.Sealer(nil); !errors.Is(err, seal.ErrDestroyed) {
		t.Errorf("the key in memory still seals: %v", err)
	}
	if n, err := k.forget(masked(1)); n != 0 || err != nil {
		t.Error("again:", n, err)
	}
	if keyOf(t, k, 1) == first {
		t.Error("the old key serves again")
	}
}

// No body is ever sealed with a key whose file is gone, unless its subject was
// forgotten after the sealing began.
func TestForgetWhileSealing(t *testing.T) {
	m := newMemFS()
	k := memKeyring(t, m, BodyConfig{Subjects: 2})
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 50 {
				subject := byte((g + i) % 3)
				switch _, _, err := k.sealer(named(subject), nil); {
				case err != nil:
					t.Error(err)
				case i%7 == 0:
					if _, err := k.forget(masked(subject)); err != nil {
						t.Error(err)
					}
				case i%5 == 0:
					k.expire()
				}
			}
		})
	}
	all.Wait()
	for el := k.order.Front(); el != nil; el = el.Next() {
		e := el.Value.(*epochKey)
		if _, err := findKeyFile(m, subjectDir("log", e.subject), e.subject, e.key.ID()); err != nil {
			t.Errorf("a key in memory has no file: %v", err)
		}
	}
	// All may have been forgotten by now; whoever seals next gets a key all the same.
	if _, _, err := k.sealer(named(1), nil); err != nil {
		t.Error(err)
	}
	if k.order.Len() == 0 || k.order.Len() > 2 {
		t.Errorf("%d keys in memory", k.order.Len())
	}
}

// The process's own wraps open keys until their window ends, and not longer.
func TestReadBackWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		k := memKeyring(t, m, BodyConfig{Epoch: time.Hour})
		var err error
		if k.own, err = openReadBack(m, "log", 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		id := keyOf(t, k, 1)
		restarted := memKeyring(t, m, BodyConfig{Epoch: time.Hour})
		if _, err := restarted.key(masked(1), id); fault.KindOf(err) != fault.NotFound {
			t.Errorf("without a way back: %v", err)
		}
		if restarted.own, err = openReadBack(m, "log", time.Minute); err != nil {
			t.Fatal(err)
		}
		for hour := range 4 {
			if err := sweepReadBack(m, "log", time.Now()); err != nil {
				t.Fatal(err)
			}
			key, err := restarted.key(masked(1), id)
			if open := err == nil && key.ID() == id; open != (hour < 3) {
				t.Errorf("after %d hours: %v", hour, err)
			}
			time.Sleep(time.Hour)
		}
	})
}

func TestBodyConfigBounds(t *testing.T) {
	who := newIdentity(t).Recipient()
	for name, c := range map[string]BodyConfig{
		"clear and sealed": {Clear: true, Auditors: []seal.Recipient{who}},
		"too many":         {Auditors: make([]seal.Recipient, seal.MaxRecipients+1)},
		"short epoch":      {Epoch: time.Millisecond},
		"negative":         {ReadBack: -1},
		"no subject":       {Subjects: -1},
		"bad rule":         {Redact: []Redaction{{Name: "x", Pattern: "("}}},
		"empty rule":       {Redact: []Redaction{{Name: "x", Pattern: "a*"}}},
		"long replacement": {Redact: []Redaction{{Name: "x", Pattern: "a", Replacement: strings.Repeat("x", 257)}}},
	} {
		if _, err := Open(Config{Directory: t.TempDir(), Bodies: c}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBodyKeyFile(f *testing.F) {
	key, err := seal.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	k := keyFile{log: logID{1}, subject: pseudonym{2}, key: key.ID(), start: time.Unix(1750000000, 0)}
	if k.wraps, err = key.Wrap(k.head(), newIdentity(f).Recipient()); err != nil {
		f.Fatal(err)
	}
	f.Add(k.encode())
	f.Add(k.encode()[:100])
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseKeyFile(withCRC(data))
		if err == nil && !bytes.Equal(k.encode(), withCRC(data)) {
			t.Error("not canonical")
		}
		if _, err := parseKeyFile(data); err == nil && !sealed(data) {
			t.Error("taken without its checksum")
		}
	})
}

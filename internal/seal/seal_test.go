package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

func newIdentity(t testing.TB) Identity {
	t.Helper()
	i, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func newTestKey(t testing.TB) *Key {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func encoded(t testing.TB, i Identity) string {
	t.Helper()
	s, err := i.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return s.Reveal()
}

func TestTextForms(t *testing.T) {
	i := newIdentity(t)
	text, public := encoded(t, i), i.Recipient().String()
	again, err := ParseIdentity(text + "\n")
	if err != nil || again.Recipient().ID() != i.Recipient().ID() || encoded(t, again) != text {
		t.Errorf("the identity reads back differently: %v", err)
	}
	r, err := ParseRecipient(public)
	if err != nil || r.ID() != i.Recipient().ID() || r.String() != public {
		t.Errorf("the recipient reads back differently: %v", err)
	}
	var viaJSON struct{ R Recipient }
	if data, err := json.Marshal(struct{ R Recipient }{r}); err != nil || json.Unmarshal(data, &viaJSON) != nil || viaJSON.R.ID() != r.ID() {
		t.Errorf("JSON: %s, %v", data, err)
	}
	if (Recipient{}).String() != "" {
		t.Error("nobody has a text")
	}
	// Whatever letter is another, missing or doubled, it is found.
	for at := range text {
		for _, wrong := range []string{text[:at] + text[at+1:], text[:at] + text[at:at+1] + text[at:], text[:at] + other(text[at]) + text[at+1:], text[:at] + "\n" + text[at:]} {
			if _, err := ParseIdentity(wrong); fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), text[30:40]) {
				t.Errorf("%d: %v", at, err)
			}
		}
	}
	for at := 0; at < len(public); at += 7 {
		if _, err := ParseRecipient(public[:at] + other(public[at]) + public[at+1:]); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%d: %v", at, err)
		}
	}
	// The one in the other's place is told, and not repeated.
	if _, err := ParseRecipient(text); err == nil || !strings.Contains(err.Error(), "secret identity") || strings.Contains(err.Error(), text[30:]) {
		t.Errorf("%v", err)
	}
	if _, err := ParseIdentity(public); err == nil || !strings.Contains(err.Error(), "a recipient") {
		t.Errorf("%v", err)
	}
}

func other(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestSecretsDoNotPrint(t *testing.T) {
	i, k := newIdentity(t), newTestKey(t)
	secrets := []string{encoded(t, i)[len(identityPrefix):], hex.EncodeToString(k.bytes), fmt.Sprintf("%d", k.bytes)}
	raw, err := i.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, hex.EncodeToString(raw), strings.Trim(fmt.Sprintf("%d", raw[:8]), "[]"))
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "identity", i, "key", k)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "identity", i, "key", k)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb, i, k)
		fmt.Fprintf(&out, verb, struct {
			I Identity
			K *Key
		}{i, k})
	}
	for _, s := range secrets {
		if strings.Contains(out.String(), s) {
			t.Errorf("a secret is printed: %s", out.String())
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing was printed: the search proves nothing")
	}
}

func TestWrap(t *testing.T) {
	k, info := newTestKey(t), []byte("log, subject, epoch")
	one, two, other := newIdentity(t), newIdentity(t), newIdentity(t)
	wrapped, err := k.Wrap(info, two.Recipient(), one.Recipient(), two.Recipient())
	if err != nil || len(wrapped) != 2*wrapSize {
		t.Fatal(len(wrapped), err)
	}
	for _, i := range []Identity{one, two} {
		if got, err := Unwrap(wrapped, info, i); err != nil || got.ID() != k.ID() || !bytes.Equal(got.bytes, k.bytes) {
			t.Errorf("%v", err)
		}
		if _, err := Unwrap(wrapped, []byte("elsewhere"), i); !errors.Is(err, ErrDamaged) {
			t.Errorf("in another place: %v", err)
		}
	}
	if _, err := Unwrap(wrapped, info, other); !errors.Is(err, ErrNotRecipient) {
		t.Errorf("a stranger: %v", err)
	}
	for at := 0; at < len(wrapped); at += 13 {
		spoiled := bytes.Clone(wrapped)
		spoiled[at] ^= 0x10
		a, errA := Unwrap(spoiled, info, one)
		b, errB := Unwrap(spoiled, info, two)
		if errA == nil && errB == nil || a != nil && a.ID() != k.ID() || b != nil && b.ID() != k.ID() {
			t.Errorf("byte %d: %v, %v", at, errA, errB)
		}
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "cut": wrapped[:len(wrapped)-1], "exchanged": slices.Concat(wrapped[wrapSize:], wrapped[:wrapSize]),
		"twice": slices.Concat(wrapped[:wrapSize], wrapped[:wrapSize]), "too many": make([]byte, (MaxRecipients+1)*wrapSize),
	} {
		if _, err := Recipients(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := k.Wrap(info); err == nil {
		t.Error("wrapped to nobody")
	}
	if _, err := k.Wrap(info, Recipient{}); err == nil {
		t.Error("wrapped to the zero recipient")
	}
	if _, err := k.Wrap(make([]byte, maxWrapInfo+1), one.Recipient()); err == nil {
		t.Error("bound to too much")
	}
}

// sealPieces seals a body in pieces.
func sealPieces(t testing.TB, k *Key, context string, pieces ...string) (all [][]byte) {
	t.Helper()
	s, err := k.Sealer([]byte(context))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range pieces {
		sealed, err := s.Seal(nil, []byte(p), []byte("header"), i == len(pieces)-1)
		if err != nil || len(sealed) != len(p)+Overhead {
			t.Fatal(err)
		}
		all = append(all, sealed)
	}
	if _, err := s.Seal(nil, nil, nil, true); !errors.Is(err, errEnded) {
		t.Errorf("after the end: %v", err)
	}
	return all
}

// openPieces opens pieces of which the last is taken for the last.
func openPieces(k *Key, context, header string, pieces ...[]byte) (string, error) {
	o, err := k.Opener([]byte(context))
	if err != nil {
		return "", err
	}
	var body []byte
	for i, p := range pieces {
		if body, err = o.Open(body, p, []byte(header), i == len(pieces)-1); err != nil {
			return "", err
		}
	}
	if !o.Ended() {
		return "", errors.New("not ended")
	}
	return string(body), nil
}

func TestStream(t *testing.T) {
	k := newTestKey(t)
	p := sealPieces(t, k, "call", "one", "two", "three")
	if got, err := openPieces(k, "call", "header", p...); got != "onetwothree" || err != nil {
		t.Fatal(got, err)
	}
	q := sealPieces(t, k, "another call", "one", "two", "three")
	for name, spoiled := range map[string][][]byte{
		"cut off": p[:2], "the first missing": p[1:], "reordered": {p[1], p[0], p[2]}, "repeated": {p[0], p[0], p[1], p[2]},
		"one left out": {p[0], p[2]}, "mixed": {p[0], q[1], p[2]}, "of another": q, "shorter": {p[0], p[1], p[2][:15]}, "empty": {{}},
	} {
		if got, err := openPieces(k, "call", "header", spoiled...); !errors.Is(err, ErrDamaged) || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := openPieces(k, "call", "another header", p...); !errors.Is(err, ErrDamaged) {
		t.Error("under another header:", err)
	}
	if _, err := openPieces(newTestKey(t), "call", "header", p...); !errors.Is(err, ErrDamaged) {
		t.Error("with another key:", err)
	}
	if bytes.Equal(p[0], sealPieces(t, k, "a third call", "one")[0]) {
		t.Error("two calls have one key")
	}
	o, err := k.Opener([]byte("call"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Open(nil, p[0], []byte("header"), false); err != nil || o.Ended() {
		t.Error("ended before its last piece", err)
	}
}

// Sealing in place needs no second buffer, and gives the same bytes.
func TestSealInPlace(t *testing.T) {
	k := newTestKey(t)
	want := sealPieces(t, k, "call", "a piece")[0]
	s, err := k.Sealer([]byte("call"))
	if err != nil {
		t.Fatal(err)
	}
	buf := append(make([]byte, 0, 64), "header"+"a piece"...)
	got, err := s.Seal(buf[:6], buf[6:], []byte("header"), true)
	if err != nil || string(got[:6]) != "header" || !bytes.Equal(got[6:], want) || &got[0] != &buf[0] {
		t.Errorf("%x, %v", got, err)
	}
}

func TestPiecesAreBounded(t *testing.T) {
	s, err := newTestKey(t).Sealer(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.next = MaxPieces - 1
	if _, err := s.Seal(nil, nil, nil, false); err != nil {
		t.Error(err)
	}
	if _, err := s.Seal(nil, nil, nil, true); !errors.Is(err, errPieces) {
		t.Errorf("a piece too many: %v", err)
	}
}

// After Destroy a key does nothing, while others use it too; what has begun
// ends.
func TestDestroy(t *testing.T) {
	k := newTestKey(t)
	raw := k.bytes
	s, err := k.Sealer(nil)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				if _, err := k.Sealer(nil); err != nil && !errors.Is(err, ErrDestroyed) {
					t.Error(err)
				}
			}
			k.Destroy()
		})
	}
	all.Wait()
	if !bytes.Equal(raw, make([]byte, keySize)) {
		t.Error("the key is still in memory")
	}
	if _, err := k.Opener(nil); !errors.Is(err, ErrDestroyed) {
		t.Errorf("opens: %v", err)
	}
	if _, err := k.Wrap(nil, newIdentity(t).Recipient()); !errors.Is(err, ErrDestroyed) {
		t.Errorf("wraps: %v", err)
	}
	if _, err := s.Seal(nil, nil, nil, true); err != nil {
		t.Errorf("what had begun: %v", err)
	}
}

func FuzzIdentity(f *testing.F) {
	text := encoded(f, newIdentity(f))
	f.Add(text)
	f.Add(text + "\n")
	f.Add(identityPrefix)
	f.Fuzz(func(t *testing.T, s string) {
		if i, err := ParseIdentity(s); err == nil && encoded(t, i) != strings.TrimSuffix(s, "\n") {
			t.Error("not canonical")
		}
	})
}

func FuzzRecipient(f *testing.F) {
	text := newIdentity(f).Recipient().String()
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRecipient(s); err == nil && r.String() != s {
			t.Error("not canonical")
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	i := newIdentity(f)
	wrapped, err := newTestKey(f).Wrap(nil, i.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wrapped)
	f.Add(wrapped[:wrapSize-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		ids, err := Recipients(data)
		if err == nil && len(ids)*wrapSize != len(data) {
			t.Error("recipients that are not there")
		}
		if k, err := Unwrap(data, nil, i); err == nil && (k == nil || !slices.Contains(ids, i.Recipient().ID())) {
			t.Error("opened what is not to this identity")
		}
	})
}

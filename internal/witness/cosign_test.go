package witness

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/internal/fault"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

func mustSigner(t testing.TB, name string) signer {
	t.Helper()
	s, err := newSigner(name, atNoon)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCosignatures(t *testing.T) {
	s := mustSigner(t, "witness.example/one")
	back, err := parseSigner(s.encode(), atNoon)
	if err != nil || back.String() != s.String() {
		t.Fatalf("the private key does not come back: %v", err)
	}
	v, err := ParseKey(s.String())
	if err != nil {
		t.Fatal(err)
	}
	text := "example.com/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	msg, err := note.Sign(&note.Note{Text: text}, back)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 || !Time(n.Sigs[0]).Equal(noon) {
		t.Errorf("opened %+v, %v", n, err)
	}
	raw, err := s.Sign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for at := range raw {
		raw[at] ^= 1
		if v.Verify([]byte(text), raw) {
			t.Fatalf("byte %d of the signature does not matter", at)
		}
		raw[at] ^= 1
	}
	if v.Verify([]byte(text+"x"), raw) || v.Verify([]byte(text), raw[1:]) || !v.Verify([]byte(text), raw) {
		t.Error("the signature is not over the text")
	}
	for _, printed := range []string{fmt.Sprint(s.encode()), fmt.Sprintf("%+v", s.encode())} {
		if strings.Contains(printed, privatePrefix) {
			t.Error("the private key prints itself")
		}
	}
}

// TestMessageIsThatOfTheStandard holds the signed text to the example of
// C2SP's tlog-cosignature.
func TestMessageIsThatOfTheStandard(t *testing.T) {
	got := string(statement(1679315147, []byte("example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")))
	want := "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	if got != want {
		t.Errorf("%q", got)
	}
}

// TestCosignatureOfAnotherMake opens a checkpoint that an independent
// implementation cosigned: package note of github.com/transparency-dev/formats
// v0.1.1, with a key of its own making.
func TestCosignatureOfAnotherMake(t *testing.T) {
	v, err := ParseKey("witness.example/w1+e96fce9b+BEqwMQD6EI2Z9jikm3i2cyUSBZAc3M1RuqKTGyLglSuP")
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte("example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"+
		"— witness.example/w1 6W/OmwAAAABrAcRWtdzuJg59/y2Rqn/0Htjhid908zAsJD29u7/YRVONToHHaylgixN9J4wfVYcaS77/wiCbCvEw3jDccllunGHEAw==\n"), note.VerifierList(v))
	if err != nil || Time(n.Sigs[0]).Unix() != 1795277910 {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestKeysRefused(t *testing.T) {
	good := mustSigner(t, "w").String()
	_, plain, err := note.GenerateKey(rand.Reader, "w")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "w", plain, good + "\n", " " + good, good[:len(good)-4], "x" + good, strings.Replace(good, "w+", "w+0", 1), strings.ToUpper(good)} {
		if _, err := ParseKey(text); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(mustSigner(f, "w").String())
	f.Add("w+00000000+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseKey(text)
		if err != nil {
			return
		}
		if k, ok := v.(key); !ok || k.String() != text {
			t.Errorf("%q comes back as %v", text, v)
		}
	})
}

package revocation_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
	"github.com/ostiary/ostiary/internal/revocation"
)

// sign makes a list of project demo, or ends the test.
func sign(tb testing.TB, ca *pki.CA, l revocation.List) []byte {
	tb.Helper()
	l.Project = "demo"
	data, err := revocation.Sign(l, ca.Signer())
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func member(tb testing.TB, ca *pki.CA, name string) *x509.Certificate {
	tb.Helper()
	return pkitest.Member(tb, ca, pki.ID{Project: "demo", Role: pki.Inlet, Member: name}).Cert.Leaf
}

func TestListNamesMembersKeysAndSerials(t *testing.T) {
	ca := pkitest.Project(t, "demo")
	byName, byKey, bySerial, nobody := member(t, ca, "a"), member(t, ca, "b"), member(t, ca, "c"), member(t, ca, "d")
	data := sign(t, ca, revocation.List{
		Epoch: 7, Issued: 1, Members: []string{"spiffe://demo/inlet/z", "spiffe://demo/inlet/a", "spiffe://demo/inlet/a"},
		Keys: []string{revocation.Key(pki.Fingerprint(byKey))}, Serials: []string{revocation.Serial(bySerial.SerialNumber)},
	})
	l, err := revocation.Parse(data, ca.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	if l.Epoch != 7 || l.Entries() != 4 {
		t.Errorf("epoch %d, %d entries", l.Epoch, l.Entries())
	}
	for cert, want := range map[*x509.Certificate]string{byName: "member", byKey: "key", bySerial: "serial", nobody: ""} {
		if got := l.Names(cert); got != want {
			t.Errorf("%s is named by %q, want %q", cert.Subject.CommonName, got, want)
		}
	}
}

// What is not exactly what the project's own authority wrote is refused.
func TestListsRefused(t *testing.T) {
	ca, other := pkitest.Project(t, "demo"), pkitest.Project(t, "demo")
	good := sign(t, ca, revocation.List{Epoch: 1, Members: []string{"spiffe://demo/inlet/a"}})
	foreign, err := revocation.Sign(revocation.List{Project: "elsewhere", Epoch: 1}, ca.Signer())
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(`{"list":"`)+40] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want fault.Kind
	}{
		"another root":       {sign(t, other, revocation.List{Epoch: 1}), fault.Denied},
		"another project":    {foreign, fault.Denied},
		"one bit":            {flipped, fault.Invalid},
		"space":              {append([]byte(" "), good...), fault.Invalid},
		"more after it":      {append(bytes.Clone(good), '\n'), fault.Invalid},
		"empty":              {nil, fault.Invalid},
		"null":               {[]byte("null"), fault.Invalid},
		"a field more":       {bytes.Replace(good, []byte(`{"list"`), []byte(`{"x":1,"list"`), 1), fault.Invalid},
		"too long":           {bytes.Repeat([]byte(" "), revocation.MaxBytes+1), fault.TooLarge},
		"signature left out": {good[:bytes.Index(good, []byte(`,"signature"`))], fault.Invalid},
	} {
		if _, err := revocation.Parse(c.data, ca.Certificate()); fault.KindOf(err) != c.want || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, l := range map[string]revocation.List{
		"no epoch":            {},
		"a foreigner":         {Epoch: 1, Members: []string{"spiffe://other/inlet/a"}},
		"no member":           {Epoch: 1, Members: []string{"a"}},
		"a short key":         {Epoch: 1, Keys: []string{"00"}},
		"an upper-case key":   {Epoch: 1, Keys: []string{strings.Repeat("A", 64)}},
		"a serial with zeros": {Epoch: 1, Serials: []string{"01"}},
		"a long serial":       {Epoch: 1, Serials: []string{strings.Repeat("1", 41)}},
	} {
		l.Project = "demo"
		if _, err := revocation.Sign(l, ca.Signer()); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s was signed: %v", name, err)
		}
	}
}

// The largest list that can be signed can also be read.
func TestLargestListFits(t *testing.T) {
	ca := pkitest.Project(t, "demo")
	l := revocation.List{Epoch: 1 << 62, Issued: time.Now().Unix()}
	for i := range revocation.MaxEntries {
		l.Members = append(l.Members, "spiffe://demo/gateway/"+strings.Repeat("x", 57)+fmt.Sprintf("%06d", i))
	}
	data := sign(t, ca, l)
	if _, err := revocation.Parse(data, ca.Certificate()); err != nil {
		t.Fatalf("%d bytes: %v", len(data), err)
	}
	l.Project, l.Keys = "demo", []string{strings.Repeat("0", 64)}
	if _, err := revocation.Sign(l, ca.Signer()); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("one more was signed: %v", err)
	}
}

func TestParseSerial(t *testing.T) {
	for in, want := range map[string]string{"4c3A": "4c3a", "00:4C:3a": "4c3a", "": "", "0": "", "xyz": "", "-1": ""} {
		if got, err := revocation.ParseSerial(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", in, got, err)
		}
	}
}

// FuzzParse signs whatever is in the envelope, so that the fuzzer is not kept
// out by the signature: what parses must be what Sign writes again.
func FuzzParse(f *testing.F) {
	ca := pkitest.Project(f, "demo")
	for _, l := range []revocation.List{
		{Epoch: 1},
		{Epoch: 1 << 63, Issued: 1, Members: []string{"spiffe://demo/inlet/a"}, Keys: []string{strings.Repeat("0", 64)}, Serials: []string{"1f"}},
	} {
		var e struct{ List []byte }
		data := sign(f, ca, l)
		if err := json.Unmarshal(data, &e); err != nil {
			f.Fatal(err)
		}
		f.Add(e.List, true)
		f.Add(data, false)
	}
	f.Add([]byte(`{"v":1,"project":"demo","epoch":1,"issued":0,"members":null,"keys":[],"serials":[]}`), true)
	f.Fuzz(func(t *testing.T, data []byte, payload bool) {
		if payload {
			data = envelope(t, ca, data)
		}
		l, err := revocation.Parse(data, ca.Certificate())
		if err != nil {
			if fault.KindOf(err) == fault.Internal {
				t.Errorf("refused without a reason: %v", err)
			}
			return
		}
		again := sign(t, ca, l)
		first, second := listOf(t, data), listOf(t, again)
		if !bytes.Equal(first, second) {
			t.Errorf("%s reads as %s", first, second)
		}
	})
}

func envelope(t *testing.T, ca *pki.CA, payload []byte) []byte {
	t.Helper()
	data, err := revocation.SignAny(payload, ca.Signer())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func listOf(t *testing.T, data []byte) []byte {
	t.Helper()
	var e struct{ List []byte }
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e.List
}

package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/cli"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/seal"
)

// ostiary runs the command line and wants it to end with a code.
func ostiary(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	if got := cli.Main("test", args, strings.NewReader(""), &out, &err); got != code {
		t.Errorf("ostiary %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), err.String())
	}
	return out.String(), err.String()
}

func says(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
}

// keepSealed records a call with its bodies, as the gateway does.
func keepSealed(t *testing.T, dir, recipient, prompt, answer string) (id string) {
	t.Helper()
	to, err := seal.ParseRecipient(strings.TrimSpace(recipient))
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ledger.Config{Directory: dir, Bodies: ledger.BodyConfig{Auditors: []seal.Recipient{to}}})
	if err != nil {
		t.Fatal(err)
	}
	id = l.NewID()
	call := ledger.Call{Subject: "somebody", Capture: ledger.Full, Operation: "chat/completions"}
	w := l.Body(id, ledger.Request, call)
	_, _ = w.Write([]byte(prompt))
	call.Request = w.End()
	if err := l.Intent(t.Context(), id, call); err != nil {
		t.Fatal(err)
	}
	a := l.Body(id, ledger.Response, call)
	_, _ = a.Write([]byte(answer))
	if err := l.Outcome(t.Context(), id, ledger.Result{Status: 200, Response: a.End()}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestSealedLedger walks an auditor's way: an identity, a call that is kept
// for it, opening, forgetting. Before and after, the canary is on no disk.
func TestSealedLedger(t *testing.T) {
	dir := t.TempDir()
	book, secret, stranger := filepath.Join(dir, "book"), filepath.Join(dir, "auditor.identity"), filepath.Join(dir, "stranger.identity")
	recipient, _ := ostiary(t, 0, "ledger", "identity", "create", "--out", secret)
	if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 || strings.Contains(recipient, "secret") {
		t.Errorf("the identity's file: %v, %v", info.Mode(), err)
	}
	_, said := ostiary(t, 1, "ledger", "identity", "create", "--out", secret)
	says(t, said, "never overwritten")
	ostiary(t, 0, "ledger", "identity", "create", "--out", stranger)

	const prompt = canary + " \x1b[2J"
	id := keepSealed(t, book, recipient, prompt, "an answer with "+canary)
	sealedEverywhere(t, book)
	open := []string{"ledger", "open", book, id, "--identity"}
	shown, _ := ostiary(t, 0, append(open, secret)...)
	says(t, shown, "== request, 27 bytes, checked against its commitment\n"+canary+` \x1b[2J`+"\n", "== response", "an answer with "+canary)
	raw, _ := ostiary(t, 0, append(open, secret, "--part", "request", "--out", "-")...)
	if raw != prompt {
		t.Errorf("the very bytes: %q", raw)
	}
	file := filepath.Join(dir, "response")
	ostiary(t, 0, append(open, secret, "--part", "response", "--out", file)...)
	if got, err := os.ReadFile(file); err != nil || string(got) != "an answer with "+canary {
		t.Errorf("%q, %v", got, err)
	}
	_, said = ostiary(t, 2, append(open, secret, "--out", file)...)
	says(t, said, "--part")

	for _, denied := range []struct {
		code int
		args []string
		want string
	}{
		{1, append(open, stranger), "sealed to others than this identity"},
		{1, open[:4], "the body is sealed"},
		{2, append(open, file), "not an auditor's identity"},
		{2, []string{"ledger", "open", book, "01997d5e-0000-7000-8000-000000000000", "--identity", secret}, "no such call"},
		{2, []string{"ledger", "forget", book, "nobody"}, "no key was ever made for this subject"},
	} {
		out, said := ostiary(t, denied.code, denied.args...)
		says(t, said, denied.want)
		if form := holds([]byte(out + said)); form != "" {
			t.Errorf("%v: the canary is told in %s", denied.args, form)
		}
	}

	said, _ = ostiary(t, 0, "ledger", "forget", book, "somebody")
	says(t, said, "forgotten: 1 key destroyed")
	out, said := ostiary(t, 2, append(open, secret)...)
	says(t, said, "the subject was forgotten on 20")
	if form := holds([]byte(out + said)); form != "" {
		t.Errorf("after forget: the canary is told in %s", form)
	}
	said, _ = ostiary(t, 0, "ledger", "verify", book)
	says(t, said, "verified", "1 calls")
	said, _ = ostiary(t, 0, "ledger", "forget", book, "somebody")
	says(t, said, "forgotten: 0 keys destroyed")
	sealedEverywhere(t, book)
}

// sealedEverywhere searches a ledger's files for the canary.
func sealedEverywhere(t *testing.T, dir string) {
	t.Helper()
	searched := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if form := holds(data); form != "" {
			t.Errorf("%s holds the canary in %s", path, form)
		}
		searched++
		return err
	})
	if err != nil || searched < 5 {
		t.Errorf("searched %d files, %v", searched, err)
	}
}

//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/sink"
	"github.com/ostiary/ostiary/internal/sink/sinktest"
)

// keepRemote records a call with its prompt in a ledger that has a remote, and
// takes the disk away.
func keepRemote(t *testing.T, s sink.RemoteSettings, bodies ledger.BodyConfig) (call, log string) {
	t.Helper()
	c := ledger.Config{Directory: filepath.Join(t.TempDir(), "ephemeral"), Bodies: bodies}
	remote, err := sink.OpenRemote(s, c.Directory, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	remote.Configure(&c)
	l, err := ledger.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	call = l.NewID()
	about := ledger.Call{Subject: "somebody", Capture: ledger.Full, Operation: "chat/completions", Deployment: "gpt-4o"}
	w := l.Body(call, ledger.Request, about)
	_, _ = w.Write([]byte("What outlives a disk?"))
	about.Request = w.End()
	if err := l.Intent(t.Context(), call, about); err != nil {
		t.Fatal(err)
	}
	if err := l.Outcome(t.Context(), call, ledger.Result{Status: 200}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if log, err = ledger.ID(c.Directory); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(c.Directory); err != nil {
		t.Fatal(err)
	}
	return call, log
}

// restored brings a log back by the command line and asks every command that
// reads about it.
func restored(t *testing.T, call, log string, flags ...string) (dir string) {
	t.Helper()
	restore := append([]string{"ledger", "restore"}, flags...)
	out, _ := ostiary(t, 0, append(restore, "--list")...)
	says(t, out, log)
	if !regexp.MustCompile(log + ` +\d{4}-\S+Z +\d{4}-\S+Z +0–\d+ +\d+ +\d+ +\d`).MatchString(out) {
		t.Errorf("listed:\n%s", out)
	}
	dir = filepath.Join(t.TempDir(), "restored")
	out, _ = ostiary(t, 0, append(restore, "--log", log, "--dir", dir)...)
	says(t, out, "restored: ", "key ostiary/log/"+log)
	out, _ = ostiary(t, 0, "ledger", "verify", dir)
	says(t, out, "verified: ", "1 calls (0 without an outcome)")
	out, _ = ostiary(t, 0, "ledger", "tail", dir)
	says(t, out, "somebody  chat/completions  gpt-4o  200")
	out, _ = ostiary(t, 0, "ledger", "query", "--dir", dir, "--format", "json")
	says(t, out, call, `"deployment":"gpt-4o"`)
	proof := filepath.Join(t.TempDir(), "proof")
	ostiary(t, 0, "ledger", "prove", dir, call, "--out", proof)
	ostiary(t, 0, "ledger", "prove", "--check", proof, "--key", filepath.Join(dir, "checkpoint.pub"))
	_, err := ostiary(t, 1, append(restore, "--log", log, "--dir", dir)...)
	says(t, err, "not empty")
	if _, err := ledger.Open(ledger.Config{Directory: dir}); err == nil || !strings.Contains(err.Error(), "restored for reading") {
		t.Errorf("opened for writing: %v", err)
	}
	return dir
}

func TestRestoreFromPostgres(t *testing.T) {
	p := sinktest.NewPostgres(t)
	t.Setenv("LEDGER_URL", p.URL())
	var url secret.Ref
	if err := url.UnmarshalText([]byte("env:LEDGER_URL")); err != nil {
		t.Fatal(err)
	}
	auditor := filepath.Join(t.TempDir(), "auditor")
	ostiary(t, 0, "ledger", "identity", "create", "--out", auditor)
	text, err := os.ReadFile(auditor)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := seal.ParseIdentity(string(text))
	if err != nil {
		t.Fatal(err)
	}
	call, log := keepRemote(t, sink.RemoteSettings{Postgres: &sink.PostgresSettings{URL: url}},
		ledger.BodyConfig{Auditors: []seal.Recipient{identity.Recipient()}})
	flags := []string{"--postgres", "env:LEDGER_URL"}
	dir := restored(t, call, log, flags...)
	out, _ := ostiary(t, 0, "ledger", "open", dir, call, "--identity", auditor)
	says(t, out, "What outlives a disk?")
	out, _ = ostiary(t, 0, "ledger", "forget", dir, "somebody", "--postgres", "env:LEDGER_URL")
	says(t, out, "forgotten: 1 key destroyed")
	again := restored(t, call, log, flags...)
	for _, d := range []string{dir, again} {
		out, _ = ostiary(t, 2, "ledger", "open", d, call, "--identity", auditor, "--part", "request")
		if strings.Contains(out, "outlives") {
			t.Error("a forgotten body opens")
		}
	}
	_, stderr := ostiary(t, 2, "ledger", "restore", "--postgres", p.URL(), "--list")
	if strings.Contains(stderr, sinktest.Password) {
		t.Error("the password is printed:", stderr)
	}
}

func TestRestoreFromKafka(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := sink.RemoteSettings{Kafka: &sink.KafkaSettings{Brokers: c.ListenAddrs(), Topic: "ledger", Plaintext: true}}
	call, log := keepRemote(t, s, ledger.BodyConfig{Clear: true})
	dir := restored(t, call, log, "--kafka", c.ListenAddrs()[0], "--topic", "ledger", "--plaintext")
	out, _ := ostiary(t, 0, "ledger", "open", dir, call)
	says(t, out, "What outlives a disk?")
	_, stderr := ostiary(t, 2, "ledger", "restore", "--kafka", c.ListenAddrs()[0], "--plaintext", "--list")
	says(t, stderr, "--topic")
}

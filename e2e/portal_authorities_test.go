//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/sink/sinktest"
)

// TestTwoAuthorities runs two authorities on one PostgreSQL, as processes from
// configuration files, and kills one by SIGKILL under load. No request fails;
// the other goes on enrolling, and what it revokes is cut.
func TestTwoAuthorities(t *testing.T) {
	database, dir := sinktest.NewPostgres(t), t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	url := file("database.url", database.URL()+"\n")
	a, b := listen(t), listen(t)
	addresses := []string{a.Addr().String(), b.Addr().String()}
	_, _ = a.Close(), b.Close()
	door := firstThatAnswers(t, addresses)
	config := func(name, listen string) string {
		return file(name+".yaml", fmt.Sprintf("authority: {project: demo, directory: %s/%s, listen: %q, address: %q, database: 'file:%s'}\n", dir, name, listen, door, url))
	}
	first, second := config("first", addresses[0]), config("second", addresses[1])
	victim := daemon(t, "authority", first)
	serves := func(config string) func() bool {
		return func() bool {
			return exec.Command("ostiary", "portal", "member", "list", "--config", config).Run() == nil
		}
	}
	eventually(t, "the first authority", serves(first))
	// Without the project's root the second does not found another.
	if out, err := exec.Command("ostiary", "authority", "--config", second).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("copy ca.pem and ca.key")) {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"ca.pem", "ca.key"} {
		data, err := os.ReadFile(filepath.Join(dir, "first", name))
		if err != nil {
			t.Fatal(err)
		}
		file(filepath.Join("second", name), string(data))
	}
	daemon(t, "authority", second)
	eventually(t, "the second authority", serves(second))

	enroll := func(by, role, name, dir string, more ...string) {
		t.Helper()
		ticket := command(t, "", append([]string{"portal", "ticket", "create", "--config", by, "--role", role, "--name", name}, more...)...)
		command(t, ticket, "portal", "enroll", "--dir", dir)
	}
	enroll(first, "relay", "relay", filepath.Join(dir, "relay"))
	enroll(second, "outlet", "owner", filepath.Join(dir, "outlet"), "--service=openai")
	enroll(first, "inlet", "consumer", filepath.Join(dir, "inlet"), "--service=openai")
	relay, in := listen(t), listen(t)
	_, _ = relay.Close(), in.Close()
	target := httpTarget(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "here")
		if r.URL.Path == "/stream" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	daemon(t, "relay", file("relay.yaml", fmt.Sprintf("relay: {directory: %s/relay, listen: %q}\n", dir, relay.Addr())))
	daemon(t, "outlet", file("outlet.yaml", fmt.Sprintf("outlet: {directory: %s/outlet, relays: [%q], service: openai, target: %q, allow: [{member: spiffe://demo/inlet/consumer}]}\n", dir, relay.Addr(), target)))
	daemon(t, "inlet", file("inlet.yaml", fmt.Sprintf("inlet: {directory: %s/inlet, listen: %q, relays: [%q], service: openai, outlet: spiffe://demo/outlet/owner}\n", dir, in.Addr(), relay.Addr())))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	ask := func() error {
		resp, err := client.Get("http://" + in.Addr().String())
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "here" {
			return fmt.Errorf("%q, %w", body, err)
		}
		return nil
	}
	eventually(t, "the portal", func() bool { return ask() == nil })

	stop := make(chan struct{})
	var asked atomic.Int64
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := ask(); err != nil {
					t.Error(err)
					return
				}
				asked.Add(1)
			}
		})
	}
	eventually(t, "load", func() bool { return asked.Load() > 50 })
	_ = victim.Process.Kill()
	_ = victim.Wait()
	enroll(second, "relay", "another", filepath.Join(dir, "another"))
	before := asked.Load()
	eventually(t, "load after the kill", func() bool { return asked.Load() > before+200 })
	close(stop)
	load.Wait()

	stream, err := (&http.Client{Timeout: time.Minute}).Get("http://" + in.Addr().String() + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	command(t, "", "portal", "revoke", "--config", second, "inlet/consumer")
	began := time.Now()
	if got, err := io.ReadAll(stream.Body); err == nil || string(got) != "here" {
		t.Errorf("the stream of the revoked member ended with %q, %v", got, err)
	}
	t.Logf("%d requests; cut %s after the command had returned", asked.Load(), time.Since(began))
}

// firstThatAnswers joins connections to the first address that takes them, as
// a name with several addresses does.
func firstThatAnswers(t *testing.T, to []string) string {
	t.Helper()
	ln := listen(t)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer from.Close()
				for _, address := range to {
					if there, err := net.Dial("tcp", address); err == nil {
						go func() { _, _ = io.Copy(there, from); _ = there.Close() }()
						_, _ = io.Copy(from, there)
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// daemon runs a part in a process of its own until the test ends.
func daemon(t *testing.T, part, config string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("ostiary", part, "--config", config)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", config, &said)
		}
	})
	return cmd
}

// command runs ostiary once and gives what it prints.
func command(t *testing.T, in string, args ...string) string {
	t.Helper()
	cmd := exec.Command("ostiary", args...)
	cmd.Stdin = strings.NewReader(in)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ostiary %v: %v\n%s", args, err, &said)
	}
	return string(out)
}

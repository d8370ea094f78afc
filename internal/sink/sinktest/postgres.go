//go:build unix

// Package sinktest runs a PostgreSQL server of its own for tests, so that they
// can stop it and look at what it kept.
package sinktest

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a server on a port of loopback, with its data in a directory of
// the test's.
type Postgres struct {
	tb   testing.TB
	bin  string
	dir  string
	port int
	as   *syscall.SysProcAttr
}

// Password is the server's only one.
const Password = "canary-Pa55word"

// NewPostgres starts a server, or skips the test where there is none.
func NewPostgres(tb testing.TB) *Postgres {
	tb.Helper()
	p := &Postgres{tb: tb, bin: installed()}
	if p.bin == "" {
		tb.Skip("NOT CHECKED: PostgreSQL (initdb, postgres) is not installed, so nothing was kept in it")
	}
	var err error
	if p.dir, err = os.MkdirTemp("", "postgres"); err != nil { // tb.TempDir lies in one that is root's alone
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(p.dir) })
	p.unprivileged()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p.port = ln.Addr().(*net.TCPAddr).Port
	_ = ln.Close()
	secret := filepath.Join(p.dir, "password")
	if err := os.WriteFile(secret, []byte(Password+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	p.give(secret)
	p.run("initdb", "--pgdata", p.data(), "--username", "ledger", "--auth", "scram-sha-256", "--pwfile", secret, "--encoding", "UTF8", "--locale", "C", "--no-sync")
	p.Start()
	tb.Cleanup(p.Stop)
	return p
}

// installed is where the programs are.
func installed() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if path, err := exec.LookPath("postgres"); err == nil {
		found = append([]string{path}, found...)
	}
	for _, path := range found {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "initdb")); err == nil {
			return filepath.Dir(path)
		}
	}
	return ""
}

// unprivileged has the server run as somebody else than root, which it refuses.
func (p *Postgres) unprivileged() {
	p.as = &syscall.SysProcAttr{}
	if os.Getuid() != 0 {
		return
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 31)
		gid, _ := strconv.ParseUint(u.Gid, 10, 31)
		p.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		p.give(p.dir)
		return
	}
	p.tb.Skip("NOT CHECKED: PostgreSQL does not run as root, and there is no user postgres or nobody")
}

// give makes a file the server's.
func (p *Postgres) give(path string) {
	if c := p.as.Credential; c != nil {
		if err := os.Chown(path, int(c.Uid), int(c.Gid)); err != nil {
			p.tb.Fatal(err)
		}
	}
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...) //nolint:gosec,noctx // programs of PostgreSQL, which outlive what starts them
	cmd.SysProcAttr, cmd.Dir = p.as, p.dir
	return cmd
}

func (p *Postgres) run(name string, args ...string) {
	p.tb.Helper()
	cmd := p.command(name, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		p.tb.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Start starts the server, and waits until it answers. Options are as its
// command line takes them, such as "-c", "fsync=off".
func (p *Postgres) Start(options ...string) {
	p.tb.Helper()
	args := []string{
		"-D", p.data(), "-p", strconv.Itoa(p.port), "-k", "", "-c", "listen_addresses=127.0.0.1",
		"-c", "shared_buffers=16MB", "-c", "max_connections=20", "-c", "restart_after_crash=off",
	}
	cmd := p.command("postgres", append(args, options...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		conn, err := pgx.Connect(p.tb.Context(), p.URL())
		if err == nil {
			_ = conn.Close(p.tb.Context())
			return
		}
		select {
		case err := <-ended:
			p.tb.Fatalf("postgres: %v\n%s", err, &out)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Crash stops the server at once, as a power loss that keeps what was synced:
// the next start recovers from its log.
func (p *Postgres) Crash() { p.signal(syscall.SIGQUIT) }

// Stop ends the server, if it runs.
func (p *Postgres) Stop() { p.signal(syscall.SIGINT) }

func (p *Postgres) signal(s syscall.Signal) {
	file := filepath.Join(p.data(), "postmaster.pid")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	pid, err := strconv.Atoi(string(slices.Concat(bytes.SplitN(text, []byte("\n"), 2)[0])))
	if err != nil || pid <= 1 {
		p.tb.Errorf("postmaster.pid: %q", text)
		return
	}
	process, err := os.FindProcess(pid)
	if err != nil || process.Signal(s) != nil {
		return
	}
	for process.Signal(syscall.Signal(0)) == nil {
		time.Sleep(5 * time.Millisecond)
	}
	_ = os.Remove(file) // which a crash leaves
}

// URL is how to connect, password and all.
func (p *Postgres) URL() string {
	return "postgres://ledger:" + Password + "@" + p.Address() + "/postgres?sslmode=disable"
}

// Address is where the server listens.
func (p *Postgres) Address() string { return "127.0.0.1:" + strconv.Itoa(p.port) }

//go:build unix

// Package redistest runs a Redis server of its own for tests, so that they can
// kill it, stop it in its tracks and look at what it keeps.
package redistest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is on a Unix socket, in a directory of the test's, and keeps nothing on
// a disk.
type Server struct {
	tb      testing.TB
	dir     string
	options []string
	process *os.Process
	ended   chan struct{}
	client  *redis.Client
}

// New starts a server, or skips the test where there is none. Options are as its
// command line takes them, such as "--cluster-enabled", "yes".
func New(tb testing.TB, options ...string) *Server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		tb.Skip("NOT CHECKED: redis-server is not installed, so no limit was shared through it")
	}
	dir, err := os.MkdirTemp("", "redis") // tb.TempDir's path may be too long for a socket
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{tb: tb, dir: dir, options: options}
	s.client = redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket(), Protocol: 2, DisableIdentity: true})
	tb.Cleanup(func() { _ = s.client.Close() })
	s.Start()
	tb.Cleanup(s.Kill)
	return s
}

func (s *Server) socket() string { return filepath.Join(s.dir, "s") }

// Address is the socket, as a configuration names it.
func (s *Server) Address() string { return "unix:" + s.socket() }

// Start starts the server, empty, and waits until it answers.
func (s *Server) Start() {
	s.tb.Helper()
	args := append([]string{"--port", "0", "--unixsocket", s.socket(), "--save", "", "--appendonly", "no", "--dir", s.dir}, s.options...)
	cmd := exec.Command("redis-server", args...) //nolint:gosec,noctx // a program that outlives what starts it
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	s.process, s.ended = cmd.Process, ended
	for {
		var d net.Dialer
		conn, err := d.DialContext(s.tb.Context(), "unix", s.socket())
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			s.tb.Fatalf("redis-server: %s", &out)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Kill ends the server at once; what it knew is gone.
func (s *Server) Kill() {
	_ = s.process.Kill() // it may have ended
	<-s.ended
	_ = os.Remove(s.socket())
}

// Freeze stops the server in its tracks: it takes connections and says nothing.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(what syscall.Signal) {
	s.tb.Helper()
	if err := s.process.Signal(what); err != nil {
		s.tb.Fatal(err)
	}
}

// Do sends a command, and gives its answer.
func (s *Server) Do(args ...any) any {
	s.tb.Helper()
	reply, err := s.client.Do(s.tb.Context(), args...).Result()
	if err != nil {
		s.tb.Fatalf("%v: %v", args, err)
	}
	return reply
}

package e2e

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ostiary/ostiary/internal/cli"
)

// TestMain lets scripts run ostiary as a command of its own: the real main, in
// a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ostiary": func() { os.Exit(cli.Main("test", os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"at":      at,
		"inside":  inside,
		"flip":    flip,
	})
}

func TestCommandLine(t *testing.T) {
	estates, err := filepath.Abs("../testdata/estates/good")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(env *testscript.Env) error {
		env.Setenv("ESTATES", estates)
		for _, name := range []string{"PORT1", "PORT2"} {
			port, err := freePort()
			if err != nil {
				return err
			}
			env.Setenv(name, port)
		}
		return nil
	}})
}

// freePort is a port of loopback that nobody listens on at this moment.
func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, errors.Join(err, ln.Close())
}

// flip changes one bit in the middle of a file.
func flip() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(os.Args[1], data, 0o600); err != nil {
		panic(err)
	}
}

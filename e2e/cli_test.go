package e2e

import (
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
		return nil
	}})
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

package node

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/portal"
)

func TestAllowListFollowsItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outlet.yaml")
	write := func(text string, at time.Time) {
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now().Add(-time.Hour)
	write("one", begin)
	set := make(chan int, 4)
	r := rules{file, func() ([]portal.Rule, error) {
		text, err := os.ReadFile(file)
		if string(text) == "broken" {
			return nil, errors.New("a slip")
		}
		return make([]portal.Rule, len(text)), err
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- r.follow(func(list []portal.Rule) { set <- len(list) }, slog.New(slog.DiscardHandler))(ctx)
	}()
	time.Sleep(poll / 2) // the first look
	write("broken", begin.Add(time.Minute))
	time.Sleep(2 * poll)
	write("three", begin.Add(2*time.Minute))
	if n := <-set; n != len("three") {
		t.Errorf("%d rules were put in force", n)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

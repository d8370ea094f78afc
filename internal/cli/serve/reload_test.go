package serve

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/gateway"
)

// TestFollow: a change counts once it stands still, and once; the log says what
// came of it.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ostiary.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	var logged bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		var applied []string
		s := Source{Path: path, Load: func(path string) (gateway.Settings, error) {
			text, err := os.ReadFile(path)
			if strings.HasPrefix(string(text), "bad") {
				err = errors.New("not right")
			}
			return gateway.Settings{Listen: string(text)}, err
		}}
		again := newReloads(s, func(s gateway.Settings) ([]string, error) {
			applied = append(applied, s.Listen)
			if s.Listen == "refused" {
				return nil, errors.New("refused")
			}
			return []string{"listen", "ledger"}, nil
		}, slog.New(slog.NewTextHandler(&logged, nil)))
		admin := again.admin()
		ctx, cancel := context.WithCancel(t.Context())
		done, hangup := make(chan struct{}), make(chan os.Signal)
		go func() {
			defer close(done)
			again.follow(ctx, hangup)
		}()
		told := func(want gateway.Reloaded, wantOK bool) {
			t.Helper()
			got, ok := admin.Reloaded()
			if got.At = (time.Time{}); ok != wantOK || !reflect.DeepEqual(got, want) {
				t.Errorf("told %+v %v, want %+v", got, ok, want)
			}
		}
		both := []string{"listen", "ledger"}
		told(gateway.Reloaded{}, false)
		expect := func(after string, want ...string) {
			t.Helper()
			time.Sleep(3*poll + poll/2)
			synctest.Wait()
			if strings.Join(applied, " ") != strings.Join(want, " ") {
				t.Errorf("after %s: %q, want %q", after, applied, want)
			}
		}
		expect("nothing")
		write("two")
		expect("a change", "two")
		write("ba")
		time.Sleep(poll)
		write("three")
		expect("a change in two pieces", "two", "three")
		write("bad")
		expect("a bad change", "two", "three")
		told(gateway.Reloaded{Error: "not right"}, true)
		write("refused")
		expect("a refused change", "two", "three", "refused")
		_ = os.Remove(path)
		expect("no file", "two", "three", "refused")
		write("refused")
		expect("the same again", "two", "three", "refused")
		write("four")
		expect("the last", "two", "three", "refused", "four")
		hangup <- syscall.SIGHUP // the secrets that it names may have changed
		expect("SIGHUP", "two", "three", "refused", "four", "four")
		write("five")
		if came := admin.Reload(ctx); came.Error != "" || !slices.Equal(came.Later, both) {
			t.Errorf("%+v", came)
		}
		expect("a request", "two", "three", "refused", "four", "four", "five")
		write("bad again")
		if came := admin.Reload(ctx); came.Error != "not right" || came.Later != nil {
			t.Errorf("%+v", came)
		}
		told(gateway.Reloaded{Error: "not right"}, true)
		expect("a bad request", "two", "three", "refused", "four", "four", "five")
		cancel()
		<-done
		if came := admin.Reload(t.Context()); came.Error == "" {
			t.Errorf("a gateway that has ended: %+v", came)
		}
	})
	text := logged.String()
	if strings.Count(text, "level=ERROR") != 3 || strings.Count(text, "was read again") != 5 || !strings.Contains(text, `keys="listen, ledger"`) {
		t.Error(text)
	}
}

func TestNoSource(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	again := newReloads(Source{Version: "1"}, nil, nil)
	if err := again.run(ctx); err != nil {
		t.Error(err)
	}
	if cfg := again.admin(); cfg.Reload != nil || cfg.Reloaded != nil || cfg.Version != "1" {
		t.Errorf("%+v", cfg)
	}
}

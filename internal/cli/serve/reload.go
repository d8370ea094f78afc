package serve

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/gateway"
)

// Source is the file that a gateway's settings came from, and come from again
// when it changes, or when the process is sent SIGHUP or asked by its admin API.
// The zero value is none.
type Source struct {
	Path    string
	Load    func(path string) (gateway.Settings, error)
	Version string // of the program, for its status
}

// poll is the time between two looks at the file. A change counts once the file
// holds the same at two of them: half of a file may be a configuration too.
const poll = time.Second

// applyFunc puts settings in force, and names those that are not.
type applyFunc func(gateway.Settings) (later []string, err error)

// reloads reads a source again.
type reloads struct {
	from  Source
	apply applyFunc
	log   *slog.Logger
	asks  chan chan<- gateway.Reloaded
	ended chan struct{}
	last  atomic.Pointer[gateway.Reloaded] // nil: none yet
}

func newReloads(from Source, apply applyFunc, log *slog.Logger) *reloads {
	return &reloads{from: from, apply: apply, log: log, asks: make(chan chan<- gateway.Reloaded), ended: make(chan struct{})}
}

// admin is what the admin API needs of it.
func (r *reloads) admin() gateway.AdminConfig {
	cfg := gateway.AdminConfig{Version: r.from.Version}
	if r.from.Path == "" {
		return cfg
	}
	cfg.Reload = r.ask
	cfg.Reloaded = func() (gateway.Reloaded, bool) {
		if last := r.last.Load(); last != nil {
			return *last, true
		}
		return gateway.Reloaded{}, false
	}
	return cfg
}

// ask has the source read at once.
func (r *reloads) ask(ctx context.Context) gateway.Reloaded {
	came := make(chan gateway.Reloaded, 1)
	select {
	case r.asks <- came:
		return <-came
	case <-ctx.Done():
	case <-r.ended:
	}
	return gateway.Reloaded{At: time.Now().UTC(), Error: "nobody read the configuration: the gateway ends, or the question was withdrawn"}
}

// run follows the source until ctx ends.
func (r *reloads) run(ctx context.Context) error {
	if r.from.Path == "" {
		<-ctx.Done()
		return nil
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	r.follow(ctx, hangup)
	return nil
}

// follow applies the settings until ctx ends. Settings that cannot be used
// change nothing, and the log says why, once for each change of the file.
func (r *reloads) follow(ctx context.Context, hangup <-chan os.Signal) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	defer close(r.ended)
	applied := r.from.read()
	for last := applied; ; {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			applied = r.from.read()
			r.again()
		case came := <-r.asks:
			applied = r.from.read()
			came <- r.again()
		case <-tick.C:
			now := r.from.read()
			if now != nil && bytes.Equal(now, last) && !bytes.Equal(now, applied) {
				applied = now
				r.again()
			}
			last = now
		}
	}
}

// again reads the file and puts it in force, and keeps what came of it.
func (r *reloads) again() gateway.Reloaded {
	came := gateway.Reloaded{}
	settings, err := r.from.Load(r.from.Path)
	if err == nil {
		came.Later, err = r.apply(settings)
	}
	came.At = time.Now().UTC()
	if err != nil {
		came.Error = err.Error()
		r.log.Error("the configuration in use is the old one", "file", r.from.Path, "error", err)
	} else {
		r.log.Info("the configuration was read again", "file", r.from.Path)
	}
	if len(came.Later) > 0 {
		r.log.Warn("some of the configuration takes effect at the next start", "keys", strings.Join(came.Later, ", "))
	}
	r.last.Store(&came)
	return came
}

// read gives what the file holds, nil while it cannot be read: an editor may be
// about to put another in its place.
func (s Source) read() []byte {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, config.MaxFileSize+1))
	if err != nil {
		return nil
	}
	return data
}

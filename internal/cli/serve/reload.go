package serve

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/gateway"
)

// Source is the file that a gateway's settings came from, and come from again
// when it changes or the process is sent SIGHUP. The zero value is none.
type Source struct {
	Path string
	Load func(path string) (gateway.Settings, error)
}

// poll is the time between two looks at the file. A change counts once the file
// holds the same at two of them: half of a file may be a configuration too.
const poll = time.Second

// applyFunc puts settings in force, and names those that are not.
type applyFunc func(gateway.Settings) (later []string, err error)

// run follows the source until ctx ends.
func (s Source) run(ctx context.Context, apply applyFunc, log *slog.Logger) error {
	if s.Path == "" {
		<-ctx.Done()
		return nil
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	s.follow(ctx, hangup, apply, log)
	return nil
}

// follow applies the settings until ctx ends. Settings that cannot be used
// change nothing, and the log says why, once for each change of the file.
func (s Source) follow(ctx context.Context, hangup <-chan os.Signal, apply applyFunc, log *slog.Logger) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	applied := s.read()
	for last := applied; ; {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			applied = s.read()
			s.apply(apply, log)
		case <-tick.C:
			now := s.read()
			if now != nil && bytes.Equal(now, last) && !bytes.Equal(now, applied) {
				applied = now
				s.apply(apply, log)
			}
			last = now
		}
	}
}

func (s Source) apply(apply applyFunc, log *slog.Logger) {
	settings, err := s.Load(s.Path)
	var later []string
	if err == nil {
		later, err = apply(settings)
	}
	if err != nil {
		log.Error("the configuration in use is the old one", "file", s.Path, "error", err)
		return
	}
	log.Info("the configuration was read again", "file", s.Path)
	if len(later) > 0 {
		log.Warn("some of the configuration takes effect at the next start", "keys", strings.Join(later, ", "))
	}
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

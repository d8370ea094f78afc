package node

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ostiary/ostiary/internal/portal"
)

// poll is the time between two looks at a configuration file.
const poll = time.Second

// rules are an allow list that can be read again.
type rules struct {
	file string // empty: it cannot
	read func() ([]portal.Rule, error)
}

// follow puts the list in force again whenever the file has changed or the
// process is sent SIGHUP, until ctx ends. A list that cannot be read changes
// nothing, and the log says why.
func (r rules) follow(set func([]portal.Rule), log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		if r.file == "" {
			return nil
		}
		hangup := make(chan os.Signal, 1)
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
		tick := time.NewTicker(poll)
		defer tick.Stop()
		for last := r.changed(); ; {
			select {
			case <-ctx.Done():
				return nil
			case <-hangup:
			case <-tick.C:
				now := r.changed()
				if now.Equal(last) {
					continue
				}
				last = now
			}
			list, err := r.read()
			if err != nil {
				log.Error("the allow list in use is the old one", "file", r.file, "err", err)
				continue
			}
			set(list)
			log.Info("the allow list was read again", "file", r.file, "rules", len(list))
		}
	}
}

// changed is when the file was last written.
func (r rules) changed() time.Time {
	info, err := os.Stat(r.file)
	if err != nil {
		return time.Time{} // an editor may be about to put another in its place
	}
	return info.ModTime()
}

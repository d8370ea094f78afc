package identity

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// keyWatch is a file of gateway keys, and what was last read of it.
type keyWatch struct {
	path string
	seen fs.FileInfo // of the keys in use
	told string      // the last failure that was logged
}

// SetKeys replaces the gateway keys that do not stand in the configuration.
// Calls under way keep the answer they got. Errors are faults of kind Invalid,
// and leave the keys as they are.
func (i *Identifier) SetKeys(keys []Key) error {
	ring, err := newKeyring(i.fixed, keys)
	if err != nil {
		return err
	}
	i.keys.Store(&ring)
	return nil
}

// Run looks at the file of gateway keys every Poll until ctx ends, so that a
// revoked key is refused within seconds. A file that is bad, or gone, changes
// nothing, and the log says why: a slip of the pen must not shut everybody
// out. It returns nil.
func (i *Identifier) Run(ctx context.Context) error {
	if i.watch == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(i.poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			i.reload()
		}
	}
}

func (i *Identifier) reload() {
	w := i.watch
	if info, err := os.Stat(w.path); err == nil && w.same(info) {
		return
	}
	n, err := i.load()
	if err == nil {
		w.told = ""
		i.log.Info("the gateway keys were read again", "file", w.path, "keys", n)
		return
	}
	if text := fault.PublicText(err); text != w.told {
		w.told = text
		i.log.Error("the gateway keys in use are the old ones", "file", w.path, "error", err)
	}
}

// load reads the file, and puts its keys to use.
func (i *Identifier) load() (int, error) {
	keys, info, err := readKeys(i.watch.path)
	if err != nil {
		return 0, err
	}
	if err := i.SetKeys(keys); err != nil {
		return 0, err
	}
	i.watch.seen = info
	return len(keys), nil
}

// same compares what a replaced or rewritten file cannot keep: its inode, its
// time and its size.
func (w *keyWatch) same(info fs.FileInfo) bool {
	return w.seen != nil && os.SameFile(w.seen, info) && w.seen.ModTime().Equal(info.ModTime()) && w.seen.Size() == info.Size()
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

package ledger

import (
	"slices"

	"github.com/ostiary/ostiary/internal/fault"
)

// OpenLog opens a log for writing, or makes one where there is none. It reads
// and checks the last segment and whatever the checkpoint does not cover, and
// that each segment before leads to the next. The rest is VerifyLog's.
//
// A block at the very end that a crash left incomplete was never acknowledged:
// it is copied into a quarantine file and left out. Damage to anything that
// was acknowledged, a log shorter than its checkpoint, files of another log or
// of a newer format are refused (fault.Unavailable or fault.Invalid) and
// nothing is changed. A second writer is fault.Conflict.
func OpenLog(c LogConfig) (*Log, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := c.FS.MkdirAll(c.Directory); err != nil {
		return nil, unavailable("cannot make the log's directory", c.Directory, err)
	}
	lock, err := lockDirectory(c.Directory)
	if err != nil {
		return nil, err
	}
	l := &Log{
		cfg: c, lock: lock, tree: newTree(),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if err := l.open(); err != nil {
		_ = lock.Close()
		return nil, err
	}
	go l.run()
	return l, nil
}

func (l *Log) open() error {
	found, err := list(l.cfg.FS, l.cfg.Directory)
	if err != nil {
		return err
	}
	signed, err := l.openKeys(found)
	if err != nil {
		return err
	}
	end, err := l.recover(found, signed)
	if err != nil {
		return err
	}
	l.chain, l.tree, l.durable, l.signed = end.chain, end.tree, end.tree.size, signed.size
	if err := l.openSegment(end); err != nil {
		return unavailable("cannot open the log's last segment for writing", l.cfg.Directory, err)
	}
	l.grown = growthAt(l.tree.size)
	if l.signed != l.tree.size || end.stale {
		err = l.writeCheckpoint()
	} else {
		err = l.announceOld()
	}
	if err != nil {
		_ = l.own.Close()
		return unavailable("cannot write the log's checkpoint", l.cfg.Directory, err)
	}
	if err := l.tidy(found); err != nil {
		_ = l.own.Close()
		return unavailable("cannot make the log's directory ready", l.cfg.Directory, err)
	}
	l.pending = newBatch(l.durable, nil)
	l.domain = l.own
	if l.cfg.Domain != nil {
		l.domain = l.cfg.Domain(l.own)
	}
	return l.level()
}

// openKeys reads the log's identity and its last checkpoint, or makes both
// for a new log.
func (l *Log) openKeys(found listing) (checkpoint, error) {
	dir := l.cfg.Directory
	key, old := found.others[keyName]
	if !old {
		if err := found.refuseForeign(dir); err != nil {
			return checkpoint{}, err
		}
	}
	for _, name := range found.leftovers {
		if err := l.cfg.FS.Remove(join(dir, name)); err != nil {
			return checkpoint{}, unavailable("cannot remove what an interrupted start left", join(dir, name), err)
		}
	}
	warnIfShared(l.cfg.Logger, dir, key, found.others[commitmentName])
	var err error
	if old {
		l.keys, err = readKeys(l.cfg.FS, dir)
	} else {
		l.keys, err = createKeys(l.cfg.FS, dir)
	}
	if err != nil {
		return checkpoint{}, err
	}
	if err := l.openVerifier(found); err != nil {
		return checkpoint{}, err
	}
	return l.openCheckpoint(found)
}

// refuseForeign finds files that make it wrong to start a new log here.
func (found listing) refuseForeign(dir string) error {
	var name string
	if _, copied := found.others[restoredName]; copied {
		return fault.New(fault.Conflict, "the log here was restored for reading: the key that signs it is gone, and nobody can write to it").
			At(dir).Fix("name an empty directory; another log begins there")
	}
	switch {
	case len(found.parts) > 0:
		name = found.parts[0].name()
	case len(found.quarantined) > 0:
		name = found.quarantined[0]
	default:
		for _, n := range append(found.leftovers, checkpointName, verifierName, commitmentName, relaxedName) {
			if _, there := found.others[n]; n != keyName+temporary && (there || slices.Contains(found.leftovers, n)) {
				name = n
			}
		}
	}
	if name == "" {
		return nil
	}
	return fault.New(fault.Conflict, "the directory has no "+keyName+" and yet this file, so it is no log and not empty").
		At(join(dir, name)).Fix("restore the key, or choose a directory of its own for the log")
}

// openVerifier sees that the public key is there for whoever verifies.
func (l *Log) openVerifier(found listing) error {
	path := join(l.cfg.Directory, verifierName)
	if _, there := found.others[verifierName]; !there {
		if err := install(l.cfg.FS, l.cfg.Directory, verifierName, []byte(l.keys.verifier+"\n")); err != nil {
			return unavailable("cannot write the log's public key", path, err)
		}
		return nil
	}
	data, err := l.cfg.FS.ReadFile(path, 0, maxCheckpoint)
	if err != nil {
		return unavailable("cannot read the log's public key", path, err)
	}
	if string(data) != l.keys.verifier+"\n" {
		return fault.New(fault.Invalid, "the public key is not that of "+keyName).At(path).Fix("restore the two files that belong together")
	}
	return nil
}

func (l *Log) openCheckpoint(found listing) (checkpoint, error) {
	if _, there := found.others[checkpointName]; there {
		return readCheckpoint(l.cfg.FS, l.cfg.Directory, l.keys.verifier)
	}
	path := join(l.cfg.Directory, checkpointName)
	if len(found.parts) > 0 {
		return checkpoint{}, fault.New(fault.Unavailable, "the log's checkpoint is missing").At(path).
			Fix("restore it: without it nobody can tell whether entries were cut off")
	}
	if err := l.writeCheckpoint(); err != nil {
		return checkpoint{}, unavailable("cannot write the log's first checkpoint", path, err)
	}
	return checkpoint{root: l.tree.root()}, nil
}

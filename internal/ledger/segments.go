package ledger

// Domain is where entries become durable. The segment files of a directory
// are one; a store elsewhere whose acknowledgement counts is another, for
// disks that do not outlive their machine.
type Domain interface {
	// Commit appends one block and returns nil only when all of it is on
	// stable storage. A block says itself which log it belongs to and where
	// (ParseBlock, docs/ledger.md). One goroutine calls Commit, in order;
	// after an error the log never calls it again. The bytes must not be kept.
	//
	// A domain elsewhere calls the Commit of the directory's own too, before
	// or beside its own work: readers, checkpoints and the next start need the
	// files. A crash can leave blocks in the directory that it never got:
	// ReadBlocks gives them, and its first Commit sends them first. Whatever
	// it fails at, it fails that Commit. It must bear a block that it has
	// already, the same to the byte.
	Commit(block []byte) error
	// Close releases what the domain holds, the directory's own included.
	// Nothing is pending then.
	Close() error
}

// segments is the Domain of a directory: one file is appended to until it is
// full, and every block is synced.
type segments struct {
	fs    FS
	dir   string
	limit int64 // size from which a segment takes no further block
	file  File
	size  int64
	empty bool // no block in it yet

	relaxed bool // sync only when told
	dirty   bool // there is something to sync
}

// Commit writes and syncs. Whatever fails, the file is not written to again:
// what a failed fdatasync left on the disk is unknown, and the kernel forgets.
func (s *segments) Commit(block []byte) error {
	if err := writeFull(s.file, block); err != nil {
		return err
	}
	s.size, s.empty, s.dirty = s.size+int64(len(block)), false, true
	if s.relaxed {
		return nil
	}
	return s.sync()
}

// sync makes durable what was written.
func (s *segments) sync() error {
	if !s.dirty {
		return nil
	}
	s.dirty = false // a sync that failed is not tried again
	return s.file.Sync()
}

// full says whether a block of n bytes belongs in a new segment.
func (s *segments) full(n int) bool { return !s.empty && s.size+int64(n) > s.limit }

// rotate starts a new segment. Its header is durable before its first block,
// and after all that stands in the old one.
func (s *segments) rotate(h segmentHeader) error {
	if err := s.sync(); err != nil {
		return err
	}
	content := h.encode()
	file, err := create(s.fs, s.dir, segmentName(h.first), content)
	if err != nil {
		return err
	}
	if s.file != nil {
		_ = s.file.Close() // all of it is synced
	}
	s.file, s.size, s.empty = file, int64(len(content)), true
	return nil
}

func (s *segments) Close() error { return s.file.Close() }

package ledger

// Domain is where entries become durable. The segment files of a directory
// are one; a store elsewhere whose acknowledgement counts is another, for
// disks that do not outlive their machine.
type Domain interface {
	// Commit appends one block and returns nil only when all of it is on
	// stable storage. A block says itself which log it belongs to and where
	// (docs/ledger.md). One goroutine calls Commit, in order; after an error
	// the log never calls it again. The bytes must not be kept.
	Commit(block []byte) error
	// Close releases what the domain holds. Nothing is pending then.
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
}

// Commit writes and syncs. Whatever fails, the file is not written to again:
// what a failed fdatasync left on the disk is unknown, and the kernel forgets.
func (s *segments) Commit(block []byte) error {
	if err := writeFull(s.file, block); err != nil {
		return err
	}
	s.size, s.empty = s.size+int64(len(block)), false
	return s.file.Sync()
}

// full says whether a block of n bytes belongs in a new segment.
func (s *segments) full(n int) bool { return !s.empty && s.size+int64(n) > s.limit }

// rotate starts a new segment. Its header is durable before its first block.
func (s *segments) rotate(h segmentHeader) error {
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

package ledger

import (
	"errors"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// What a scan finds wrong with blocks that are sound by themselves.
var (
	errName    = errors.New("the file's name is not the index of its first entry")
	errMissing = errors.New("missing: the next entries that are there have higher indices")
	errAgain   = errors.New("there a second time, or out of order")
	errChain   = errors.New("altered since they were committed: the chain of what follows does not fit them")
	errPeaks   = errors.New("altered since they were committed: the tree in the next segment's header does not fit them")
	errRoot    = errors.New("not what the checkpoint signed: an entry was altered, and checksums and chain made to fit")
	errCut     = errors.New("missing, although the checkpoint signed them: the log was cut off or put back to an earlier state")
)

// scan goes through the segments of a log in order and checks every byte. It
// carries on after damage at the next sound block, so that one problem hides
// no other. It only reads.
type scan struct {
	id     logID
	signed checkpoint    // what the log is held to
	held   []held        // what it is held to besides, by size
	agreed uint64        // size of the last of those that fitted
	live   bool          // a writer is at work: a block cut short at the very end is no damage
	loose  bool          // the writer was relaxed: what no checkpoint covers may be torn anywhere
	key    note.Verifier // of the log; rests are not believed without it

	entry  func(index uint64, payload []byte) // gets each entry whose checksum fits; may be nil
	leaf   func(index uint64, hash tlog.Hash) // gets each leaf before it enters the tree; may be nil
	report func(p Problem, raw []byte)        // gets each problem and the bytes that it is about
	note   func(r rest)                       // gets each sound rest; may be nil

	next    uint64    // index that the next entry must have
	chain   tlog.Hash // that the next block must name
	chained bool      // false after damage, until the next sound block
	before  uint64    // first entry of the block that chain comes from
	tree    tree      // over all entries so far
	rooted  bool      // false after damage, until the next segment's header

	repaired bool       // what is in hand is what a repair left
	replaced checkpoint // that a repair replaced; it is not held against the log

	base   int64  // offset in the file at which data starts
	data   []byte // of the segment in hand
	name   string
	last   bool        // no segment follows
	tornAt int         // where a torn tail begins in the last segment; -1 if none
	leaves []tlog.Hash // of the block in hand
}

func newScan(id logID) *scan {
	return &scan{id: id, signed: checkpoint{size: noCheckpoint}, chained: true, rooted: true, tree: newTree(), tornAt: -1}
}

func (s *scan) problem(first, last uint64, at int, what error, raw []byte) {
	p := Problem{First: first, Last: max(first, last), File: s.name, Offset: s.base + int64(at), Torn: s.tornAt >= 0, err: what}
	p.Repaired = errors.Is(what, errLost) || errors.Is(what, errUnproven)
	s.report(p.worded(), raw)
}

// file checks one segment.
func (s *scan) file(first uint64, data []byte, last bool) {
	s.name, s.data, s.last = segmentName(first), data, last
	at := s.header(first)
	for at < len(data) && !s.tornLoose() {
		b, err := parseBlock(data[at:], s.id)
		if err != nil {
			at = s.gap(at, b, err)
			continue
		}
		s.block(at, b)
		at += len(b.bytes)
	}
}

// header checks the segment's header against what came before, takes up from
// it, and returns where the blocks begin.
func (s *scan) header(first uint64) int {
	h, size, err := parseSegmentHeader(s.data)
	switch {
	case err != nil:
	case h.id != s.id:
		err = errForeign
	case h.first != first:
		err = errName
	}
	if err != nil {
		return s.badHeader(first, err)
	}
	s.takeUp(h)
	return size
}

// takeUp holds a header to what came before, and goes on from it.
func (s *scan) takeUp(h segmentHeader) {
	switch {
	case h.first > s.next:
		s.problem(s.next, h.first-1, 0, errMissing, nil)
	case h.first < s.next:
		s.problem(h.first, s.next-1, 0, errAgain, nil)
	case s.chained && h.chain != s.chain:
		s.problem(s.before, max(s.next, 1)-1, 0, s.unchained(), nil)
	case s.rooted && !slices.Equal(h.peaks, s.tree.peaks):
		s.problem(0, s.next-1, 0, errPeaks, nil)
	}
	jump := !s.rooted || h.first != s.tree.size
	s.next, s.chain, s.chained, s.rooted = h.first, h.chain, true, true
	s.tree.size, s.tree.peaks = h.first, append(s.tree.peaks[:0], h.peaks...)
	if jump {
		s.hold()
		s.holdSigned()
	}
}

// unchained is what it means that a chain does not fit.
func (s *scan) unchained() error {
	if s.repaired {
		return errUnproven
	}
	return errChain
}

// badHeader goes on with the blocks, if they begin where they should.
func (s *scan) badHeader(first uint64, err error) int {
	if first > s.next {
		s.problem(s.next, first-1, 0, errMissing, nil)
	}
	s.problem(first, first, 0, err, nil)
	s.next, s.chained, s.rooted = first, false, false
	size := headerSize(first)
	if size < len(s.data) {
		if _, err := parseBlock(s.data[size:], s.id); err == nil {
			return size
		}
	}
	return len(s.data)
}

// block checks a whole block and takes it into chain and tree.
func (s *scan) block(at int, b block) {
	switch {
	case b.first < s.next:
		s.problem(b.first, b.last(), at, errAgain, nil)
		return
	case b.first > s.next:
		s.problem(s.next, b.first-1, at, errMissing, nil)
		s.rooted = false
	case s.chained && b.prev != s.chain:
		s.problem(s.before, max(b.first, 1)-1, at, errChain, nil)
		s.rooted = false
	}
	s.chained = s.entries(at, b)
	s.rooted = s.rooted && s.chained
	s.next, s.before = b.last()+1, b.first
	if s.chained {
		s.chain = b.chain(s.leaves)
	}
	if s.rooted {
		s.grow()
	}
}

// entries checks the entries of a block and says whether all of it is sound.
func (s *scan) entries(at int, b block) bool {
	s.leaves = s.leaves[:0]
	sound := true
	fail := func(first, last uint64, at2 int, err error, raw []byte) {
		if sound {
			s.markTorn(at)
		}
		sound = false
		s.problem(first, last, at2, err, raw)
	}
	index := b.first
	whole := eachEntry(b.bytes[blockHeader:len(b.bytes)-trailer], b.count, func(e framed) {
		switch {
		case e.err == nil:
			s.leaves = append(s.leaves, tlog.RecordHash(e.payload))
			if s.entry != nil {
				s.entry(index, e.payload)
			}
		case errors.Is(e.err, errEntrySize):
			fail(index, b.last(), at+blockHeader+e.offset, e.err, e.payload)
		default:
			fail(index, index, at+blockHeader+e.offset, e.err, e.payload)
		}
		index++
	})
	if sound && (!whole || !sealed(b.bytes)) {
		fail(b.first, b.last(), at, errFrames, b.bytes)
	}
	return sound
}

// markTorn notes that what is at a block's offset may be what a crash leaves.
// It is not, if the checkpoint covers it or a block of this log follows: both
// come only after the block was synced. A relaxed writer promises the first
// alone.
func (s *scan) markTorn(at int) {
	signed := s.signed.size != noCheckpoint && s.signed.size > s.next
	if s.tornAt < 0 && s.last && !signed && (s.loose || findBlock(s.data, at+1, s.id, s.next) < 0) {
		s.tornAt = at
	}
}

// tornLoose says that all that follows is torn, sound blocks too: a relaxed
// writer synced none of it, and the disk wrote it in any order.
func (s *scan) tornLoose() bool { return s.loose && s.tornAt >= 0 }

// grow adds the leaves in hand to the tree and holds it to the checkpoint.
func (s *scan) grow() {
	for _, leaf := range s.leaves {
		if s.leaf != nil {
			s.leaf(s.tree.size, leaf)
		}
		s.tree.push(leaf)
		s.hold()
		s.holdSigned()
	}
}

// holdSigned compares the tree with the checkpoint, if it is of its size.
func (s *scan) holdSigned() {
	if s.tree.size == s.signed.size && s.signed != s.replaced && s.tree.root() != s.signed.root {
		s.report(Problem{Last: max(s.signed.size, 1) - 1, err: errRoot}.worded(), nil)
	}
}

// gap deals with bytes that are no whole block, and returns where the next
// one begins. b is what could be read of the block's header.
func (s *scan) gap(at int, b block, err error) int {
	end := len(s.data)
	following := findBlock(s.data, at+1, s.id, s.next)
	if following >= 0 {
		end = following
	}
	if following < 0 && s.last && s.live && errors.Is(err, errShort) {
		return end
	}
	s.markTorn(at)
	if s.tornLoose() {
		following, end = -1, len(s.data)
	}
	first, raw := s.next, s.data[at:end]
	next := s.salvage(raw)
	switch {
	case following >= 0:
		n, _ := parseBlock(s.data[following:], s.id)
		next = n.first
	case b.count > 0:
		first, next = min(first, b.first), b.last()+1
	}
	s.problem(first, max(next, first+1)-1, at, err, raw)
	s.next, s.chained, s.rooted = max(next, s.next), false, false
	return end
}

// salvage goes through the entries of a block whose header is damaged, and
// returns the index after the last that is sound.
func (s *scan) salvage(raw []byte) (next uint64) {
	next = s.next
	if len(raw) < blockHeader {
		return next
	}
	index := s.next
	eachEntry(raw[blockHeader:], maxEntries, func(e framed) {
		index++
		if e.err == nil {
			next = index
			if s.entry != nil {
				s.entry(index-1, e.payload)
			}
		}
	})
	return next
}

// finish holds the end of the log to the checkpoint.
func (s *scan) finish() {
	if s.signed.size != noCheckpoint && s.signed.size > s.next {
		s.report(Problem{First: s.next, Last: s.signed.size - 1, err: errCut}.worded(), nil)
	}
	s.finishHeld()
}

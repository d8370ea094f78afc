package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A rest is what is left of a segment that was pruned, or damaged and
// repaired: the block headers and the hashes of all entries that are gone on
// purpose, the entries that are not, and marks for those that were lost. Chain
// and tree go through it. A signed note at its start says why.
//
//	rest file                             block of a rest
//	 0   8  magic 89 'OSTRST' 0a           0  76  the block's header, as it was
//	 8   4  format version, 1              …      its entries
//	12   4  length n of the note          gap: entries whose block is unknown
//	16   n  note                           0   4  magic 93 'GAP'
//	 …      header of the segment          4   4  number of entries
//	 …      blocks and gaps                8   8  index of the first entry
//	 …      header of the next segment     …      its entries
//	 …   4  CRC32C of all before          entry
//	                                       0   1  'p', 'h' or 'l'
//	                                       1   …  p: the entry as in a segment
//	                                              h: its leaf hash; l: nothing
//
// The header of the next segment holds chain and tree after the rest. Where
// the loss of entries hides them, each lost entry counts as 32 zero bytes, and
// a gap's first 16 bytes as its block's header.
const (
	restMagic   = "\x89OSTRST\n"
	gapMagic    = "\x93GAP"
	restVersion = 1
	restSuffix  = ".rest"
	gapHeader   = 16
	maxNote     = 4 << 10
	restHead    = 16 + maxNote        // enough to read the note
	maxRest     = maxSegFile + 64<<20 // tags and headers besides
	maxGap      = 1 << 23             // entries of one gap, and of the rest of a damaged segment
	whyPruned   = "pruned: "          // begins the reason of a pruning
	whyRepaired = "repaired: damaged" // the reason of a repair
	restTitle   = "/rest"             // follows the origin in a note
	timeLayout  = "2006-01-02T15:04:05Z"
)

var (
	errRest     = errors.New("what is left of a segment is damaged")
	errRestNote = errors.New("no sound note of the log's key says why this is all that is left")
	errLost     = errors.New("lost: damaged, and set aside by a repair")
	errUnproven = errors.New("kept by a repair by their own checksums alone: their block was damaged, so the chain does not cover them")
)

// fate is what became of an entry of a rest.
type fate byte

const (
	kept   fate = 'p'
	pruned fate = 'h'
	lost   fate = 'l'
)

// restEntry is an entry of a rest: its payload, or its hash, or neither.
type restEntry struct {
	fate    fate
	payload []byte
	leaf    tlog.Hash
	at      int // where a salvage found it
}

// restBlock is a block of a rest; header is nil for a gap.
type restBlock struct {
	first   uint64
	header  []byte
	entries []restEntry
	whole   bool // a salvage found its checksum to fit
}

func (b restBlock) end() uint64 { return b.first + uint64(len(b.entries)) }

// prev is the chain before a block that has its header.
func (b restBlock) prev() tlog.Hash { return tlog.Hash(b.header[40:72]) }

// leaves are the leaf hashes; whole says that none is lost.
func (b restBlock) leaves() (leaves []tlog.Hash, whole bool) {
	whole = true
	for _, e := range b.entries {
		leaves = append(leaves, e.leaf)
		whole = whole && e.fate != lost
	}
	return leaves, whole
}

// chain is the chain after the block; a lost entry counts as 32 zero bytes.
func (b restBlock) chain(leaves []tlog.Hash) tlog.Hash { return chainHash(b.head(), leaves) }

func (b restBlock) head() []byte {
	if b.header != nil {
		return b.header
	}
	head := binary.LittleEndian.AppendUint32([]byte(gapMagic), uint32(len(b.entries))) //nolint:gosec // at most maxGap
	return binary.LittleEndian.AppendUint64(head, b.first)
}

func (b restBlock) encode(buf []byte) []byte {
	buf = append(buf, b.head()...)
	for _, e := range b.entries {
		buf = append(buf, byte(e.fate))
		switch e.fate {
		case kept:
			buf = appendEntry(buf, e.payload, entryCRC(e.payload))
		case pruned:
			buf = append(buf, e.leaf[:]...)
		case lost:
		}
	}
	return buf
}

// rest is a whole one.
type rest struct {
	note          restNote
	before, after segmentHeader
	blocks        []restBlock
}

// encode signs and makes the file.
func (r rest) encode(signer note.Signer) ([]byte, error) {
	body := r.before.encode()
	for _, b := range r.blocks {
		body = b.encode(body)
	}
	return r.file(signer, append(body, r.after.encode()...))
}

// file puts a signed note before what it is about.
func (r rest) file(signer note.Signer, body []byte) ([]byte, error) {
	r.note.first, r.note.end = r.before.first, r.after.first
	r.note.chain, r.note.root = r.after.chain, r.after.root()
	r.note.body = sha256.Sum256(body)
	msg, err := r.note.sign(signer)
	if err != nil {
		return nil, err
	}
	data := []byte(restMagic)
	data = binary.LittleEndian.AppendUint32(data, restVersion)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(msg))) //nolint:gosec // at most maxNote
	return withCRC(slices.Concat(data, msg, body)), nil
}

// count is how many entries had a fate.
func (r rest) count(f fate) (n uint64) {
	for _, b := range r.blocks {
		for _, e := range b.entries {
			if e.fate == f {
				n++
			}
		}
	}
	return n
}

// root is that of the tree before the segment.
func (h segmentHeader) root() tlog.Hash {
	t := tree{size: h.first, peaks: h.peaks}
	return t.root()
}

// parseRestNote reads the note at the start of a rest and says where it ends.
// The note is all that an opening needs to go past a rest.
func parseRestNote(data []byte, key note.Verifier) (n restNote, size int, err error) {
	le := binary.LittleEndian
	if m := len(restMagic); len(data) >= m && string(data[:m]) != restMagic {
		return n, 0, errMagic
	}
	if len(data) < 16 {
		return n, 0, errRest
	}
	if v := le.Uint32(data[8:]); v != restVersion {
		return n, 0, fmt.Errorf("%w: version %d, and this build reads %d", errVersion, v, restVersion)
	}
	length := le.Uint32(data[12:])
	if length > maxNote || int(length) > len(data)-16 {
		return n, 0, errRest
	}
	size = 16 + int(length)
	n, err = openRestNote(data[16:size], key)
	return n, size, err
}

// parseRest reads a rest file, strictly: everything in it is as the note
// signed it. Only then is anything of it believed.
func parseRest(data []byte, id logID, key note.Verifier) (r rest, err error) {
	var at int
	if r.note, at, err = parseRestNote(data, key); err != nil {
		return r, err
	}
	if !sealed(data) {
		return r, errRest
	}
	body := data[at : len(data)-trailer]
	if sha256.Sum256(body) != r.note.body {
		return r, errRestNote
	}
	r.before, at, err = parseSegmentHeader(body)
	if err != nil || r.before.id != id || r.before.first != r.note.first {
		return r, errRest
	}
	body = body[at:]
	for next := r.before.first; next < r.note.end; {
		b, size, ok := parseRestBlock(body, id)
		if !ok || b.first != next {
			return r, errRest
		}
		r.blocks, next, body = append(r.blocks, b), b.end(), body[size:]
	}
	r.after, at, err = parseSegmentHeader(body)
	if err != nil || at != len(body) || r.after.id != id || r.after.first != r.note.end ||
		r.after.chain != r.note.chain || r.after.root() != r.note.root {
		return r, errRest
	}
	return r, nil
}

func parseRestBlock(data []byte, id logID) (b restBlock, size int, ok bool) {
	le := binary.LittleEndian
	var count uint32
	switch {
	case len(data) >= blockHeader && bytes.HasPrefix(data, []byte(blockMagic)):
		if !sealed(data[:blockHeader]) || logID(data[16:32]) != id {
			return b, 0, false
		}
		b.header, size = data[:blockHeader], blockHeader
		b.first, count = le.Uint64(data[32:]), le.Uint32(data[8:])
	case len(data) >= gapHeader && bytes.HasPrefix(data, []byte(gapMagic)):
		size = gapHeader
		b.first, count = le.Uint64(data[8:]), le.Uint32(data[4:])
	}
	if count < 1 || count > maxGap || b.header != nil && count > maxEntries || int64(count) > int64(len(data)-size) || b.first > maxIndex {
		return b, 0, false
	}
	b.entries = make([]restEntry, 0, count)
	for range count {
		e, n, ok := parseRestEntry(data[size:])
		if !ok {
			return b, 0, false
		}
		b.entries, size = append(b.entries, e), size+n
	}
	return b, size, true
}

func parseRestEntry(data []byte) (e restEntry, size int, ok bool) {
	if len(data) == 0 {
		return e, 0, false
	}
	e.fate = fate(data[0])
	switch e.fate {
	case lost:
		return e, 1, true
	case pruned:
		if len(data) < 1+tlog.HashSize {
			return e, 0, false
		}
		e.leaf = tlog.Hash(data[1 : 1+tlog.HashSize])
		return e, 1 + tlog.HashSize, true
	case kept:
		e.payload, ok = frameAt(data[1:])
		e.leaf = tlog.RecordHash(e.payload)
		return e, 1 + entryHeader + len(e.payload), ok
	}
	return e, 0, false
}

// frameAt is the payload of the entry that stands at the start of data, if its
// checksum fits.
func frameAt(data []byte) (payload []byte, ok bool) {
	if len(data) < entryHeader {
		return nil, false
	}
	n := binary.LittleEndian.Uint32(data)
	if n > MaxPayload || int64(n) > int64(len(data)-entryHeader) {
		return nil, false
	}
	payload = data[entryHeader : entryHeader+int(n)]
	return payload, entryCRC(payload) == binary.LittleEndian.Uint32(data[4:])
}

// restName is the name of the rest of a segment.
func restName(first uint64) string {
	return strings.TrimSuffix(segmentName(first), segmentSuffix) + restSuffix
}

func parseRestName(name string) (first uint64, ok bool) {
	digits, found := strings.CutSuffix(name, restSuffix)
	first, ok = parseSegmentName(digits + segmentSuffix)
	return first, found && ok
}

package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"

	"golang.org/x/mod/sumdb/tlog"
)

// The segment file, all integers little-endian (docs/ledger.md says the same):
//
//	segment header                        block (one commit)
//	 0   8  magic 89 'OSTLOG' 0a           0   4  magic 93 'BLK'
//	 8   4  format version, 1              4   4  length of the block, all of it
//	12   4  length of the header           8   4  number of entries
//	16  16  log id                        12   4  zero
//	32   8  index of the first entry      16  16  log id
//	40  32  chain before the first block  32   8  index of the first entry
//	72 32p  peaks of the tree before it   40  32  chain before this block
//	 …   4  CRC32C of all before          72   4  CRC32C of bytes 0–71
//	                                      76   …  entries
//	                                       …   4  CRC32C of all before
//	entry
//	 0   4  length n of the payload
//	 4   4  CRC32C of bytes 0–3 and the payload
//	 8   n  payload
//
// p is the number of bits set in the first index. The chain after a block is
// SHA-256(bytes 0–75 of the block ‖ the RFC 6962 leaf hash of each entry); it
// is 32 zero bytes before the first block of a log. Blocks fill the file to
// its end; the next segment starts with the next index and the same chain.
const (
	segmentMagic  = "\x89OSTLOG\n"
	blockMagic    = "\x93BLK"
	formatVersion = 1

	headerFixed  = 76 // of a segment header without its peaks
	blockHeader  = 76
	entryHeader  = 8
	trailer      = 4 // the CRC that ends a block
	maxIndex     = 1 << 62
	maxEntries   = 4096       // of a block
	batchBytes   = 4 << 20    // of a block that gathers several entries
	maxBlock     = batchBytes // of any block; one payload of MaxPayload fits
	minBlock     = blockHeader + entryHeader + trailer
	maxSegment   = 256 << 20 // of LogConfig.SegmentSize
	maxSegFile   = maxSegment + maxBlock + headerFixed + 64*tlog.HashSize
	noCheckpoint = ^uint64(0)
)

// MaxPayload bounds one entry of a log, in bytes.
const MaxPayload = 1 << 20

// logID tells the blocks of one log from those of any other.
type logID [16]byte

func (id logID) String() string { return hex.EncodeToString(id[:]) }

// crc is CRC32C (Castagnoli), which CPUs compute in hardware.
func crc(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// entryCRC covers the length too, so that a damaged length is not believed.
func entryCRC(payload []byte) uint32 {
	var n [4]byte
	binary.LittleEndian.PutUint32(n[:], uint32(len(payload))) //nolint:gosec // at most MaxPayload
	return crc32.Update(crc(n[:]), crc32.MakeTable(crc32.Castagnoli), payload)
}

func withCRC(data []byte) []byte { return binary.LittleEndian.AppendUint32(data, crc(data)) }

// sealed says whether data ends in the CRC of what is before.
func sealed(data []byte) bool {
	n := len(data) - trailer
	return n >= 0 && crc(data[:n]) == binary.LittleEndian.Uint32(data[n:])
}

// segmentHeader is where a segment takes up the log.
type segmentHeader struct {
	id    logID
	first uint64
	chain tlog.Hash
	peaks []tlog.Hash
}

func headerSize(first uint64) int { return headerFixed + tlog.HashSize*peakCount(first) }

func (h segmentHeader) encode() []byte {
	le := binary.LittleEndian
	size := headerSize(h.first)
	b := append(make([]byte, 0, size), segmentMagic...)
	b = le.AppendUint32(b, formatVersion)
	b = le.AppendUint32(b, uint32(size)) //nolint:gosec // at most 76 + 64×32
	b = append(b, h.id[:]...)
	b = le.AppendUint64(b, h.first)
	b = append(b, h.chain[:]...)
	for _, p := range h.peaks {
		b = append(b, p[:]...)
	}
	return withCRC(b)
}

// What a parser finds wrong. They become Problems, which say where.
var (
	errMagic     = errors.New("not a segment of a log (its first eight bytes are foreign)")
	errVersion   = errors.New("written in another format version")
	errHeader    = errors.New("the segment's header is damaged")
	errForeign   = errors.New("belongs to another log (its log id differs)")
	errBlock     = errors.New("damaged where a block should begin")
	errShort     = errors.New("the file ends inside this block")
	errFrames    = errors.New("the block's checksum does not fit its content")
	errEntry     = errors.New("the entry's checksum does not fit its content")
	errEntrySize = errors.New("the entry's length does not fit its block")
)

// parseSegmentHeader reads the header of a segment file and its size.
func parseSegmentHeader(data []byte) (h segmentHeader, size int, err error) {
	le := binary.LittleEndian
	if n := len(segmentMagic); len(data) >= n && string(data[:n]) != segmentMagic {
		return h, 0, errMagic
	}
	if len(data) < headerFixed {
		return h, 0, errHeader
	}
	if v := le.Uint32(data[8:]); v != formatVersion {
		return h, 0, fmt.Errorf("%w: version %d, and this build reads %d", errVersion, v, formatVersion)
	}
	h.first = le.Uint64(data[32:])
	if h.first > maxIndex {
		return h, 0, errHeader
	}
	size = headerSize(h.first)
	if int64(le.Uint32(data[12:])) != int64(size) || len(data) < size || !sealed(data[:size]) {
		return h, 0, errHeader
	}
	copy(h.id[:], data[16:])
	copy(h.chain[:], data[40:])
	for at := 72; at < size-trailer; at += tlog.HashSize {
		h.peaks = append(h.peaks, tlog.Hash(data[at:at+tlog.HashSize]))
	}
	return h, size, nil
}

// block is one commit, in the bytes it was read from.
type block struct {
	first uint64
	count int
	prev  tlog.Hash // chain before it
	bytes []byte
}

func (b block) last() uint64 { return b.first + uint64(b.count) - 1 } //nolint:gosec // count is 1 to maxEntries

// chain is the chain after the block, given its leaves.
func (b block) chain(leaves []tlog.Hash) tlog.Hash {
	return chainHash(b.bytes[:blockHeader], leaves)
}

func chainHash(header []byte, leaves []tlog.Hash) (chain tlog.Hash) {
	h := sha256.New()
	_, _ = h.Write(header)
	for i := range leaves {
		_, _ = h.Write(leaves[i][:])
	}
	h.Sum(chain[:0])
	return chain
}

// parseBlock reads a block's header at the start of data. errShort means that
// the header, as far as it is there, promises more bytes than data has; the
// block's first and count are set if the header was whole. The content is not
// checked.
func parseBlock(data []byte, id logID) (block, error) {
	le := binary.LittleEndian
	if len(data) < blockHeader {
		n := min(len(data), len(blockMagic))
		if string(data[:n]) != blockMagic[:n] {
			return block{}, errBlock
		}
		return block{}, errShort
	}
	if string(data[:4]) != blockMagic || !sealed(data[:blockHeader]) {
		return block{}, errBlock
	}
	if logID(data[16:32]) != id {
		return block{}, errForeign
	}
	length, count, first := le.Uint32(data[4:]), le.Uint32(data[8:]), le.Uint64(data[32:])
	if length < minBlock || length > maxBlock || count < 1 || count > maxEntries || first > maxIndex || le.Uint32(data[12:]) != 0 {
		return block{}, errBlock
	}
	b := block{first: first, count: int(count), prev: tlog.Hash(data[40:72])}
	if int64(length) > int64(len(data)) {
		return b, errShort
	}
	b.bytes = data[:length]
	return b, nil
}

// sealBlock fills in the header and the trailer of a block whose entries
// stand in buf after room for the header.
func sealBlock(buf []byte, id logID, first uint64, count int, prev tlog.Hash) []byte {
	le := binary.LittleEndian
	copy(buf, blockMagic)
	le.PutUint32(buf[4:], uint32(len(buf)+trailer)) //nolint:gosec // at most maxBlock
	le.PutUint32(buf[8:], uint32(count))            //nolint:gosec // at most maxEntries
	le.PutUint32(buf[12:], 0)
	copy(buf[16:], id[:])
	le.PutUint64(buf[32:], first)
	copy(buf[40:], prev[:])
	le.PutUint32(buf[72:], crc(buf[:72]))
	return withCRC(buf)
}

// appendEntry frames a payload.
func appendEntry(buf, payload []byte, sum uint32) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(payload))) //nolint:gosec // at most MaxPayload
	buf = binary.LittleEndian.AppendUint32(buf, sum)
	return append(buf, payload...)
}

// framed is one entry of a block as it was found.
type framed struct {
	offset  int    // in the block's body
	payload []byte // what its length says, if that fits
	err     error  // errEntry, or errEntrySize: then nothing can be said of what follows
}

// eachEntry goes through up to count frames of a block's body, and says
// whether they fill it exactly.
func eachEntry(body []byte, count int, visit func(e framed)) bool {
	at := 0
	for range count {
		e := framed{offset: at}
		rest := body[at:]
		var n uint32
		if len(rest) >= entryHeader {
			n = binary.LittleEndian.Uint32(rest)
			rest = rest[entryHeader:]
		} else {
			n = MaxPayload + 1
		}
		if n > MaxPayload || int64(n) > int64(len(rest)) {
			e.err, e.payload = errEntrySize, rest
			visit(e)
			return false
		}
		e.payload = rest[:n]
		if entryCRC(e.payload) != binary.LittleEndian.Uint32(body[at+4:]) {
			e.err = errEntry
		}
		visit(e)
		at += entryHeader + int(n)
	}
	return at == len(body)
}

// findBlock is the offset, from start on, of the next whole block header of
// this log whose index is not before next; -1 if there is none.
func findBlock(data []byte, start int, id logID, next uint64) int {
	for at := start; at < len(data); at++ {
		skip := bytes.Index(data[at:], []byte(blockMagic))
		if skip < 0 {
			return -1
		}
		at += skip
		b, err := parseBlock(data[at:], id)
		if b.count > 0 && (err == nil || errors.Is(err, errShort)) && b.first >= next {
			return at
		}
	}
	return -1
}

package ledger

import (
	"cmp"
	"encoding/binary"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// salvage finds what a damaged segment still holds of entries first to before
// end. It believes checksums alone: what they cannot vouch for is lost.
//
// Blocks whose checksum fits are taken wherever they stand, for each says its
// own place. Of blocks that are damaged, every entry is taken whose checksum
// fits, found by trying each byte, so that a damaged length hides nothing
// behind it. Where it cannot be told how many entries are lost between two
// others, the index given is the lowest possible; of what a disk wrote in the
// wrong place, it may be wrong.
func salvage(data []byte, id logID, first, end uint64) []restBlock {
	taken := compatible(blocksIn(data, id), first, end)
	blocks := withGaps(data, taken, first, end)
	return unproven(lodge(blocks, runs(data, 0), end))
}

// salvaged is a block that was found.
type salvaged struct {
	restBlock
	at, after int // where it stands
}

// blocksIn finds every block whose header is whole.
func blocksIn(data []byte, id logID) (found []salvaged) {
	for at := 0; ; {
		if at = findBlock(data, at, id, 0); at < 0 {
			break
		}
		header := data[at : at+blockHeader]
		b, err := parseBlock(data[at:], id)
		c := salvaged{at: at, after: min(at+int(binary.LittleEndian.Uint32(header[4:])), len(data))}
		c.restBlock = restBlock{first: b.first, header: header, entries: make([]restEntry, b.count), whole: err == nil && sealed(b.bytes)}
		found = append(found, c)
		if at++; c.whole {
			at = c.after // what looks like a block inside is somebody's payload
		}
	}
	limit := len(data) // where the next whole block begins
	for i := len(found) - 1; i >= 0; i-- {
		c := &found[i]
		c.after = min(c.after, limit)
		body := data[c.at+blockHeader : max(c.after-trailer, c.at+blockHeader)]
		c.entries = placed(body, c.at+blockHeader, len(c.entries), 0)
		if c.whole {
			limit = c.at
		}
	}
	return found
}

// compatible takes blocks that do not contradict one another, in the order of
// their entries: whole blocks first, then those with the most sound entries.
func compatible(found []salvaged, first, end uint64) (taken []salvaged) {
	slices.SortStableFunc(found, func(a, b salvaged) int {
		return cmp.Or(-cmp.Compare(a.worth(), b.worth()), cmp.Compare(a.at, b.at))
	})
	for _, c := range found {
		i, _ := slices.BinarySearchFunc(taken, c, func(a, b salvaged) int { return cmp.Compare(a.first, b.first) })
		if c.first >= first && c.end() <= end && (i == 0 || taken[i-1].end() <= c.first) && (i == len(taken) || c.end() <= taken[i].first) {
			taken = slices.Insert(taken, i, c)
		}
	}
	return taken
}

func (b salvaged) worth() int {
	if b.whole {
		return maxEntries + 1
	}
	n := 0
	for _, e := range b.entries {
		if e.fate == kept {
			n++
		}
	}
	return n
}

// withGaps puts what is between blocks into gaps, with the entries that are
// found there.
func withGaps(data []byte, taken []salvaged, first, end uint64) (all []restBlock) {
	next, at := first, 0
	gap := func(to uint64, until int) {
		var body []byte // of a block, or of several
		if at+blockHeader < until-trailer {
			body = data[at+blockHeader : until-trailer]
		}
		count := -1
		if to != noCheckpoint {
			count = int(to - next) //nolint:gosec // at most maxGap
		}
		if entries := placed(body, at+blockHeader, count, trailer+blockHeader); len(entries) > 0 {
			all = append(all, restBlock{first: next, entries: entries})
			next += uint64(len(entries))
		}
	}
	for _, b := range taken {
		if b.first > next {
			gap(b.first, b.at)
		}
		all = append(all, b.restBlock)
		next, at = b.end(), b.after
	}
	if next < end {
		gap(end, len(data))
	}
	return all
}

// run is entries that stand one behind the other.
type run struct {
	from, to int
	entries  []restEntry
}

// runs finds the entries in damaged bytes, which begin at base.
func runs(data []byte, base int) (all []run) {
	for at := 0; at+entryHeader <= len(data); {
		payload, ok := frameAt(data[at:])
		if !ok {
			at++
			continue
		}
		if n := len(all); n == 0 || all[n-1].to != at {
			all = append(all, run{from: at, to: at})
		}
		r := &all[len(all)-1]
		r.entries = append(r.entries, restEntry{fate: kept, payload: payload, leaf: tlog.RecordHash(payload), at: base + at})
		at += entryHeader + len(payload)
		r.to = at
	}
	return all
}

// placed gives the entries found in damaged bytes their places among count;
// the others are lost. A count of -1 means that it is not known. A hole of
// just seam bytes is the seam of two blocks and has lost no entry; any other
// has lost one at least, and the last hole all that are not accounted for.
func placed(data []byte, base, count, seam int) (entries []restEntry) {
	found := runs(data, base)
	if count >= 0 {
		fit(found, len(data), count)
	}
	missing := count
	for _, r := range found {
		missing -= len(r.entries)
	}
	at, last := 0, -1 // end of the run before; place of the last hole
	for _, r := range found {
		if hole := r.from - at; hole > 0 && hole != seam && (missing > 0 || count < 0) {
			last = len(entries)
			entries, missing = append(entries, restEntry{fate: lost}), missing-1
		}
		entries, at = append(entries, r.entries...), r.to
	}
	if at < len(data) || last < 0 {
		last = len(entries)
	}
	if missing > 0 {
		entries = slices.Insert(entries, last, slices.Repeat([]restEntry{{fate: lost}}, missing)...)
	}
	return entries
}

// fit takes out of runs, in size bytes, what is too much for count entries, as
// there can be where a disk wrote a sector in the wrong place: first what is
// joined to neither end of the block.
func fit(all []run, size, count int) {
	surplus := -count
	for _, r := range all {
		surplus += len(r.entries)
	}
	for _, middle := range []bool{true, false} {
		for i := len(all) - 1; i >= 0 && surplus > 0; i-- {
			r := &all[i]
			if middle != (r.from > 0 && r.to < size) {
				continue
			}
			keep := max(len(r.entries)-surplus, 0)
			surplus -= len(r.entries) - keep
			r.entries = r.entries[:keep]
		}
	}
}

// lodge sees that each entry that was found is there once: in one block, or
// where some are lost, for it is better at a wrong index than nowhere.
func lodge(blocks []restBlock, found []run, end uint64) []restBlock {
	at, leaves := map[int]bool{}, map[tlog.Hash]bool{}
	var free []*restEntry
	for _, whole := range []bool{true, false} {
		for _, b := range blocks {
			for i := range b.entries {
				e := &b.entries[i]
				if b.whole != whole {
					continue
				}
				if e.fate == kept && at[e.at] {
					*e = restEntry{fate: lost}
				}
				if e.fate == lost {
					free = append(free, e)
					continue
				}
				at[e.at], leaves[e.leaf] = true, true
			}
		}
	}
	var over []restEntry
	for _, r := range found {
		for _, e := range r.entries {
			switch {
			case at[e.at] || leaves[e.leaf]:
				continue
			case len(free) > 0:
				*free[0], free = e, free[1:]
			default:
				over = append(over, e)
			}
			leaves[e.leaf] = true
		}
	}
	if n := len(blocks); end == noCheckpoint && len(over) > 0 && n > 0 {
		blocks = append(blocks, restBlock{first: blocks[n-1].end(), entries: over})
	}
	return blocks
}

// unproven takes the header from blocks that nothing proves: neither their own
// checksum nor the chain in the next.
func unproven(blocks []restBlock) []restBlock {
	for i := range blocks {
		b := &blocks[i]
		if b.whole || b.header == nil {
			continue
		}
		leaves, sound := b.leaves()
		proven := sound && i+1 < len(blocks) && blocks[i+1].header != nil && blocks[i+1].prev() == b.chain(leaves)
		if !proven && slices.ContainsFunc(b.entries, func(e restEntry) bool { return e.fate != lost }) {
			b.header = nil
		}
	}
	return blocks
}

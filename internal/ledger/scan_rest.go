package ledger

// rest checks what is left of a segment, and goes through it: chain and tree
// need only hashes.
func (s *scan) rest(first uint64, data []byte) {
	s.name, s.data, s.base, s.last = restName(first), data, 0, false
	r, err := parseRest(data, s.id, s.key)
	if err == nil && r.before.first != first {
		err = errName
	}
	if err != nil {
		s.badRest(first, r.note.end, err)
		return
	}
	if s.note != nil {
		s.note(r)
	}
	s.repaired = r.note.repaired()
	if r.note.replaced != nil {
		s.replaced = *r.note.replaced
	}
	s.takeUp(r.before)
	for _, b := range r.blocks {
		s.restBlock(b)
	}
	s.takeUp(r.after)
	s.repaired = false
}

// badRest goes on behind a rest that cannot be used. Where it ends is known
// only from a sound note.
func (s *scan) badRest(first, end uint64, err error) {
	if first > s.next {
		s.problem(s.next, first-1, 0, errMissing, nil)
	}
	s.problem(first, max(end, first+1)-1, 0, err, nil)
	s.next, s.chained, s.rooted = max(first, end), false, false
}

// restBlock takes a block into chain and tree, as far as its hashes are known.
func (s *scan) restBlock(b restBlock) {
	if b.header != nil && s.chained && b.prev() != s.chain {
		s.problem(s.before, max(b.first, 1)-1, 0, s.unchained(), nil)
		s.rooted = false
	}
	leaves, whole := b.leaves()
	sound := whole && b.header != nil
	for i, e := range b.entries {
		if e.fate == kept && s.entry != nil {
			s.entry(b.first+uint64(i), e.payload)
		}
	}
	if !sound {
		s.losses(b)
	}
	s.next, s.before, s.leaves = b.end(), b.first, leaves
	s.chained = sound
	s.rooted = s.rooted && sound
	if sound {
		s.chain = b.chain(leaves)
	}
	if s.rooted {
		s.grow()
	}
}

// losses names the entries of a block that are lost, and those beside them
// that nothing but their own checksum vouches for.
func (s *scan) losses(b restBlock) {
	for from := 0; from < len(b.entries); {
		to := from
		for to < len(b.entries) && b.entries[to].fate == b.entries[from].fate {
			to++
		}
		what := errUnproven
		if b.entries[from].fate == lost {
			what = errLost
		}
		s.problem(b.first+uint64(from), b.first+uint64(to)-1, 0, what, nil)
		from = to
	}
}

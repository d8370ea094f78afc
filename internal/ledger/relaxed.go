package ledger

// A relaxed log acknowledges before it syncs. What a power loss makes of its
// end is not only torn: blocks behind may be there while blocks before are
// not. A file of this name in the directory tells recovery, so that it takes
// none of that for damage. It outlives the relaxed writer until a strict one
// has recovered.
const relaxedText = "Entries that no checkpoint covers may be lost when the power goes.\n"

// tidy ends the opening: it removes segments of which a prune or repair was
// cut off after their rest was durable, and marks the directory as relaxed or
// strict before anything is acknowledged.
func (l *Log) tidy(found listing) error {
	fsys, dir := l.cfg.FS, l.cfg.Directory
	for _, first := range found.doubled {
		if err := l.removeSegment(first); err != nil {
			return err
		}
	}
	_, marked := found.others[relaxedName]
	switch {
	case l.cfg.Relaxed > 0 && !marked:
		return install(fsys, dir, relaxedName, []byte(relaxedText))
	case l.cfg.Relaxed == 0 && marked:
		if err := fsys.Remove(join(dir, relaxedName)); err != nil {
			return err
		}
		return fsys.SyncDir(dir)
	}
	return nil
}

// removeSegment removes the file of a segment that has a rest, once all of the
// rest is seen to be sound.
func (l *Log) removeSegment(first uint64) error {
	if _, err := l.readRest(part{first, true}); err != nil {
		return err
	}
	if err := l.cfg.FS.Remove(join(l.cfg.Directory, segmentName(first))); err != nil {
		return err
	}
	return l.cfg.FS.SyncDir(l.cfg.Directory)
}

func (l *Log) readRest(p part) (rest, error) {
	v, _, err := parseVerifier(l.keys.verifier)
	if err != nil {
		return rest{}, err
	}
	data, err := l.cfg.FS.ReadFile(join(l.cfg.Directory, p.name()), 0, maxRest)
	if err != nil {
		return rest{}, err
	}
	return parseRest(data, l.keys.id, v)
}

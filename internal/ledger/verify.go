package ledger

import (
	"errors"
	"io/fs"
	"maps"
	"regexp"
	"slices"
)

// maxProblems bounds the problems that a report lists.
const maxProblems = 1000

// LogReport is what VerifyLog found.
type LogReport struct {
	Entries     uint64    `json:"entries"` // whose checksum fits
	Segments    int       `json:"segments"`
	Root        string    `json:"root,omitempty"`        // of the tree over all entries, in base64; empty if damage hides it
	Checkpoint  uint64    `json:"checkpoint"`            // entries that the checkpoint covers
	Witnessed   uint64    `json:"witnessed"`             // entries that the newest checkpoint known to a witness covers
	Key         string    `json:"key"`                   // the public key it was checked with: compare it with a copy kept elsewhere
	Pruned      uint64    `json:"pruned,omitempty"`      // entries of which only hashes are left, as signed notes say
	Lost        uint64    `json:"lost,omitempty"`        // entries that a repair gave up; each is a problem too
	Live        bool      `json:"live,omitempty"`        // a writer was at work
	Quarantined []string  `json:"quarantined,omitempty"` // files with torn tails that earlier starts set aside
	Problems    []Problem `json:"problems"`              // in order; at most 1000
	Unlisted    int       `json:"unlisted,omitempty"`    // problems beyond those
}

// OK says that nothing is wrong.
func (r LogReport) OK() bool { return len(r.Problems) == 0 }

func (r *LogReport) add(p Problem) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, p)
	} else {
		r.Unlisted++
	}
}

// Report is what Verify found.
type Report struct {
	LogReport
	Calls     int      `json:"calls"`                // intents and refusals
	Pieces    int      `json:"pieces,omitempty"`     // of bodies that are kept
	NoOutcome []string `json:"no_outcome,omitempty"` // ids of calls that were forwarded and have no outcome: in flight, or lost in a crash
}

// VerifyLog checks every byte of a log: headers, checksums, chain, indices,
// and the tree against the signed checkpoint. It reads only, needs no lock and
// no private key, and tolerates a writer at work. The error says that the log
// could not be read, not that something is wrong with it.
//
// The log is also held to the checkpoints of witnesses that lie beside it, and
// to those of against.
func VerifyLog(dir string, against ...Witnessed) (LogReport, error) {
	return verify(disk{}, dir, nil, nil, against...)
}

// verify gives entry each sound entry and lets amend add to each problem.
func verify(fsys FS, dir string, entry func(index uint64, payload []byte, r *LogReport), amend func(p *Problem, raw []byte), against ...Witnessed) (LogReport, error) {
	report := LogReport{Problems: []Problem{}}
	key, id, err := readVerifier(fsys, dir)
	if err != nil {
		return report, err
	}
	report.Key, report.Live = key, writerAt(dir)
	s := newScan(id)
	s.key, _, _ = parseVerifier(key) // as it did just now
	s.note = func(r rest) { report.Pruned += r.count(pruned) }
	s.live = report.Live
	s.entry = func(index uint64, payload []byte) {
		report.Entries++
		if entry != nil {
			entry(index, payload, &report)
		}
	}
	s.report = func(p Problem, raw []byte) {
		if amend != nil {
			amend(&p, raw)
		}
		if errors.Is(p.err, errLost) {
			report.Lost += p.Last - p.First + 1
		}
		report.add(p)
	}
	// The checkpoint is read first: what it signed is there when the segments
	// are read.
	if signed, err := readCheckpoint(fsys, dir, key); err != nil {
		report.add(Problem{File: checkpointName, What: err.Error()})
	} else {
		s.signed, report.Checkpoint = signed, signed.size
	}
	if err := s.holdTo(fsys, dir, &report, against); err != nil {
		return report, err
	}
	if err := s.directory(fsys, dir, &report); err != nil {
		return report, err
	}
	s.finish()
	if s.rooted {
		report.Root = s.tree.root().String()
	}
	return report, nil
}

// directory scans every segment.
func (s *scan) directory(fsys FS, dir string, report *LogReport) error {
	found, err := list(fsys, dir)
	if err != nil {
		return err
	}
	report.Segments, report.Quarantined = len(found.segments), found.quarantined
	_, s.loose = found.others[relaxedName]
	for i, p := range found.parts {
		if err := s.part(fsys, dir, p, i == len(found.parts)-1); err != nil {
			return err
		}
	}
	return nil
}

// part scans a segment, or what is left of it: it may have been pruned since
// the directory was listed.
func (s *scan) part(fsys FS, dir string, p part, last bool) error {
	data, err := fsys.ReadFile(join(dir, p.name()), 0, maxRest)
	if errors.Is(err, fs.ErrNotExist) && !p.rest {
		p.rest = true
		data, err = fsys.ReadFile(join(dir, p.name()), 0, maxRest)
	}
	if err != nil {
		return unavailable("cannot read a segment of the log", join(dir, p.name()), err)
	}
	if p.rest {
		s.rest(p.first, data)
	} else {
		s.file(p.first, data, last)
	}
	return nil
}

// Verify is VerifyLog for a ledger: it also reads the records, counts calls,
// and names the calls that problems touch.
func Verify(dir string, against ...Witnessed) (Report, error) {
	var report Report
	calls := map[string]bool{} // forwarded, and still without an outcome
	var last []byte            // id of the last sound record
	entry := func(index uint64, payload []byte, log *LogReport) {
		if isPiece(payload) {
			if _, err := parsePiece(payload); err != nil {
				log.add(Problem{First: index, Last: index, What: err.Error(), Near: string(last)})
			}
			report.Pieces++
			return
		}
		kind, id, ok := sketch(payload)
		if !ok {
			r, err := decodeRecord(payload)
			if err != nil {
				log.add(Problem{First: index, Last: index, What: err.Error(), Call: claimedID(payload), Near: string(last)})
				return
			}
			kind, id = r.Kind, []byte(r.ID)
		}
		last = append(last[:0], id...)
		switch {
		case kind == Outcome && !calls[string(id)] && log.OK() && log.Pruned == 0:
			log.add(Problem{First: index, Last: index, What: "an outcome without an intent before it", Call: string(id)})
		case kind == Intent && calls[string(id)]:
			log.add(Problem{First: index, Last: index, What: "a second intent of one call", Call: string(id)})
		}
		if kind == Outcome {
			delete(calls, string(id))
			return
		}
		if kind == Forgotten {
			return
		}
		report.Calls++
		if kind == Intent {
			calls[string(id)] = true
		}
	}
	amend := func(p *Problem, raw []byte) {
		if p.Call = claimedID(raw); p.Witness == "" || errors.Is(p.err, errUnwound) {
			p.Near = string(last)
		}
	}
	log, err := verify(disk{}, dir, entry, amend, against...)
	report.LogReport = log
	report.NoOutcome = slices.Sorted(maps.Keys(calls))
	return report, err
}

var idField = regexp.MustCompile(`"id":"([0-9a-f-]{36})"`)

// claimedID is the first call id that can be made out in damaged bytes.
func claimedID(raw []byte) string {
	if m := idField.FindSubmatch(raw); m != nil {
		return string(m[1])
	}
	return ""
}

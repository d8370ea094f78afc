package ledger

import (
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
	Key         string    `json:"key"`                   // the public key it was checked with: compare it with a copy kept elsewhere
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
	NoOutcome []string `json:"no_outcome,omitempty"` // ids of calls that were forwarded and have no outcome: in flight, or lost in a crash
}

// VerifyLog checks every byte of a log: headers, checksums, chain, indices,
// and the tree against the signed checkpoint. It reads only, needs no lock and
// no private key, and tolerates a writer at work. The error says that the log
// could not be read, not that something is wrong with it.
func VerifyLog(dir string) (LogReport, error) { return verify(disk{}, dir, nil, nil) }

// verify gives entry each sound entry and lets amend add to each problem.
func verify(fsys FS, dir string, entry func(index uint64, payload []byte, r *LogReport), amend func(p *Problem, raw []byte)) (LogReport, error) {
	report := LogReport{Problems: []Problem{}}
	key, id, err := readVerifier(fsys, dir)
	if err != nil {
		return report, err
	}
	report.Key, report.Live = key, writerAt(dir)
	s := newScan(id)
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
		report.add(p)
	}
	// The checkpoint is read first: what it signed is there when the segments
	// are read.
	if signed, err := readCheckpoint(fsys, dir, key); err != nil {
		report.add(Problem{File: checkpointName, What: err.Error()})
	} else {
		s.signed, report.Checkpoint = signed, signed.size
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
	for i, first := range found.segments {
		path := join(dir, segmentName(first))
		data, err := fsys.ReadFile(path, 0, maxSegFile)
		if err != nil {
			return unavailable("cannot read a segment of the log", path, err)
		}
		s.file(first, data, i == len(found.segments)-1)
	}
	return nil
}

// Verify is VerifyLog for a ledger: it also reads the records, counts calls,
// and names the calls that problems touch.
func Verify(dir string) (Report, error) {
	var report Report
	calls := map[string]bool{} // forwarded, and still without an outcome
	var latest string          // id of the last sound record
	entry := func(index uint64, payload []byte, log *LogReport) {
		r, err := decodeRecord(payload)
		if err != nil {
			log.add(Problem{First: index, Last: index, What: err.Error(), Call: claimedID(payload), Near: latest})
			return
		}
		latest = r.ID
		switch {
		case r.Kind == Outcome && !calls[r.ID] && log.OK():
			log.add(Problem{First: index, Last: index, What: "an outcome without an intent before it", Call: r.ID})
		case r.Kind == Intent && calls[r.ID]:
			log.add(Problem{First: index, Last: index, What: "a second intent of one call", Call: r.ID})
		}
		if r.Kind == Outcome {
			delete(calls, r.ID)
			return
		}
		report.Calls++
		if r.Kind == Intent {
			calls[r.ID] = true
		}
	}
	amend := func(p *Problem, raw []byte) { p.Call, p.Near = claimedID(raw), latest }
	log, err := verify(disk{}, dir, entry, amend)
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

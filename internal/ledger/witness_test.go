package ledger

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

// witnessedLog is a log of ten entries with the checkpoints it had at five and
// at ten.
func witnessedLog(t *testing.T) (dir string, five, ten []byte) {
	t.Helper()
	dir = t.TempDir()
	for i := range 10 {
		if i%5 == 0 {
			l := mustOpen(t, LogConfig{Directory: dir})
			for j := range 5 {
				mustAppend(t, l, fmt.Sprintf("payload %d", i+j))
			}
			mustClose(t, l)
			msg, err := NewestCheckpoint(dir)
			if err != nil {
				t.Fatal(err)
			}
			five, ten = ten, msg
		}
	}
	return dir, five, ten
}

func TestVerifyAgainstWitnesses(t *testing.T) {
	dir, five, ten := witnessedLog(t)
	_, _, foreign := witnessedLog(t)
	for _, c := range []struct {
		name      string
		against   []Witnessed
		witnessed uint64
		says      string // of the one problem; empty for none
	}{
		{"nobody", nil, 0, ""},
		{"older and newest", []Witnessed{{From: "a", Note: ten}, {From: "b", Note: five}}, 10, ""},
		{"older", []Witnessed{{From: "b", Note: five}}, 5, ""},
		{"none where one should be", []Witnessed{{From: "a"}}, 0, "witness a: no checkpoint of this log: another log lies here"},
		{"another log's", []Witnessed{{From: "a", Note: foreign}}, 0, "witness a: no checkpoint of this log: what it has is not signed by this log's key"},
		{"not to be believed", []Witnessed{{From: "a", Note: five, Err: errors.New("not cosigned")}}, 0, "witness a: no checkpoint of this log: not cosigned"},
		{"nonsense", []Witnessed{{From: "a", Note: []byte("x")}}, 0, "not signed by this log's key"},
	} {
		r, err := VerifyLog(dir, c.against...)
		if err != nil || r.Witnessed != c.witnessed {
			t.Errorf("%s: witnessed %d, %v", c.name, r.Witnessed, err)
		}
		switch {
		case c.says == "" && !r.OK():
			t.Errorf("%s: %v", c.name, r.Problems)
		case c.says != "" && (len(r.Problems) != 1 || !strings.Contains(r.Problems[0].String(), c.says)):
			t.Errorf("%s: %v", c.name, r.Problems)
		}
	}
}

// TestVerifyChecksWhatLiesBeside finds the rollback without being told of a
// witness, by the cosigned checkpoint that the forger left.
func TestVerifyChecksWhatLiesBeside(t *testing.T) {
	dir, five, ten := witnessedLog(t)
	kept := join(dir, witnessedPrefix+"0000abcd")
	write := func(path string, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(kept+temporary, []byte("half of one"))
	write(kept, ten)
	if r, err := VerifyLog(dir); err != nil || !r.OK() || r.Witnessed != 10 {
		t.Fatalf("%+v, %v", r, err)
	}
	// Put back to five entries: each Append above made a block of its own.
	segment := join(dir, segmentName(0))
	data, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	write(segment, data[:strings.Index(string(data), "payload 5")-blockHeader-entryHeader])
	write(join(dir, checkpointName), five)
	r, err := VerifyLog(dir)
	if err != nil || len(r.Problems) != 2 || r.Problems[1].First != 5 || r.Problems[1].Last != 9 || r.Problems[1].err != errUnwound ||
		!strings.HasPrefix(r.Problems[1].String(), "witness checkpoint.witnessed-0000abcd: entries 5–9: missing") {
		t.Errorf("%v, %v", r.Problems, err)
	}
	if r.Problems[0].First != 0 || r.Problems[0].Last != 4 || r.Problems[0].err != errUnheld {
		t.Errorf("%v", r.Problems)
	}
	for i := range maxWitnessed {
		write(join(dir, fmt.Sprintf("%s%08x", witnessedPrefix, i)), ten)
	}
	if _, err := VerifyLog(dir); fault.KindOf(err) != fault.Invalid {
		t.Errorf("with too many of them: %v", err)
	}
}

func TestOpenCheckpointBounds(t *testing.T) {
	dir, _, ten := witnessedLog(t)
	v, err := Verifier(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := OpenCheckpoint(ten, v); err != nil || c.Size != 10 || c.Log.Name != v.Name() {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := OpenCheckpoint(append(ten, make([]byte, MaxCheckpoint)...), v); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("too large: %v", err)
	}
}

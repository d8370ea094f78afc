package ledger

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// Problem is one thing wrong with a log, and the entries that it touches.
type Problem struct {
	First    uint64 `json:"first"`          // index of the first entry concerned
	Last     uint64 `json:"last"`           // index of the last; First if it is one entry
	File     string `json:"file,omitempty"` // name of the segment, or of the checkpoint; empty if it is no one file's fault
	Offset   int64  `json:"offset"`         // in File, of the first byte concerned
	What     string `json:"what"`
	Torn     bool   `json:"torn,omitempty"`     // at the log's very end, as a crash leaves it: perhaps never acknowledged
	Repaired bool   `json:"repaired,omitempty"` // a repair has recorded it: nothing more is to be done
	Call     string `json:"call,omitempty"`     // id of the call, as the damaged bytes still read
	Near     string `json:"near,omitempty"`     // where Call is empty: the call of the last sound entry before

	Witness string `json:"witness,omitempty"` // whose checkpoint the log does not fit

	err error
}

func (p Problem) worded() Problem { p.What = p.err.Error(); return p }

// String is the problem in one line. It is safe to print.
func (p Problem) String() string {
	var b strings.Builder
	if p.File == checkpointName { // which is about no entry more than another
		return p.File + ": " + p.What
	}
	if p.Witness != "" {
		b.WriteString("witness " + printable(p.Witness) + ": ")
	}
	if errors.Is(p.err, errWitness) { // nor is this
		return b.String() + p.What
	}
	if p.File != "" {
		fmt.Fprintf(&b, "%s, byte %d: ", p.File, p.Offset)
	}
	b.WriteString(p.entries())
	switch {
	case p.Call != "":
		b.WriteString(" (call " + printable(p.Call) + ")")
	case p.Near != "":
		b.WriteString(" (next after call " + printable(p.Near) + ")")
	}
	b.WriteString(": " + p.What)
	if p.Torn {
		b.WriteString("; a crash can leave this at the end of a log, and the writer's next start sets it aside")
	}
	return b.String()
}

func (p Problem) entries() string {
	if p.Last == p.First {
		return fmt.Sprintf("entry %d", p.First)
	}
	return fmt.Sprintf("entries %d–%d", p.First, p.Last)
}

// refusal is why a log with this problem cannot be used.
func (p Problem) refusal(dir string) error {
	where := dir
	if p.File != "" {
		where = fmt.Sprintf("%s, byte %d", join(dir, p.File), p.Offset)
	}
	switch {
	case errors.Is(p.err, errVersion):
		return fault.New(fault.Invalid, p.What).At(where).Fix("use the build that wrote it, or a newer one")
	case errors.Is(p.err, errMagic), errors.Is(p.err, errForeign):
		return fault.New(fault.Invalid, p.What).At(where).Fix("move the file out of the log's directory")
	}
	return fault.New(fault.Unavailable, "the log cannot be used: "+p.entries()+": "+p.What).At(where).
		Fix("keep every file, see what ledger verify says, and restore the segment from a copy; or set the damage aside for good with ledger repair")
}

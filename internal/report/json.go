package report

import (
	"bufio"
	_ "embed" // for the schema
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
)

// Version of the JSON form that this build writes and reads.
const Version = 1

// readMax bounds what Read takes, in bytes.
const readMax = 512 << 20

// Schema is the JSON Schema (2020-12) of what JSON writes.
//
//go:embed schema.json
var Schema string

// JSON writes r whole, indented, in stable order, as Schema says.
func JSON(w io.Writer, r posture.Report) error { return writeJSON(w, normal(r)) }

func writeJSON(w io.Writer, v any) error {
	in := &indenter{to: bufio.NewWriterSize(w, 64<<10)}
	enc := json.NewEncoder(in)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return in.to.Flush()
}

// Read takes back what JSON wrote. It refuses more than 512 MiB, an unknown
// field or status, and another version: a difference that rests on a report
// half understood would be worth nothing.
func Read(from io.Reader) (posture.Report, error) { return read(from, readMax) }

func read(from io.Reader, most int64) (posture.Report, error) {
	bounded := &io.LimitedReader{R: from, N: most + 1}
	dec := json.NewDecoder(bounded)
	dec.DisallowUnknownFields()
	var r posture.Report
	if err := dec.Decode(&r); err != nil {
		return r, unreadable(bounded, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return r, unreadable(bounded, errors.New("something stands after the report"))
	}
	return r, check(r)
}

func unreadable(bounded *io.LimitedReader, err error) error {
	if bounded.N <= 0 {
		return fault.New(fault.TooLarge, "the report is larger than 512 MiB").Fix("give a report of fewer accounts")
	}
	return fault.New(fault.Invalid, "this is no report of verify").Fix("give a file that verify --format json wrote").Because(err)
}

func check(r posture.Report) error {
	if r.Version != Version {
		return fault.New(fault.Invalid, fmt.Sprintf("the report has version %d, and this build reads version %d", r.Version, Version)).At("version").Fix("write it again with this build")
	}
	switch r.Verdict {
	case posture.Private, posture.Open, posture.Undecided:
	default:
		return fault.New(fault.Invalid, "the report has no verdict that this build knows").At("verdict")
	}
	for i, f := range r.Findings {
		if f.Status != posture.Fail && f.Status != posture.Unknown && f.Status != posture.Pass {
			return fault.New(fault.Invalid, "the finding has no status that this build knows").At(fmt.Sprintf("findings[%d].status", i))
		}
	}
	for i, reached := range r.Reached {
		for j, s := range reached.Sources {
			if s.Status != posture.Fail && s.Status != posture.Unknown && s.Status != posture.Pass {
				return fault.New(fault.Invalid, "the source has no status that this build knows").At(fmt.Sprintf("reached[%d].sources[%d].status", i, j))
			}
		}
	}
	return nil
}

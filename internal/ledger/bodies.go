package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
	"github.com/ostiary/ostiary/internal/secret"
)

// maxOpened bounds the pieces of one call that are read back, in bytes.
const maxOpened = 1 << 30

// Kept is what a ledger keeps of a call.
type Kept struct {
	Index    uint64 // of the record that the call begins with
	Call     *Call
	Result   *Result // nil if there is no outcome
	Request  KeptBody
	Response KeptBody
}

// KeptBody is a body that was read back.
type KeptBody struct {
	Body    Body   // as recorded
	Content []byte // nil if Err
	Checked bool   // against the commitment
	Partial bool   // the call has no outcome, and this is what had come of its answer
	Err     error  // why there is no content: fault.NotFound if it was not kept or its subject is forgotten, fault.Denied for a wrong identity, fault.Unavailable for damage
}

// OpenCall reads back a call and its bodies, with an auditor's identity; nil
// opens only what is kept in clear. It takes no lock. The error says that the
// call could not be read, or is not there; what is wrong with one body is in
// its Err.
func OpenCall(dir, id string, identity *seal.Identity) (Kept, error) {
	a, err := findCall(dir, id)
	if err != nil {
		return Kept{}, err
	}
	keys := func(subject pseudonym, key seal.KeyID) (*seal.Key, error) {
		return auditorKey(dir, a.index, subject, key, identity)
	}
	k := Kept{Index: a.index, Call: a.call, Result: a.result}
	salt, err := readCommitmentKey(disk{}, dir)
	if err != nil {
		salt = secret.String{} // an auditor's copy may be without
	}
	open := func(part Part, body Body, partial bool) KeptBody {
		content, checked, err := a.open(part, body, partial, keys, salt)
		return KeptBody{Body: body, Content: content, Checked: checked, Partial: partial && content != nil, Err: err}
	}
	if a.call != nil {
		k.Request = open(Request, a.request(), false)
	}
	if a.result != nil {
		k.Response = open(Response, a.result.Response, false)
	} else {
		k.Response = open(Response, Body{}, true)
	}
	return k, nil
}

// OpenBody opens one body of a call that has ended with what this process
// itself can still read: keys in memory, and those that BodyConfig.ReadBack
// keeps. Its faults are those of KeptBody.
func (l *Ledger) OpenBody(id string, part Part) ([]byte, error) {
	a, err := findCall(l.log.cfg.Directory, id)
	if err != nil {
		return nil, err
	}
	var body Body
	switch {
	case part == Request && a.call != nil:
		body = a.request()
	case part == Response && a.result != nil:
		body = a.result.Response
	default:
		return nil, fault.New(fault.NotFound, "the call has not come to this body yet").At("call " + id)
	}
	content, _, err := a.open(part, body, false, l.ring.key, l.key)
	return content, err
}

// OpenPieces opens a body whose pieces, entries of the log, were collected in
// the log's order, with what this process can still read. Pieces of a stream
// that was given up may stand before them.
func (l *Ledger) OpenPieces(payloads [][]byte) ([]byte, error) {
	a := &assembly{log: l.log.keys.id, parts: map[Part][]*strand{}}
	for _, p := range payloads {
		if err := a.add(p); err != nil {
			return nil, err
		}
	}
	for _, strands := range a.parts {
		if s := strands[len(strands)-1]; s.whole() {
			return s.open(a.log, l.ring.key)
		}
	}
	return nil, damagedBody(a.id, errCutOff)
}

// keySource finds the key of a body; its errors are faults.
type keySource func(subject pseudonym, id seal.KeyID) (*seal.Key, error)

// auditorKey unwraps a key with an auditor's identity.
func auditorKey(dir string, from uint64, subject pseudonym, id seal.KeyID, identity *seal.Identity) (*seal.Key, error) {
	if identity == nil {
		return nil, fault.New(fault.Denied, "the body is sealed").Fix("name the file of an auditor's identity with --identity")
	}
	where := subjectDir(dir, subject)
	f, err := readKeyFile(disk{}, dir, subject, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missingKey(dir, from, subject, where)
	}
	if err != nil {
		return nil, err
	}
	key, err := f.open(*identity)
	if errors.Is(err, seal.ErrNotRecipient) {
		all, _ := seal.Recipients(f.wraps)
		return nil, fault.New(fault.Denied, fmt.Sprintf("the body is sealed to others than this identity, whose recipient is %s: to %s",
			identity.Recipient().ID(), joined(all))).At(join(where, f.name())).Fix("use the identity of one of them")
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the body's key does not open").At(join(where, f.name())).Fix("restore the file from a copy").Because(err)
	}
	return key, nil
}

func joined(ids []seal.RecipientID) (s string) {
	for i, id := range ids {
		if i > 0 {
			s += ", "
		}
		s += id.String()
	}
	return s
}

// missingKey tells a subject that was forgotten from a file that was lost.
func missingKey(dir string, from uint64, subject pseudonym, where string) error {
	var at time.Time
	err := Read(dir, from, func(_ uint64, r Record) error {
		if r.Kind == Forgotten && r.Forget.Subject == subject.String() {
			at = r.Time
		}
		return nil
	})
	if err == nil && at.IsZero() && Restored(dir) {
		return fault.New(fault.NotFound, "the body's key is gone, and nothing opens it: its subject was forgotten when nobody could write to this log any more").At(where)
	}
	if err == nil && at.IsZero() {
		return fault.New(fault.Unavailable, "the file of the body's key is missing, and no record says that its subject was forgotten").
			At(where).Fix("restore the ledger's keys from a copy")
	}
	if err != nil {
		return err
	}
	return fault.New(fault.NotFound, "the subject was forgotten on "+at.UTC().Format(time.RFC3339)+": the body's key was destroyed, and nothing opens it")
}

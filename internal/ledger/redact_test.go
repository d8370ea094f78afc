package ledger

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

// Rules change what is kept and not what is committed to, wherever the answer
// is divided.
func TestRedaction(t *testing.T) {
	dir, who := t.TempDir(), newIdentity(t)
	l := sealedTo(t, dir, BodyConfig{Redact: []Redaction{
		{Name: "mail", Pattern: `[a-z]+@[a-z.]+`},
		{Name: "number", Pattern: `\b\d{4}-\d{4}\b`, Replacement: "$0****"},
	}}, who)
	const body, want = "to some@example.org: 1234-5678, 12345-678", "to [mail]: $0****, 12345-678"
	for n := 1; n < len(body); n += 5 {
		id := record(t, l, full("somebody"), []byte(body), []byte(body), n)
		k, err := OpenCall(dir, id, &who)
		if err != nil || string(k.Request.Content) != want || string(k.Response.Content) != want {
			t.Fatalf("%v: %q, %q", err, k.Request.Content, k.Response.Content)
		}
		if b := k.Response.Body; !b.Redacted || b.Bytes != int64(len(body)) || b.Commitment == "" || k.Response.Checked {
			t.Errorf("%+v", k.Response)
		}
		matches, err := FindBody(dir, []byte(body))
		if err != nil || len(matches) == 0 {
			t.Errorf("the commitment is not over what was sent: %v", err)
		}
	}
	id := record(t, l, full("somebody"), []byte("nothing to take out"), nil, 1)
	if k, err := OpenCall(dir, id, &who); err != nil || k.Request.Body.Redacted || !k.Request.Checked {
		t.Errorf("%v: %+v", err, k.Request)
	}
	if found := search(t, dir, "some@example"); len(found) > 0 {
		t.Errorf("on the disk: %q", found)
	}
	soundLedger(t, dir)
}

// A body that is too long for redaction, or that redaction makes too long, is
// not kept at all, and the record says so.
func TestRedactionFailsClosed(t *testing.T) {
	dir, who := t.TempDir(), newIdentity(t)
	l := sealedTo(t, dir, BodyConfig{Redact: []Redaction{{Name: "x", Pattern: `x`, Replacement: strings.Repeat("y", 200)}}}, who)
	for name, body := range map[string][]byte{
		"too long": bytes.Repeat([]byte("long"), redactLimit/4+1),
		"grows":    bytes.Repeat([]byte("x"), redactLimit/100),
	} {
		id := record(t, l, full("somebody"), []byte("question"), body, 1<<20)
		k, err := OpenCall(dir, id, &who)
		if err != nil || k.Request.Err != nil {
			t.Fatal(name, err, k.Request.Err)
		}
		if b := k.Response.Body; fault.KindOf(k.Response.Err) != fault.NotFound || b.Omitted != OmittedUnredacted || b.Pieces != 0 || b.Bytes != int64(len(body)) {
			t.Errorf("%s: %+v", name, k.Response)
		}
	}
	w := l.Body(l.NewID(), Request, full("somebody"))
	for range redactLimit/pieceSize + 1 {
		_, _ = w.Write(random(pieceSize))
	}
	if w.kept.buf != nil {
		t.Errorf("a body that will not be kept holds %d bytes of memory", cap(w.kept.buf))
	}
	if l.Len() != 6 { // two requests and four records
		t.Errorf("%d entries", l.Len())
	}
}

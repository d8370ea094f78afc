package ledger

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// restNote is the signed statement why entries of a log are gone:
//
//	ostiary/log/<log id in hex>/rest
//	entries <first> <end>            from first to before end
//	root <base64>                    of the tree of end entries
//	chain <base64>                   after them
//	content <base64>                 SHA-256 of the rest behind the note
//	time <UTC, to the second>
//	pruned: <why>                    or: repaired: damaged[; pruned: <why>]
//	instead of <size> <root>         only where a repair replaced a checkpoint
//
// Its first line is no checkpoint's, so that neither passes for the other.
type restNote struct {
	first, end        uint64
	root, chain, body tlog.Hash
	at                time.Time
	why               string
	replaced          *checkpoint // which the tree after a repair does not fit
}

func (n restNote) pruned() bool { return strings.Contains(n.why, whyPruned) }

func (n restNote) repaired() bool { return strings.HasPrefix(n.why, whyRepaired) }

func (n restNote) text(origin string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\nentries %d %d\nroot %s\nchain %s\ncontent %s\ntime %s\n%s\n", origin, restTitle,
		n.first, n.end, n.root, n.chain, n.body, n.at.UTC().Format(timeLayout), n.why)
	if n.replaced != nil {
		fmt.Fprintf(&b, "instead of %d %s\n", n.replaced.size, n.replaced.root)
	}
	return b.String()
}

// reasoned says whether the reason is one that there is.
func (n restNote) reasoned() bool {
	why, found := strings.CutPrefix(n.why, whyRepaired)
	return found && why == "" || strings.HasPrefix(strings.TrimPrefix(why, "; "), whyPruned)
}

func (n restNote) sign(signer note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: n.text(signer.Name())}, signer)
}

// openRestNote reads a note that v's key signed, in its one spelling.
func openRestNote(msg []byte, v note.Verifier) (restNote, error) {
	signed, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return restNote{}, fmt.Errorf("%w: %w", errRestNote, err)
	}
	lines := strings.Split(strings.TrimSuffix(signed.Text, "\n"), "\n")
	if len(lines) < 7 || len(lines) > 8 {
		return restNote{}, errRestNote
	}
	p := noteParser{lines: lines[1:]}
	var n restNote
	entries := strings.SplitN(p.field("entries"), " ", 2)
	n.first, n.end = p.number(entries[0]), p.number(entries[len(entries)-1])
	n.root, n.chain, n.body = p.hash(p.field("root")), p.hash(p.field("chain")), p.hash(p.field("content"))
	n.at = p.time(p.field("time"))
	n.why = p.lines[0]
	if len(lines) == 8 {
		size, root, _ := strings.Cut(strings.TrimPrefix(lines[7], "instead of "), " ")
		n.replaced = &checkpoint{size: p.number(size), root: p.hash(root)}
	}
	if p.bad || n.first >= n.end || n.text(v.Name()) != signed.Text || !n.reasoned() {
		return restNote{}, errRestNote
	}
	return n, nil
}

// noteParser takes lines apart and remembers whether one was unfit.
type noteParser struct {
	lines []string
	bad   bool
}

func (p *noteParser) field(name string) string {
	value, ok := strings.CutPrefix(p.lines[0], name+" ")
	p.lines, p.bad = p.lines[1:], p.bad || !ok
	return value
}

func (p *noteParser) number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	p.bad = p.bad || err != nil || n > maxIndex
	return n
}

func (p *noteParser) hash(s string) (h tlog.Hash) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(raw) != len(h) {
		p.bad = true
		return h
	}
	return tlog.Hash(raw)
}

func (p *noteParser) time(s string) time.Time {
	t, err := time.Parse(timeLayout, s)
	p.bad = p.bad || err != nil
	return t
}

package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

type ledgerOpenCmd struct {
	Dir      string `arg:"" help:"The ledger's directory, or a copy of it."`
	ID       string `arg:"" help:"The call's id, as in x-ostiary-call-id."`
	Identity string `placeholder:"FILE" help:"The auditor's secret identity; not needed for bodies that are kept in clear."`
	Part     string `enum:",request,response" default:"" help:"Only the request or the response."`
	Out      string `placeholder:"FILE" help:"Write the part, byte for byte, to this new file; - is the standard output."`
}

// Help is shown by --help.
func (*ledgerOpenCmd) Help() string {
	return `Shows the bodies of a call that were kept. Bytes that a terminal would act on are
shown escaped; --part and --out give the very bytes. Reading takes no lock and
changes nothing.

A body is "checked" if it fits the commitment in its record, which takes the
ledger's commitment key; that its pieces are whole and in order is always
checked.

Examples:
  ostiary ledger open /var/lib/ostiary/ledger --identity auditor.identity 01997d5e-…
  ostiary ledger open /var/lib/ostiary/ledger --identity auditor.identity 01997d5e-… --part response --out answer.json`
}

// Validate is called by kong.
func (c *ledgerOpenCmd) Validate() error {
	if c.Out != "" && c.Part == "" {
		return fault.New(fault.Invalid, "--out takes one body").Fix("add --part request or --part response")
	}
	return nil
}

// Run opens.
func (c *ledgerOpenCmd) Run(env *node.Env) error {
	identity, err := readIdentity(c.Identity)
	if err != nil {
		return err
	}
	call, err := ledger.OpenCall(c.Dir, c.ID, identity)
	if err != nil {
		return err
	}
	if c.Out != "" {
		body := call.Request
		if c.Part == string(ledger.Response) {
			body = call.Response
		}
		if body.Err != nil {
			return body.Err
		}
		return c.write(env.Out, body.Content)
	}
	return c.show(env.Out, call)
}

func (c *ledgerOpenCmd) write(out io.Writer, content []byte) error {
	if c.Out != "-" {
		return writeSecret(c.Out, string(content))
	}
	_, err := out.Write(content)
	return err
}

// show prints headings and bodies. If none of those asked for can be shown,
// its error is the first one's.
func (c *ledgerOpenCmd) show(out io.Writer, call ledger.Kept) error {
	var failed error
	shown := 0
	record := ledger.Record{Kind: ledger.Refusal, ID: c.ID, Call: call.Call, Result: call.Result}
	_, _ = fmt.Fprintln(out, ledger.Line(record))
	for _, p := range []struct {
		part ledger.Part
		body ledger.KeptBody
	}{{ledger.Request, call.Request}, {ledger.Response, call.Response}} {
		if c.Part != "" && c.Part != string(p.part) {
			continue
		}
		if p.body.Err != nil {
			if failed == nil {
				failed = p.body.Err
			}
			_, _ = fmt.Fprintf(out, "\n== %s: %s\n", p.part, fault.PublicText(p.body.Err))
			continue
		}
		shown++
		if _, err := fmt.Fprintf(out, "\n== %s, %s\n%s\n", p.part, describeBody(p.body), visible(p.body.Content)); err != nil {
			return err
		}
	}
	if damaged := fault.KindOf(failed) == fault.Unavailable; shown > 0 && !damaged {
		return nil
	}
	return failed
}

func describeBody(b ledger.KeptBody) string {
	what := strconv.Itoa(len(b.Content)) + " bytes"
	switch {
	case b.Partial:
		what += ", all that had come when the call was cut off or this was read"
	case b.Body.Redacted:
		what += ", redacted"
	case b.Checked:
		what += ", checked against its commitment"
	default:
		what += ", not checked against its commitment: the key is not here"
	}
	return what
}

// visible shows text as it is, and escapes what else a terminal would act on.
func visible(content []byte) string {
	var b strings.Builder
	for len(content) > 0 {
		r, n := utf8.DecodeRune(content)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, content[0])
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		content = content[n:]
	}
	return b.String()
}

package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/ledger"
)

// narrator says in plain lines what happens; with JSON it is silent until the
// end.
type narrator struct {
	out    io.Writer
	silent bool
}

func (n narrator) say(format string, args ...any) {
	if !n.silent {
		_, _ = fmt.Fprintf(n.out, format, args...)
	}
}

func (n narrator) started(w *World) {
	what := "a real model"
	if w.Emulated {
		what = "Azure OpenAI, emulated, public access off"
	}
	n.say("Ostiary on loopback: every part on its own socket, every member by its own ticket\n\n")
	n.say("  owner company     model      %s   %s\n", w.OutsideURL, what)
	n.say("                    gateway    %s   for the owner's own people\n", w.GatewayURL)
	n.say("                    outlet     dials out, listens nowhere\n")
	n.say("  internet          relay      %s   joins the two, reads nothing\n", w.Addresses["relay"])
	n.say("                    authority  %s   tickets and certificates\n", w.Addresses["authority"])
	n.say("  consumer company  inlet      %s   for the consumer's clients\n\n", w.InletURL)
}

func (n narrator) outside(w *World, o outcome) {
	switch {
	case o.Status == 0:
		n.say("proved  from the internet: no connection\n")
	case w.Emulated:
		n.say("proved  from the internet, with the model's own key: %d %q\n", o.Status, o.Error)
	default:
		n.say("seen    directly, without a credential: %d %q\n", o.Status, o.Error)
	}
}

func (n narrator) question(text string) { n.say("\n> %s\n\n", text) }

func (n narrator) token(text string) { n.say("%s", text) }

func (n narrator) proved(w *World, o outcome, e Entry, r ledger.Report) {
	n.say("\n\n")
	if o.Status != 200 {
		n.say("FAILED  through the portal: %d %s\n", o.Status, o.Error)
		return
	}
	n.say("proved  through the portal: %d, streamed; the client held no key, the member's certificate was enough\n", o.Status)
	if e.Intent == nil || e.Outcome == nil {
		n.say("FAILED  the ledger has no whole record of call %s\n", o.CallID)
		return
	}
	whole := *e.Intent
	whole.Result = e.Outcome.Result
	n.say("proved  in the ledger: %s\n", ledger.Line(whole))
	if r.OK() {
		n.say("proved  the ledger verifies: %d entries, root %s\n", r.Entries, r.Root)
	} else {
		n.say("FAILED  the ledger does not verify: %v\n", r.Problems)
	}
}

func (n narrator) staying(w *World) {
	n.say(`
It stays up until Ctrl-C. Ask it yourself, from the consumer's network:

  curl --cacert %s %s/openai/v1/chat/completions \
    -H 'Content-Type: application/json' \
    -d '{"model":"%s","messages":[{"role":"user","content":"What is a private endpoint?"}]}'

or point any OpenAI client at %s/openai/v1 with any key. Then look:

  ostiary ledger tail %s
  %s/*.yaml are the configuration files it runs from
`, w.CAFile, w.InletURL, w.Model, w.InletURL, filepath.Join(w.Dir, "ledger"), w.Dir)
}

func (n narrator) json(r Result) error { return json.NewEncoder(n.out).Encode(r) }

// recorded finds a call in the ledger and verifies the whole of it, while the
// gateway goes on writing.
func (w *World) recorded(id string) (Entry, ledger.Report, error) {
	dir := filepath.Join(w.Dir, "ledger")
	var e Entry
	err := ledger.Read(dir, 0, func(_ uint64, r ledger.Record) error {
		switch {
		case r.ID != id:
		case r.Kind == ledger.Outcome:
			e.Outcome = &r
		default:
			e.Intent = &r
		}
		return nil
	})
	if err != nil {
		return e, ledger.Report{}, err
	}
	report, err := ledger.Verify(dir)
	return e, report, err
}

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
	if w.ChatURL != "" {
		n.say("  Ask in a browser: %s   (sign in as Sample Person One)\n\n", w.ChatURL)
	}
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
	n.sealed(e.Bodies)
	if r.OK() {
		n.say("proved  the ledger verifies: %d entries, root %s\n", r.Entries, r.Root)
	} else {
		n.say("FAILED  the ledger does not verify: %v\n", r.Problems)
	}
}

// sealed says whether the auditor, and nobody else, can read what was said.
func (n narrator) sealed(b Bodies) {
	if b.Without != "" || b.Request == 0 || b.Response == 0 {
		n.say("FAILED  the prompt is not sealed to the auditor alone: %d and %d bytes opened, %s\n", b.Request, b.Response, b.Without)
		return
	}
	n.say("proved  prompt and answer are sealed: the auditor's key opens %d and %d bytes, and nothing opens without it\n", b.Request, b.Response)
}

func (n narrator) staying(w *World, id string) {
	if w.ChatURL != "" {
		n.say("\nThe chat of the owner's own people: %s\n", w.ChatURL)
	}
	n.say(`
It stays up until Ctrl-C. Ask it yourself, from the consumer's network:

  curl --cacert %[1]s %[2]s/openai/v1/chat/completions \
    -H 'Content-Type: application/json' \
    -d '{"model":"%[3]s","messages":[{"role":"user","content":"What is a private endpoint?"}]}'

or point any OpenAI client at %[2]s/openai/v1 with any key. Then look:

  ostiary ledger tail %[4]s
  ostiary ledger query --db %[5]s/calls.db --sum-by workload,model
  ostiary ledger open %[4]s %[7]s --identity %[6]s
  %[5]s/*.yaml are the configuration files it runs from
`, w.CAFile, w.InletURL, w.Model, filepath.Join(w.Dir, "ledger"), w.Dir, w.AuditorFile, id)
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
	if e.Bodies, err = w.opened(dir, id); err != nil {
		return e, ledger.Report{}, err
	}
	report, err := ledger.Verify(dir)
	return e, report, err
}

// opened reads the bodies of a call as the auditor, and tries to without.
func (w *World) opened(dir, id string) (Bodies, error) {
	kept, err := ledger.OpenCall(dir, id, &w.identity)
	if err != nil {
		return Bodies{}, err
	}
	b := Bodies{Request: len(kept.Request.Content), Response: len(kept.Response.Content)}
	stranger, err := ledger.OpenCall(dir, id, nil)
	if err != nil {
		return b, err
	}
	if stranger.Request.Err == nil || stranger.Response.Err == nil {
		b.Without = "a body opens without a key"
	}
	return b, nil
}

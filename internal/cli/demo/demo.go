// Package demo runs the whole of Ostiary on loopback, with real sockets: two
// companies, a blind relay between them, and one question from a client of the
// one to a private model of the other. Every service starts from a
// configuration file, every member from a ticket, as it would anywhere else.
package demo

import (
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// Options are the flags of `ostiary demo`.
type Options struct {
	Ask      string
	Once     bool
	JSON     bool
	State    string // directory; empty means a temporary one, removed at the end
	Upstream string // a real model's URL in place of the emulator
	Model    string // deployment or model to ask; empty means the emulator's gpt-4o-mini
}

// Result is what --json prints.
type Result struct {
	Answer        string         `json:"answer"`
	StatusOutside int            `json:"status_outside"` // 0: no connection
	StatusInside  int            `json:"status_inside"`
	LedgerEntry   Entry          `json:"ledger_entry"`
	Timings       map[string]int `json:"timings_ms"`
}

// Entry is a call as the ledger has it.
type Entry struct {
	Intent  *ledger.Record `json:"intent"`
	Outcome *ledger.Record `json:"outcome"`
	Bodies  Bodies         `json:"bodies"`
}

// Bodies is what the auditor's identity opens of a call's bodies, in bytes.
type Bodies struct {
	Request  int    `json:"request"`
	Response int    `json:"response"`
	Without  string `json:"without,omitempty"` // what opened without it, if anything did
}

// Run starts everything, asks, says what was proved, and stays until the
// context ends, unless it is to run once.
func Run(env *node.Env, o Options) error {
	start := time.Now()
	timings := map[string]int{}
	since := func(name string, from time.Time) { timings[name] = int(time.Since(from).Milliseconds()) }

	w, err := Start(env, o)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }() // the ways out below report its error themselves
	since("start", start)

	say := narrator{env.Out, o.JSON}
	say.started(w)
	outside := w.askOutside(env.Ctx)
	since("outside", start)
	say.outside(w, outside)

	asked := time.Now()
	answer, err := w.ask(env.Ctx, o.Ask, func(token string) {
		if _, ok := timings["first_token"]; !ok {
			since("first_token", asked)
			say.question(o.Ask)
		}
		say.token(token)
	})
	if err != nil {
		return err
	}
	since("answer", asked)
	entry, report, err := w.recorded(answer.CallID)
	if err != nil {
		return err
	}
	since("total", start)
	say.proved(w, answer, entry, report)
	if o.JSON {
		if err := say.json(Result{answer.Text, outside.Status, answer.Status, entry, timings}); err != nil {
			return err
		}
	}
	if answer.Status != 200 {
		return fault.New(fault.Upstream, "the question was not answered: "+answer.Error)
	}
	if o.Once {
		return w.Close()
	}
	say.staying(w, answer.CallID)
	<-env.Ctx.Done()
	return w.Close()
}

package cli

import (
	"encoding/json"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/sink"
)

// selected is tail with flags that select calls. It reads the log from its
// beginning, because the latest calls that are wanted may lie anywhere.
func (c *ledgerTailCmd) selected(env *node.Env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	var calls ledger.Calls
	var latest []ledger.Record // at most twice as many as are wanted
	lines := min(c.Lines, 1<<30)
	var next uint64
	keep := func(whole ledger.Record) {
		if latest = append(latest, whole); uint64(len(latest)) > 2*lines {
			latest = latest[uint64(len(latest))-lines:]
		}
	}
	matching := func(r ledger.Record) (ledger.Record, bool) {
		whole, ok := calls.Add(r)
		return whole, ok && matches(f, whole)
	}
	err = ledger.Read(c.Dir, 0, func(index uint64, r ledger.Record) error {
		next = index + 1
		if whole, ok := matching(r); ok {
			keep(whole)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !c.Follow {
		for _, r := range calls.NoOutcome() {
			if matches(f, r) {
				keep(r)
			}
		}
	}
	for _, whole := range latest[uint64(len(latest))-min(lines, uint64(len(latest))):] {
		if err := c.show(env, whole); err != nil {
			return err
		}
	}
	if !c.Follow {
		return nil
	}
	return ledger.Follow(env.Ctx, c.Dir, next, 0, func(_ uint64, r ledger.Record) error {
		if whole, ok := matching(r); ok {
			return c.show(env, whole)
		}
		return nil
	})
}

func matches(f sink.Filter, whole ledger.Record) bool {
	e := sink.NewEntry("", 0, 0, whole)
	return f.Match(&e)
}

func (c *ledgerTailCmd) show(env *node.Env, whole ledger.Record) error {
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(whole)
	}
	return c.print(env, whole)
}

package provision

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/ostiary/ostiary/internal/fault"
)

// A resource that was being made when a run ended may stand in Azure and in no
// state: the provider had asked for it and did not wait for the answer. The next
// run then meets it as one that already exists. Such a resource is taken into
// the state if an earlier run of ours began to make it at that address, and only
// then: what others made stays theirs.

// unfinished are the addresses whose creation was begun and is not known to have
// ended, kept in a file as they change, so that a machine that is lost leaves
// them too.
type unfinished struct {
	file   string
	before map[string]bool // of earlier runs
	now    map[string]bool
}

func (w workspace) unfinished(stack string) *unfinished {
	u := &unfinished{file: filepath.Join(string(w), stack+".unfinished.json"), before: map[string]bool{}, now: map[string]bool{}}
	var all []string
	if data, err := os.ReadFile(u.file); err == nil && json.Unmarshal(data, &all) == nil {
		for _, address := range all {
			u.before[address] = true
		}
	}
	return u
}

func (u *unfinished) begin(address string) { u.now[address] = true; u.write() }

func (u *unfinished) end(address string) {
	delete(u.now, address)
	delete(u.before, address)
	u.write()
}

// write keeps the list. Where it cannot, a later run says that the resource
// exists, and no more is lost than that.
func (u *unfinished) write() {
	all := maps.Clone(u.before)
	maps.Copy(all, u.now)
	if len(all) == 0 {
		_ = os.Remove(u.file)
		return
	}
	if data, err := json.Marshal(slices.Sorted(maps.Keys(all))); err == nil {
		_ = replace(u.file, data)
	}
}

func (u *unfinished) clear() {
	clear(u.before)
	clear(u.now)
	u.write()
}

// The provider's words for a resource that exists: its own, with the id for an
// import, and those of Azure about role assignments, with 32 hexadecimal digits.
var (
	existsByID = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`resource with the ID "([^"]{1,1000})" already exists`)
	})
	existsByRole = regexp.MustCompile(`existing role assignment is ([0-9a-f]{32})`)
)

// existing is what a diagnostic says exists: an id, or the name of a role
// assignment.
func existing(said string) (id, role string) {
	if m := existsByID().FindStringSubmatch(said); m != nil {
		return m[1], ""
	}
	if m := existsByRole.FindStringSubmatch(said); m != nil {
		g := m[1]
		return "", strings.Join([]string{g[:8], g[8:12], g[12:16], g[16:20], g[20:]}, "-")
	}
	return "", ""
}

// applyPlan applies what was shown, and nothing else. Where an earlier run's
// unfinished resources are in the way they are adopted, and what is left is
// planned, judged and applied anew.
func (d *Deployment) applyPlan(ctx context.Context, t *tool, p Plan) error {
	const rounds = 3 // resources may wait for one another
	for round := 1; len(p.Changes) > 0; round++ {
		events := &progress{stage: p.Stage, tell: d.Tell, left: d.space.unfinished(p.Stage), exists: map[string]string{}, scopes: p.scopes()}
		err := t.ApplyJSON(ctx, t.tee(events), tfexec.DirOrPlan(p.file))
		if err == nil {
			events.left.clear()
			return nil
		}
		if len(events.exists) == 0 || round == rounds || ctx.Err() != nil {
			return t.said("applying "+p.Stage, err, events)
		}
		if err := d.adopt(ctx, t, events); err != nil {
			return err
		}
		if p, err = d.plan(ctx, t, p.Stage, p.judged); err != nil {
			return err
		}
		if err := p.Refusal(); p.judged && err != nil {
			return err
		}
	}
	return nil
}

// adopt takes resources into the state.
func (d *Deployment) adopt(ctx context.Context, t *tool, events *progress) error {
	for _, address := range slices.Sorted(maps.Keys(events.exists)) {
		d.Say("adopting " + address + ", which an earlier run began")
		if err := t.Import(ctx, address, events.exists[address]); err != nil {
			if errors.Is(err, context.Canceled) {
				return t.said("adopting", err, nil)
			}
			return fault.New(fault.Unavailable, "a resource that an earlier run began cannot be taken into the state").At(address).Because(err).
				Fix("delete " + events.exists[address] + " and run the same command again")
		}
		events.left.end(address)
	}
	return nil
}

// scopes are those of the role assignments that a plan makes, by address.
func (p Plan) scopes() map[string]string {
	all := map[string]string{}
	for _, c := range p.Changes {
		if c.scope != "" {
			all[c.Address] = c.scope
		}
	}
	return all
}

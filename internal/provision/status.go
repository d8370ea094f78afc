package provision

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

// Status is how far a deployment is, as its files and state tell.
type Status struct {
	Subscription string         `json:"subscription"`
	State        *State         `json:"state"`             // where remote state is; nil before stage one
	Resources    map[string]int `json:"resources"`         // in each stack's state
	Planned      *time.Time     `json:"planned,omitempty"` // when the newest plan of the workload was made
	Complete     bool           `json:"complete"`          // both stages have given their outputs
	SignIn       *SignIn        `json:"sign_in,omitempty"` // nil: the estate has no application of its own
}

// Status reads both states and the directory. It plans nothing and changes nothing.
func (d *Deployment) Status(ctx context.Context) (Status, error) {
	st := Status{Subscription: d.Settings.Subscription, State: d.remembered(), Resources: map[string]int{}}
	if info, err := os.Stat(d.space.plan(workloadStack)); err == nil {
		at := info.ModTime().UTC().Truncate(time.Second)
		st.Planned = &at
	}
	ended := 0
	var chat *chatPlace
	last := map[string]string{globalStack: "global", workloadStack: "gateway"} // outputs that wait for everything
	for _, stack := range []string{globalStack, workloadStack} {
		t, err := d.opened(ctx, stack)
		if err != nil {
			return st, err
		}
		if t == nil {
			continue
		}
		all, err := t.state(ctx)
		if err != nil {
			t.close()
			return st, t.said("reading the state of "+stack, err, nil)
		}
		if stack == workloadStack {
			if chat, err = d.chatPlace(ctx, t); err != nil {
				t.close()
				return st, err
			}
		}
		var s struct {
			Outputs   map[string]any `json:"outputs"`
			Resources []struct {
				Mode      string `json:"mode"`
				Instances []any  `json:"instances"`
			} `json:"resources"`
		}
		t.close()
		if all != "" {
			if err := json.Unmarshal([]byte(all), &s); err != nil {
				return st, fault.New(fault.Invalid, "the state of "+stack+" is not Terraform's").Because(err)
			}
		}
		for _, r := range s.Resources {
			if r.Mode == "managed" {
				st.Resources[stack] += len(r.Instances)
			}
		}
		if s.Outputs[last[stack]] != nil && len(d.space.unfinished(stack).before) == 0 {
			ended++
		}
	}
	st.Complete = ended == 2
	st.SignIn = d.signIn(ctx, chat)
	return st, nil
}

// opened is the tool in a stack as it was left; nil for a workload that was
// never begun.
func (d *Deployment) opened(ctx context.Context, stack string) (*tool, error) {
	remote := d.remembered()
	if stack == globalStack {
		return d.open(ctx, stack, d.Settings.globalVariables(), remote, false)
	}
	if remote == nil {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	g := d.expected()
	g.State = *remote
	v, err := d.Settings.workloadVariables(g, placeholder, directory{})
	if err != nil {
		return nil, err
	}
	return d.open(ctx, stack, v, remote, false)
}

// Outputs are the workload's, by name.
func (d *Deployment) Outputs(ctx context.Context) (map[string]json.RawMessage, error) {
	t, err := d.opened(ctx, workloadStack)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, fault.New(fault.NotFound, "nothing is deployed from here").At(d.Directory).Fix("run `ostiary deploy apply` first")
	}
	defer t.close()
	out, err := t.outputs(ctx)
	if err != nil {
		return nil, t.said("reading the outputs", err, nil)
	}
	all := map[string]json.RawMessage{}
	for name, o := range out {
		if !o.Sensitive {
			all[name] = o.Value
		}
	}
	return all, nil
}

package provision

import (
	"bytes"
	"context"
	"slices"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/topology"
)

// Plan is what a stage would do, and whether the result is private.
type Plan struct {
	Stage   string
	Changes []Change       // sorted by address; without no-ops
	Report  posture.Report // of the workload alone
	file    string
}

// Change is what becomes of one resource.
type Change struct {
	Address, Type string
	Action        string // create, update, replace, delete
}

// changes reads a plan; reading data sources and doing nothing are none.
func changes(p *tfjson.Plan) []Change {
	var all []Change
	for _, r := range p.ResourceChanges {
		var action string
		switch a := r.Change.Actions; {
		case a.Replace():
			action = "replace"
		case a.Create():
			action = "create"
		case a.Update():
			action = "update"
		case a.Delete():
			action = "delete"
		default:
			continue
		}
		all = append(all, Change{r.Address, r.Type, action})
	}
	slices.SortFunc(all, func(a, b Change) int { return bytes.Compare([]byte(a.Address), []byte(b.Address)) })
	return all
}

// Counts are how many resources are created, changed (replaced ones too) and
// deleted.
func (p Plan) Counts() (create, change, remove int) {
	for _, c := range p.Changes {
		switch c.Action {
		case "create":
			create++
		case "delete":
			remove++
		default:
			change++
		}
	}
	return create, change, remove
}

// Private says whether the plan may be applied: nothing that must hold fails.
// What is unknown before an apply is told by the proof after it.
func (p Plan) Private() bool { return p.Report.Verdict != posture.Open }

// judgePlan asks the posture checks of a plan in Terraform's JSON.
func (d *Deployment) judgePlan(text []byte, source string) (posture.Report, error) {
	e, err := estate.ReadPlan(bytes.NewReader(text), estate.Options{})
	if err != nil {
		return posture.Report{}, err
	}
	now := d.Now()
	return posture.Judge(e, topology.New(e, topology.Config{}), posture.Options{
		Source: source, Taken: now, Now: now, Waivers: d.Settings.Waivers, Clients: d.Settings.clients(),
	}), nil
}

// clients are those that are meant to reach the models: the apps' subnet, and
// nobody else.
func (s Settings) clients() []string {
	if s.Existing.VirtualNetwork != "" {
		return []string{s.Existing.Subnets["apps"]}
	}
	return nil
}

// Prove reads the estate as Azure has it and judges it.
func (d *Deployment) Prove(ctx context.Context) (posture.Report, azure.Snapshot, error) {
	snapshot, err := azure.Read(ctx, d.Azure)
	if err != nil {
		return posture.Report{}, snapshot, err
	}
	data, err := snapshot.JSON()
	if err != nil {
		return posture.Report{}, snapshot, err
	}
	e, err := estate.ReadARM(bytes.NewReader(data), estate.Options{})
	if err != nil {
		return posture.Report{}, snapshot, err
	}
	o := posture.Options{Source: "subscription " + d.Settings.Subscription, Taken: snapshot.Taken, Now: d.Now(), Waivers: d.Settings.Waivers, Clients: d.Settings.clients()}
	for listed := range snapshot.APIVersions {
		if !slices.ContainsFunc(snapshot.Unreadable, func(g azure.Gap) bool { return g.Type == "" || g.Type == listed }) {
			o.Listed = append(o.Listed, listed)
		}
	}
	slices.Sort(o.Listed)
	return posture.Judge(e, topology.New(e, topology.Config{}), o), snapshot, nil
}

// notPrivate is the refusal of a plan.
func notPrivate(r posture.Report) error {
	for _, f := range r.Findings {
		if f.Level == posture.Must && f.Status == posture.Fail && f.Waiver == nil {
			return fault.New(fault.No, "what would be made is not private: "+f.ID).At(f.Resource).
				Fix("mend it, or accept it until a day with waivers in the estate's file; `ostiary verify explain " + f.ID + "` says why it matters")
		}
	}
	return fault.New(fault.No, "what would be made is not private")
}

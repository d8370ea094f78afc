package provision

import (
	"bytes"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

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
	judged  bool
	leans   bool // on parts that are not in the plan
	file    string
}

// Change is what becomes of one resource.
type Change struct {
	Address, Type string
	Action        string // create, update, replace, delete

	scope string // of a role assignment, where it is known
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
		c := Change{Address: r.Address, Type: r.Type, Action: action}
		if after, ok := r.Change.After.(map[string]any); ok && r.Type == "azurerm_role_assignment" {
			c.scope, _ = after["scope"].(string)
		}
		all = append(all, c)
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

// Private says whether the plan may be applied: all that must hold does. Where
// the estate stands on a network, zones or peers that are not in the plan, what
// cannot be told of them does not count here: the proof tells it afterwards.
func (p Plan) Private() bool {
	return (p.Report.Verdict == posture.Private || p.leans && p.Report.Verdict == posture.Undecided) && len(p.latent()) == 0
}

// latent are findings that open nothing while public access is off, and that the
// modules never leave: with one, a single further slip opens the account.
func (p Plan) latent() []posture.Finding {
	var all []posture.Finding
	for _, f := range p.Report.Findings {
		if f.Status == posture.Fail && f.Waiver == nil && f.Level != posture.Must && f.ID == "default-deny" {
			all = append(all, f)
		}
	}
	return all
}

// judgePlan asks the posture checks of a plan in Terraform's JSON, with a
// stranger beside it.
func (d *Deployment) judgePlan(text []byte, source string) (posture.Report, error) {
	text, err := d.Settings.withStranger(text)
	if err != nil {
		return posture.Report{}, err
	}
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
	return []string{"/subscriptions/" + s.Subscription + "/resourceGroups/" + s.Name + "-workload" +
		"/providers/Microsoft.Network/virtualNetworks/" + s.Name + "-vnet/subnets/apps"}
}

// leans says whether the estate stands on parts that its plan does not show.
func (s Settings) leans() bool {
	return s.Existing.VirtualNetwork != "" || len(s.Existing.Zones) > 0 || len(s.Network.Peerings) > 0
}

// Refusal is why the plan may not be applied: it names each finding. Nil where
// it may.
func (p Plan) Refusal() error {
	if p.Private() {
		return nil
	}
	why := p.latent()
	for _, status := range []posture.Status{posture.Unknown, posture.Fail} {
		var found []posture.Finding
		for _, f := range p.Report.Findings {
			if f.Level == posture.Must && f.Status == status && f.Waiver == nil {
				found = append(found, f)
			}
		}
		if len(found) > 0 {
			why = found
		}
	}
	if len(why) > 0 {
		var ids []string
		for _, f := range why {
			ids = append(ids, f.ID)
		}
		slices.Sort(ids)
		return fault.New(fault.No, "what would be made is not private: "+strings.Join(slices.Compact(ids), ", ")).At(why[0].Resource).
			Fix("mend it, or accept it until a day with waivers in the estate's file; `ostiary verify explain " + why[0].ID + "` says why it matters")
	}
	return fault.New(fault.No, "what would be made is not private").Fix("read the findings above")
}

package provision

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/fault"
)

// Problem is one thing that would make a deployment fail or be wrong, found
// before anything is touched.
type Problem struct {
	What string // one sentence
	Fix  string
}

// Preflight asks Azure everything that can be asked beforehand: rights,
// providers, regions, models and quota, names, overlaps. It changes nothing. A
// question that Azure refuses is a problem, too.
func (d *Deployment) Preflight(ctx context.Context) ([]Problem, error) {
	t, err := newTool(d.path, d.space.stack(globalStack), d.space.log(globalStack))
	if err != nil {
		return nil, err
	}
	defer t.close()
	if _, err := t.checkVersion(ctx); err != nil {
		return nil, err
	}
	p := &preflight{d: d, at: "/subscriptions/" + d.Settings.Subscription}
	for _, ask := range []func(context.Context) error{p.rights, p.providers, p.regions, p.models, p.names, p.overlaps, p.registration} {
		if err := ask(ctx); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			f, ok := errors.AsType[*fault.Error](err)
			if !ok {
				return nil, err
			}
			p.add(f.What, f.Hint)
		}
	}
	return p.found, nil
}

type preflight struct {
	d     *Deployment
	at    string
	found []Problem
}

func (p *preflight) add(what, fix string) { p.found = append(p.found, Problem{what, fix}) }

// rights: whoever deploys gives roles to identities.
func (p *preflight) rights(ctx context.Context) error {
	held, err := list[struct {
		Actions    []string `json:"actions"`
		NotActions []string `json:"notActions"`
	}](ctx, p.d.arm, p.at+"/providers/Microsoft.Authorization/permissions", "2022-04-01")
	if err != nil {
		return err
	}
	may := func(action string) bool {
		for _, h := range held {
			if slices.ContainsFunc(h.Actions, func(a string) bool { return azure.Covers(a, action) }) &&
				!slices.ContainsFunc(h.NotActions, func(a string) bool { return azure.Covers(a, action) }) {
				return true
			}
		}
		return false
	}
	if !may("Microsoft.Resources/subscriptions/resourceGroups/write") {
		p.add("the login may not create resources in the subscription", "ask for the role Contributor there")
	}
	if !may("Microsoft.Authorization/roleAssignments/write") {
		p.add("the login may not assign roles, and the gateway's identity needs three",
			"ask for Owner, or for User Access Administrator beside Contributor, at the subscription")
	}
	return nil
}

// needed are the resource providers of what is made.
func (s Settings) needed() []string {
	names := []string{
		"Microsoft.App", "Microsoft.CognitiveServices", "Microsoft.ContainerRegistry", "Microsoft.Insights",
		"Microsoft.ManagedIdentity", "Microsoft.Network", "Microsoft.OperationalInsights", "Microsoft.Storage",
	}
	if !s.Audit.Off {
		names = append(names, "Microsoft.EventHub")
	}
	if s.Audit.Explorer {
		names = append(names, "Microsoft.Kusto")
	}
	return append(names, s.Gateway.needed()...)
}

func (p *preflight) providers(ctx context.Context) error {
	all, err := list[struct {
		Namespace string `json:"namespace"`
		State     string `json:"registrationState"`
	}](ctx, p.d.arm, p.at+"/providers", "2021-04-01")
	if err != nil {
		return err
	}
	state := map[string]string{}
	for _, r := range all {
		state[strings.ToLower(r.Namespace)] = r.State
	}
	var missing []string
	for _, name := range p.d.Settings.needed() {
		if state[strings.ToLower(name)] != "Registered" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		p.add("resource providers are not registered in the subscription: "+strings.Join(missing, ", "),
			"run `az provider register --namespace "+strings.Join(missing, "` and `az provider register --namespace ")+"`, once; it takes minutes")
	}
	return nil
}

func (p *preflight) regions(ctx context.Context) error {
	known, err := list[struct {
		Name string `json:"name"`
	}](ctx, p.d.arm, p.at+"/locations", "2022-12-01")
	if err != nil {
		return err
	}
	s := p.d.Settings
	for _, region := range slices.Compact(append([]string{s.Region}, s.Regions...)) {
		if !slices.ContainsFunc(known, func(k struct {
			Name string `json:"name"`
		},
		) bool {
			return strings.EqualFold(k.Name, region)
		}) {
			p.add("Azure has no region "+region+" for this subscription", "choose one of `az account list-locations -o table`")
		}
	}
	return nil
}

// overlaps: a peering whose networks share addresses is refused by Azure in the
// middle of an apply.
func (p *preflight) overlaps(ctx context.Context) error {
	s := p.d.Settings
	if s.Existing.VirtualNetwork != "" {
		return nil
	}
	own, _ := netip.ParsePrefix(s.Network.AddressSpace) // Check has seen it
	for name, id := range s.Network.Peerings {
		var v struct {
			Properties struct {
				AddressSpace struct {
					Prefixes []string `json:"addressPrefixes"`
				} `json:"addressSpace"`
			} `json:"properties"`
		}
		found, err := p.d.arm.get(ctx, id, "2025-05-01", &v)
		if err != nil {
			return err
		}
		if !found {
			p.add("the network to peer with is not there: "+name, "mend its id, or ask for Reader on it")
			continue
		}
		for _, text := range v.Properties.AddressSpace.Prefixes {
			if other, err := netip.ParsePrefix(text); err == nil && other.Overlaps(own) {
				p.add(fmt.Sprintf("the network %s has %s, which overlaps our %s", name, other, own), "choose another network.address_space")
			}
		}
	}
	return nil
}

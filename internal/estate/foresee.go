package estate

import (
	"strings"
)

// foresee files what has no id yet under the id that it will get, where its
// name, group and parent are known: modules that build ids of names, as many do
// to have them known in a plan, refer to it by that.
func (p *planReader) foresee(kinds map[string]planType) {
	subscriptions := p.subscriptions()
	for _, x := range p.all {
		t, ok := x.thing.(Thing)
		if !ok || x.data || strings.HasPrefix(x.attrs["id"].V, "/") {
			continue
		}
		for _, s := range subscriptions {
			id := fold(x.will(kinds[x.typ], s))
			if id != "" && p.e.byID[id] == nil {
				p.e.byID[id] = t
			}
		}
	}
}

// subscriptions are those that known ids of the plan name.
func (p *planReader) subscriptions() []string {
	var all []string
	seen := map[string]bool{}
	for _, x := range p.all {
		for _, v := range x.attrs {
			s, _, ok := strings.Cut(strings.TrimPrefix(v.V, "/subscriptions/"), "/resource")
			if ok && strings.HasPrefix(v.V, "/subscriptions/") && !seen[fold(s)] {
				seen[fold(s)] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// will is the id that a resource will have, or empty where that cannot be told.
func (x *planned) will(k planType, subscription string) string {
	name, group := x.attrs["name"], x.attrs["resource_group_name"]
	provider, kinds, _ := strings.Cut(k.arm, "/")
	types := strings.Split(kinds, "/")
	if name.State != Known || kinds == "" {
		return ""
	}
	in := "/subscriptions/" + subscription + "/resourceGroups/" + group.V + "/providers/" + provider
	if len(types) == 1 && k.parent == nil {
		if group.State != Known {
			return ""
		}
		return in + "/" + types[0] + "/" + name.V
	}
	for _, attr := range k.parent {
		up := x.attrs[attr]
		switch {
		case up.State != Known:
		case strings.HasPrefix(up.V, "/"):
			return up.V + "/" + types[len(types)-1] + "/" + name.V
		case len(types) == 2 && group.State == Known:
			return in + "/" + types[0] + "/" + up.V + "/" + types[1] + "/" + name.V
		}
	}
	return ""
}

package estate

import "strings"

// Some answers of ARM have no id of their own, because they answer a POST. A
// snapshot keeps them under the path of the question: an element whose id is
// that path and whose value is the answer's list.

// effective reads the answer of a network group's
// listEffectiveVirtualNetworks: all its members.
func (r *reading) effective(id string) {
	group := id[:strings.LastIndexByte(id, '/')]
	var members Refs[VirtualNetwork]
	r.object(func(key string) {
		switch {
		case key == "value" && r.peek() == '[':
			members.found(r.at())
			r.array(func(int) {
				var m struct {
					VNet Ref[VirtualNetwork] `arm:"id"`
				}
				r.into(&m)
				members.Items = append(members.Items, m.VNet)
			})
		case key == "nextLink" || key == "skipToken":
			r.page()
		default:
			r.skip()
		}
	})
	r.later = append(r.later, func() {
		if g, ok := r.e.byID[fold(group)].(*NetworkGroup); ok {
			g.Effective = members
			r.refs = append(r.refs, &g.Effective)
		}
	})
}

// deployments reads the answer of a network manager's listDeploymentStatus.
func (r *reading) deployments(id string) {
	manager := id[:strings.LastIndexByte(id, '/')]
	var status []*Deployed
	var mark Mark
	r.object(func(key string) {
		switch {
		case key == "value" && r.peek() == '[':
			mark.found(r.at())
			r.array(func(int) {
				d := &Deployed{}
				r.into(d)
				status = append(status, d)
			})
		case key == "nextLink" || key == "skipToken":
			r.page()
		default:
			r.skip()
		}
	})
	r.later = append(r.later, func() {
		m, ok := r.e.byID[fold(manager)].(*NetworkManager)
		if !ok {
			return
		}
		m.Deployed = mark
		for _, d := range status {
			d.Manager = m
			m.Deployments = append(m.Deployments, d)
		}
	})
}

package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// The private endpoints of an account: whose they are, and what guards them.

func endpointApproved() row {
	return row{Check{
		ID:    "endpoint-approved",
		Title: "The account has an approved private endpoint, and no stranger has one or waits for one",
		Level: Must,
		Looks: "accounts: privateEndpointConnections[]; privateEndpoints: their connections, group account",
		Why:   "Each approved connection is a door into somebody's network, and a pending one becomes a door with one click. A connection that was not approved carries nothing, however good it looks in a list.",
		Equal: Equal{
			Policy: []string{"d6759c02"}, PSRule: []string{"AZR-000283"},
			Prowler: []string{"aiservices_account_uses_private_endpoint"}, Azqr: []string{"aif-004"},
		},
	}, each(connections)}
}

// opinion is what is thought of one connection.
type opinion struct {
	status Status
	what   string
	open   bool // it is approved
	mend   Mend
}

// connections judges the account's list of connections, and the endpoints of
// the estate that say they lead here.
func connections(s *scene, a *subject) Finding {
	f := s.on(a)
	status, good := Pass, 0
	var whats []string
	var mend Mend
	say := func(o opinion) {
		if o.open {
			good++
		}
		switch {
		case o.status == Pass:
		case o.status == status:
			whats = append(whats, o.what)
		case worse(o.status, status) == o.status:
			status, whats, mend = o.status, []string{o.what}, o.mend
		}
	}
	for _, c := range a.PrivateConnections {
		f.Evidence = append(f.Evidence, saw(s, c, c.Status, "unknown"), sawRef(s, c, c.Endpoint))
		say(s.connection(a, c))
	}
	for _, d := range a.doors {
		if d.connection == nil {
			f.Evidence = append(f.Evidence, saw(s, d, d.link.Status, "unknown"))
			say(s.oneSided(d))
		}
	}
	if len(f.Evidence) == 0 {
		f.Evidence = append(f.Evidence, s.seen(a, estate.Mark{At: a.At}, "", "no connection"))
	}
	what := strings.Join(first(whats, 5), "; ")
	switch {
	case status == Pass && good == 0:
		return f.fail("%s has no approved private endpoint", a.Name).by("%s", a.dead()).mended(endpointHCL(a), "")
	case status == Pass:
		return f.pass("%s has %s, approved and known", a.Name, count(good, "private endpoint", "private endpoints"))
	case status == Unknown:
		return f.doubt("%s", what)
	default:
		return f.fail("%s", what).by("%s", what).mended(mend.Terraform, mend.Az)
	}
}

// dead are the connections that carry nothing, for a witness.
func (a *subject) dead() string {
	var all []string
	for _, c := range a.PrivateConnections {
		all = append(all, c.Name+": "+orState(c.Status.Mark, c.Status.V))
	}
	if len(all) == 0 {
		return "privateEndpointConnections is empty"
	}
	return few(all, 3)
}

func endpointHCL(a *subject) string {
	return "# an azurerm_private_endpoint for " + labelOf(a) + "\n" + strings.Join([]string{
		`private_service_connection {`, `  name                           = "account"`,
		`  private_connection_resource_id = azurerm_cognitive_account.this.id`,
		`  subresource_names              = ["account"]`, `  is_manual_connection           = false`, `}`,
	}, "\n")
}

// connection judges one connection as the account lists it.
func (s *scene) connection(a *subject, c *estate.PrivateConnection) opinion {
	name := "the connection " + c.Name + " of " + a.Name
	switch {
	case c.Stub || c.Doubt != 0 || !is(c.Status, "Approved", "Pending", "Rejected", "Disconnected"):
		return opinion{status: Unknown, what: "whether " + name + " is approved cannot be told"}
	case is(c.Status, "Rejected", "Disconnected"):
		return opinion{status: Pass}
	}
	endpoint, state := c.Endpoint.Get()
	switch {
	case state == estate.Unknown && c.Endpoint.State == estate.Known && !s.hides(c.Endpoint.ID):
		return opinion{
			status: Fail, what: name + " (" + c.Status.V + ") belongs to a stranger: " + c.Endpoint.ID,
			mend: Mend{Az: azFor(c, "az network private-endpoint-connection reject --id")},
		}
	case state != estate.Known || endpoint.Stub:
		return opinion{status: Unknown, what: "whose endpoint " + name + " belongs to cannot be told"}
	case is(c.Status, "Pending"):
		return opinion{
			status: Fail, what: name + " is pending",
			mend: Mend{Az: azFor(c, "az network private-endpoint-connection approve --id")},
		}
	case a.door(endpoint) == nil:
		return opinion{status: Unknown, what: "the account lists " + name + ", and the endpoint leads elsewhere"}
	}
	groups := c.Groups
	if groups.State == estate.Absent {
		groups = a.door(endpoint).link.Groups
	}
	return forAccount(groups, name)
}

// forAccount says whether a connection is for the group account, which is the
// service itself.
func forAccount(groups estate.List[string], name string) opinion {
	switch {
	case hasFold(groups, "account"):
		return opinion{status: Pass, open: true}
	case groups.State == estate.Known && groups.Complete():
		return opinion{
			status: Fail, what: name + " is for the group " + few(texts(groups), 3) + ", not for account",
			mend: Mend{Terraform: `subresource_names = ["account"] # in private_service_connection`},
		}
	}
	return opinion{status: Unknown, what: "which group " + name + " is for cannot be told"}
}

// hides reports whether a resource may exist though it was not read: its
// scope could not be read, or its subscription was read and it is not there.
func (s *scene) hides(id string) bool {
	return s.unlisted(id) || s.subscriptions[subscriptionOf(id)]
}

// oneSided judges a connection that the endpoint shows and the account does
// not list. A plan's account lists none yet.
func (s *scene) oneSided(d *door) opinion {
	manual, known := d.link.Manual.Or(d.manual)
	switch {
	case is(d.link.Status, "Pending"), s.Planned && known && manual:
		return opinion{status: Fail, what: "the connection of " + d.Name + " waits for approval (Pending)"}
	case is(d.link.Status, "Rejected", "Disconnected"):
		return opinion{status: Pass}
	case s.Planned && known:
		return forAccount(d.link.Groups, "the connection of "+d.Name)
	}
	return opinion{status: Unknown, what: "the account does not list the connection of " + d.Name}
}

func hasFold(l estate.List[string], want string) bool {
	for _, v := range l.Items {
		if is(v, want) {
			return true
		}
	}
	return false
}

// door is a private endpoint of the estate that leads to an account.
type door struct {
	*estate.PrivateEndpoint
	link       *estate.PrivateLink
	manual     bool // the link stands among those that need approval
	connection *estate.PrivateConnection
}

// shut reports whether a connection certainly carries nothing.
func (d *door) shut() bool {
	status := d.link.Status
	if d.connection != nil && d.connection.Status.State != estate.Absent {
		status = d.connection.Status
	}
	return is(status, "Rejected", "Disconnected", "Pending")
}

func (a *subject) door(e *estate.PrivateEndpoint) *door {
	for _, d := range a.doors {
		if d.PrivateEndpoint == e {
			return d
		}
	}
	return nil
}

// open are the doors that carry traffic, or may.
func (a *subject) open() []*door {
	var open []*door
	for _, d := range a.doors {
		if !d.shut() {
			open = append(open, d)
		}
	}
	return open
}

// findDoors joins endpoints, connections and accounts.
func (s *scene) findDoors() {
	byAccount := map[string]*subject{}
	for _, a := range s.accounts {
		byAccount[strings.ToLower(a.ID)] = a
		if a.Address != "" {
			byAccount[strings.ToLower(a.Address)] = a
		}
	}
	var elsewhere []string
	join := func(e *estate.PrivateEndpoint, l *estate.PrivateLink, manual bool) {
		id := l.Target.ID
		if l.Target.To != nil {
			id = idOf(l.Target.To)
		}
		a := byAccount[strings.ToLower(strings.TrimSuffix(id, "/"))]
		if a == nil || l.Target.State != estate.Known {
			if l.Target.To == nil && strings.Contains(strings.ToLower(id), "/microsoft.cognitiveservices/accounts/") {
				elsewhere = append(elsewhere, e.Name+" (to "+lastOf(id)+")")
			}
			return
		}
		d := &door{PrivateEndpoint: e, link: l, manual: manual}
		for _, c := range a.PrivateConnections {
			if c.Endpoint.To == e {
				d.connection = c
			}
		}
		a.doors = append(a.doors, d)
	}
	for _, e := range s.PrivateEndpoints {
		for _, l := range e.Links {
			join(e, l, false)
		}
		for _, l := range e.Manual {
			join(e, l, true)
		}
	}
	if len(elsewhere) > 0 {
		s.note("private endpoints lead to accounts that were not read, and that are not judged: %s", few(elsewhere, 5))
	}
}

// subscriptionOf is the subscription that an ARM id lies in, in lower case.
func subscriptionOf(id string) string {
	rest, ok := strings.CutPrefix(strings.ToLower(id), "/subscriptions/")
	if !ok {
		return ""
	}
	sub, _, _ := strings.Cut(rest, "/")
	return sub
}

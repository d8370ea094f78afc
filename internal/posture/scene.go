package posture

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// scene is what the checks look at: the estate, and what belongs together in
// it.
type scene struct {
	*estate.Estate
	t        *topology.Topology
	o        Options
	accounts []*subject
	clients  []*client // those that the options name
	others   int       // accounts of other kinds, not judged
	// subscriptions are those that something was read of.
	subscriptions map[string]bool
	zones         map[string][]*estate.PrivateZone // by name in lower case
	links         map[*estate.PrivateZone]map[*estate.VirtualNetwork][]*estate.ZoneLink
	rules         map[estate.At]*estate.Rule
	ownServers    map[*estate.Subnet][]*estate.Interface
	addresses     map[netip.Addr]bool // that something has; nil until it is asked
	space         topology.Set        // the subnets of endpoints; nil until it is asked
	pointers      map[estate.At]string
	notes         []string
}

// subject is an account that is judged.
type subject struct {
	*estate.Account
	doors   []*door
	reached map[*estate.PrivateEndpoint][]source // nil until it is worked out
	paired  bool                                 // pairs is worked out
	pairs   []*pair                              // with every client
	// unread is the finding of every check where the account itself could not
	// be read; its Status is empty where it was.
	unread Finding
}

func newScene(e *estate.Estate, t *topology.Topology, o Options) *scene {
	s := &scene{Estate: e, t: t, o: o, subscriptions: map[string]bool{}, zones: map[string][]*estate.PrivateZone{}, pointers: map[estate.At]string{},
		links: map[*estate.PrivateZone]map[*estate.VirtualNetwork][]*estate.ZoneLink{}}
	for _, a := range e.Accounts {
		if servesModels(a) {
			s.accounts = append(s.accounts, &subject{Account: a, unread: s.unreadable(a)})
		} else {
			s.others++
		}
		s.subscriptions[subscriptionOf(a.ID)] = true
	}
	for _, v := range e.VirtualNetworks {
		if !v.Stub {
			s.subscriptions[subscriptionOf(v.ID)] = true
		}
	}
	for _, p := range e.PrivateEndpoints {
		s.subscriptions[subscriptionOf(p.ID)] = true
	}
	for _, z := range e.PrivateZones {
		s.zones[strings.ToLower(z.Name)] = append(s.zones[strings.ToLower(z.Name)], z)
	}
	s.findDoors()
	s.findClients()
	return s
}

// servesModels reports whether an account may serve Azure OpenAI models: by
// its kind, or because its kind is not known.
func servesModels(a *estate.Account) bool {
	return a.Kind.State != estate.Known || strings.EqualFold(a.Kind.V, "OpenAI") || strings.EqualFold(a.Kind.V, "AIServices")
}

// unreadable is the finding of everything about a resource that was not read.
func (s *scene) unreadable(t estate.Thing) Finding {
	b := t.Base()
	switch gap := s.Missing(b.ID); {
	case gap != nil:
		return s.on(t, Evidence{idOf(t), s.pointer(gap.At), gap.Code, ""}).doubt("%s could not be read: %s", b.Name, gap.Code)
	case b.Stub:
		return s.on(t, Evidence{idOf(t), s.pointer(b.At), "unknown", ""}).doubt("%s was not read; only something inside it was", b.Name)
	case b.Doubt != 0:
		return s.on(t, Evidence{idOf(t), s.pointer(b.Doubt), "unknown", ""}).doubt("%s is stated twice, differently", b.Name)
	}
	return Finding{}
}

// listed reports whether the source lists a type wholly, so that what does
// not appear is not there.
func (s *scene) listed(typ string) bool {
	for _, l := range s.o.Listed {
		if strings.EqualFold(l, typ) {
			return true
		}
	}
	return false
}

// is compares a known value without case, as ARM does with its enumerations.
func is(v estate.Value[string], want ...string) bool {
	for _, w := range want {
		if v.State == estate.Known && strings.EqualFold(v.V, w) {
			return true
		}
	}
	return false
}

// domains are the domains that an account of its kind answers under, the main
// one first. A private zone of each is named "privatelink." and the domain.
func (a *subject) domains() []string {
	domains := []string{"openai.azure.com"}
	if is(a.Kind, "AIServices") {
		domains = append(domains, "cognitiveservices.azure.com", "services.ai.azure.com")
	}
	if a.Endpoint.State == estate.Known && strings.HasSuffix(strings.TrimSuffix(a.Endpoint.V, "/"), ".azure.us") {
		for i := range domains {
			domains[i] = strings.TrimSuffix(domains[i], ".com") + ".us"
		}
	}
	return domains
}

// host is the name that clients use; ok is false where the account has no
// subdomain, or it is not known.
func (a *subject) host() (name string, ok bool) {
	if a.Subdomain.State != estate.Known || a.Subdomain.V == "" {
		return "", false
	}
	return strings.ToLower(a.Subdomain.V) + "." + a.domains()[0], true
}

// called is the host where it is known, else the account's name.
func (a *subject) called() string {
	if host, ok := a.host(); ok {
		return host
	}
	return a.Name
}

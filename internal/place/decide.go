package place

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// why is what kind of refusal it is: what a client there would see.
type why uint8

const (
	whyNotAllowed  why = iota // a filter drops it
	whyUnreachable            // no way there, or nobody can tell
	whyNoName                 // the name does not resolve
	whyClosed                 // the machine refuses the connection
	whyElsewhere              // not of the emulated world
)

// refusal says why a connection is not made.
type refusal struct {
	why  why
	text string
}

func refuse(w why, text string) *refusal { return &refusal{w, text} }

// ask is what a client wants: a name or an address, and a port.
type ask struct {
	host string // in lower case without a final dot; empty where addr is given
	addr netip.Addr
	port uint16
}

// decide says where a connection from a place leads, or why nowhere.
func (s *Server) decide(name string, q ask) (Destination, *refusal) {
	a := s.now()
	at, err := a.stand(name)
	if err != nil {
		return Destination{}, refuse(whyUnreachable, err.Error())
	}
	d := Destination{Place: name, Host: q.host, Address: q.addr, Port: q.port}
	if q.host == "" {
		return s.toAddress(a, at, d)
	}
	got := a.resolve(at, q.host)
	switch {
	case len(got.addrs) > 0:
		return s.toAny(a, at, d, got)
	case got.public != nil && got.account != nil:
		d.Address = got.public.Address
		return s.toAccount(a, at, d, got)
	case got.public != nil:
		d.Address = got.public.Address
		d.Resource = got.public.Resource
		return s.toPublic(a, at, d, got.public.Provider)
	}
	return d, refuse(got.why, got.text)
}

// toAny goes to the first of several addresses that lets it in, as clients try
// them.
func (s *Server) toAny(a *atlas, at stand, d Destination, got resolved) (Destination, *refusal) {
	var first *refusal
	for _, addr := range got.addrs {
		d.Address = addr
		to, no := s.toAddress(a, at, d)
		if no == nil {
			return to, nil
		}
		if first == nil {
			first = no
		}
	}
	return d, first
}

// toAddress goes to an address as the place sees it.
func (s *Server) toAddress(a *atlas, at stand, d Destination) (Destination, *refusal) {
	if s.cfg.Cloud.At(d.Address) {
		return s.toPublic(a, at, d, "")
	}
	f := a.Flow(at.place, topology.Address(d.Address), tcp(d.Port))
	if no := judged(f); no != nil {
		return d, no
	}
	for _, h := range f.Hops {
		if h.Step == topology.StepEndpoint {
			d.Endpoint, d.Resource = h.ID, a.behind(h.ID)
		}
	}
	if d.Endpoint != "" {
		return d, httpsAlone(d)
	}
	if d.Service = s.serviceAt(a, at, d.Address, d.Port); d.Service == "" {
		return d, refuse(whyClosed, "nothing listens at "+netip.AddrPortFrom(d.Address, d.Port).String())
	}
	return d, nil
}

// httpsAlone keeps other ports than TLS's shut: no service of Azure's that is
// emulated has one.
func httpsAlone(d Destination) *refusal {
	if d.Port != 443 {
		return refuse(whyClosed, "Azure's services listen on port 443 alone")
	}
	return nil
}

// behind is what a private endpoint leads to.
func (a *atlas) behind(endpoint string) string {
	p, ok := a.Estate().Find(endpoint).(*estate.PrivateEndpoint)
	if !ok {
		return ""
	}
	for _, l := range slices.Concat(p.Links, p.Manual) {
		return l.Target.ID
	}
	return ""
}

// toAccount goes to an account's public front. What the account itself says is
// the front's to say: its 403 is an answer, and not a missing way.
func (s *Server) toAccount(a *atlas, at stand, d Destination, got resolved) (Destination, *refusal) {
	d.Resource = got.account.ID
	target, _ := a.TargetOf(got.account.ID)
	f := a.Flow(at.place, target, tcp(d.Port))
	way := topology.Flow{Verdict: topology.Allowed}
	for _, h := range f.Hops {
		switch {
		case h.Step != topology.StepAccount:
			way.Hops = append(way.Hops, h)
			way.Verdict = and(way.Verdict, h.Verdict)
		case h.Note == topology.NotePublicOff && s.cfg.OutsideRefuses:
			return d, refuse(whyClosed, h.String())
		}
	}
	if at.endpointService(got.public.Provider) {
		at.show(&d, got.public.Provider)
		return d, cmp.Or(judged(way), httpsAlone(d))
	}
	return s.toPublic(a, at, d, got.public.Provider)
}

// toPublic goes to a front on the internet, at the address that it has here:
// rules that name addresses then hold or do not, where the topology alone
// could not tell. A service endpoint has a route of its own.
func (s *Server) toPublic(a *atlas, at stand, d Destination, provider string) (Destination, *refusal) {
	if at.subnet != nil {
		f := a.Flow(at.place, topology.Address(d.Address), tcp(d.Port))
		if no := judged(f); no != nil && (!at.endpointService(provider) || !byRoute(f)) {
			return d, no
		}
	}
	at.show(&d, provider)
	return d, httpsAlone(d)
}

// byRoute says whether what decides is a route, and no filter.
func byRoute(f topology.Flow) bool {
	h := f.Decider()
	return h != nil && (h.Step == topology.StepRoute || h.Step == topology.StepAppliance)
}

// show is how the place looks to a front: by its public address, or by its
// subnet where the subnet has the service endpoint.
func (s stand) show(d *Destination, provider string) {
	if s.endpointService(provider) {
		d.Subnet = s.subnet.ID
	} else {
		d.Source = s.source
	}
}

func (s stand) endpointService(provider string) bool {
	return s.subnet != nil && provider != "" && slices.ContainsFunc(s.subnet.ServiceEndpoints.Items, func(v estate.Value[string]) bool {
		return strings.EqualFold(v.V, provider)
	})
}

func tcp(port uint16) topology.Port { return topology.Port{Number: port} }

func and(v, w topology.Verdict) topology.Verdict {
	switch {
	case v == topology.Denied || w == topology.Denied:
		return topology.Denied
	case v == topology.Allowed && w == topology.Allowed:
		return topology.Allowed
	}
	return topology.Unknown
}

// judged is the refusal of a flow, nil for one that is allowed.
func judged(f topology.Flow) *refusal {
	h := f.Decider()
	text := "no hop says why"
	if h != nil {
		text = h.String()
	}
	switch {
	case f.Verdict == topology.Allowed:
		return nil
	case f.Verdict == topology.Unknown:
		return refuse(whyUnreachable, "it cannot be told whether this passes; "+text)
	case h != nil && (h.Step == topology.StepGroup || h.Step == topology.StepAdmin):
		return refuse(whyNotAllowed, text)
	}
	return refuse(whyUnreachable, text)
}

// serviceAt is the service at an address: of the place's own network first,
// for two networks may use the same addresses.
func (s *Server) serviceAt(a *atlas, at stand, addr netip.Addr, port uint16) string {
	s.mu.Lock()
	all := make([]*Service, 0, len(s.services))
	for v := range s.services {
		all = append(all, v)
	}
	s.mu.Unlock()
	found := ""
	for _, v := range all {
		p, err := a.stand(v.At)
		if err != nil || v.Port != port || p.place.Addr() != addr && p.source != addr {
			continue
		}
		if at.subnet != nil && p.subnet != nil && at.subnet.VNet == p.subnet.VNet {
			return v.To
		}
		found = v.To
	}
	return found
}

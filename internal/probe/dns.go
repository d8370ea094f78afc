package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// dns asks every resolver for the host's addresses.
func (p *prober) dns(ctx context.Context, e Endpoint) []Observation {
	resolvers := p.resolvers()
	all := make([][]sight, 1+len(resolvers))
	var wg sync.WaitGroup
	wg.Go(func() { all[0] = p.system(ctx, e.Host) })
	for i, r := range resolvers {
		wg.Go(func() {
			for _, t := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
				a, err := follow(e.Host, func(name string) (reply, error) { return r.ask(ctx, name, t) })
				all[i+1] = append(all[i+1], sight{r.name, t, a, err, true})
			}
		})
	}
	wg.Wait()
	sights := slices.Concat(all...)
	var out []Observation
	for _, s := range sights {
		out = append(out, s.judge(e))
		if s.chained && s.kind == dnsmessage.TypeA {
			out = append(out, s.judgeZone(e))
		}
	}
	return append(out, agreement(e, sights)...)
}

// sight is what one resolver said for one type.
type sight struct {
	resolver string
	kind     dnsmessage.Type
	answer
	err     error
	chained bool // the resolver shows the names on the way
}

// system asks as programs here do: the hosts file and all.
func (p *prober) system(ctx context.Context, host string) []sight {
	addresses, err := p.lookup(ctx, host)
	missing := false
	if not, ok := errors.AsType[*net.DNSError](err); ok && not.IsNotFound {
		missing, err = true, nil
	}
	a, aaaa := sight{resolver: "system", kind: dnsmessage.TypeA, err: err}, sight{resolver: "system", kind: dnsmessage.TypeAAAA, err: err}
	a.missing, aaaa.missing = missing, missing
	for _, address := range addresses {
		if address.Is4() {
			a.addresses = append(a.addresses, address)
		} else {
			aaaa.addresses = append(aaaa.addresses, address)
		}
	}
	return []sight{a, aaaa}
}

func (p *prober) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	found, err := p.Lookup(ctx, host)
	addresses := make([]netip.Addr, len(found)) // found is not ours to change
	for i, a := range found {
		addresses[i] = a.Unmap()
	}
	return addresses, err
}

// private reports whether an address is of a network of its own: RFC 1918,
// 4193, 6598 (carriers' and VPNs'), link-local or loopback.
func private(a netip.Addr) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}

// right reports whether a resolver here should give the address.
func (e Endpoint) right(a netip.Addr) bool {
	its := slices.Contains(e.Addresses, a) || len(e.Addresses) == 0 && private(a)
	switch {
	case e.Inside:
		return its
	case e.Within:
		return its || Public(a)
	default:
		return Public(a)
	}
}

func (e Endpoint) expect(kind dnsmessage.Type) string {
	what := "public addresses alone"
	switch {
	case e.Inside && len(e.Addresses) > 0:
		what = join(e.Addresses) + " alone"
	case e.Inside:
		what = "a private address alone"
	case e.Within && len(e.Addresses) > 0:
		what = "public addresses, or " + join(e.Addresses)
	case e.Within:
		what = "public addresses, or a private one"
	}
	if kind == dnsmessage.TypeAAAA {
		return "none, or " + what
	}
	return what
}

func (s sight) observation(name string, e Endpoint) Observation {
	o := Observation{Name: name, Target: e.Host + " by " + s.resolver, Got: s.said(), Status: Fail}
	if o.Resolver = s.resolver; !s.unsaid() {
		o.Seen, o.Addresses = SeenAnswer, s.addresses
	}
	return o
}

func (s sight) judge(e Endpoint) Observation {
	o := s.observation("dns-a", e)
	if s.kind == dnsmessage.TypeAAAA {
		o.Name = "dns-aaaa"
	}
	o.Expect = e.expect(s.kind)
	wrong := slices.ContainsFunc(s.addresses, func(a netip.Addr) bool { return !e.right(a) })
	switch {
	case s.unsaid():
		o.Status = s.unsaidStatus()
	case s.missing && !e.Inside:
		o.Status, o.Detail = Unknown, "a misspelt name or a deleted account looks the same"
	case s.missing:
		o.Detail = "the zone is linked here and lacks the record, or nothing knows the name"
	case wrong && e.Inside:
		o.Detail = "a client that uses this resolver goes past the private endpoint"
	case wrong && e.Within:
		o.Detail = "the address is neither public nor the endpoint's"
	case wrong:
		o.Detail = "the private address is published, or this place is inside"
	case len(s.addresses) == 0 && s.kind == dnsmessage.TypeA:
		if !e.Inside {
			o.Status = Unknown
		}
	default:
		o.Status = Pass
	}
	return o
}

func (s sight) judgeZone(e Endpoint) Observation {
	zone, _ := privateLink(e.Host)
	o := s.observation("dns-zone", e)
	o.Expect = "names through " + zone
	if len(s.chain) > 0 {
		o.Got = strings.Join(s.chain, " → ")
	}
	passes := slices.ContainsFunc(s.chain, func(n string) bool { return strings.HasSuffix(n, "."+zone) })
	switch {
	case s.unsaid():
		o.Status = s.unsaidStatus()
	case passes:
		o.Status = Pass
	case s.missing:
		o.Status = Unknown
	default:
		o.Detail = "there is no private endpoint yet, or a record made by hand hides the zone"
	}
	return o
}

// unsaid reports whether the resolver gave no answer that could be judged.
func (s sight) unsaid() bool { return s.err != nil || s.code != dnsmessage.RCodeSuccess }

// unsaidStatus: a circle is a fault of what is published, and nothing that
// will pass; no answer tells nothing.
func (s sight) unsaidStatus() Status {
	if errors.Is(s.err, errLoop) {
		return Fail
	}
	return Unknown
}

func (s sight) said() string {
	switch {
	case s.err != nil:
		return "no answer: " + reason(s.err)
	case s.missing:
		return "no such name"
	case s.code != dnsmessage.RCodeSuccess:
		return "refused: " + strings.TrimPrefix(s.code.String(), "RCode")
	case len(s.addresses) == 0:
		return "no address"
	}
	return join(s.addresses)
}

// agreement compares the answers for A. Outside, public addresses differ from
// place to place and moment to moment, and count as one.
func agreement(e Endpoint, sights []sight) []Observation {
	o := Observation{Name: "dns-agree", Target: e.Host, Expect: "one answer from every resolver", Status: Pass}
	var said, from []string
	for _, s := range sights {
		if s.kind != dnsmessage.TypeA || s.unsaid() {
			continue
		}
		word := s.said()
		if !e.Inside && len(s.addresses) > 0 && !slices.ContainsFunc(s.addresses, func(a netip.Addr) bool { return !Public(a) }) {
			word = "public addresses"
		}
		if !slices.Contains(said, word) {
			said = append(said, word)
		}
		from = append(from, s.resolver+": "+word)
	}
	if len(from) < 2 {
		return nil
	}
	o.Got = strings.Join(said, " | ")
	if len(said) > 1 {
		o.Status, o.Detail = Fail, strings.Join(from, "; ")
	}
	return []Observation{o}
}

func join(all []netip.Addr) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.String()
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ", ")
}

package probe

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	maxRecords = 256 // of one answer
	maxChain   = 16  // names on the way to an address
)

var (
	errForeign = errors.New("an answer to another question")
	errBroken  = errors.New("an answer that is no DNS message")
	errLoop    = errors.New("the aliases (CNAME) go in a circle or have no end")
)

// reply is one answer of a server (RFC 1035, section 4), as far as it is
// needed. Names are in lower case, without the last dot.
type reply struct {
	code      dnsmessage.RCode
	truncated bool
	aliases   map[string]string
	addresses map[string][]netip.Addr
}

// pack makes a query with recursion desired.
func pack(id uint16, name string, t dnsmessage.Type) ([]byte, error) {
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: t, Class: dnsmessage.ClassINET}},
	}
	return m.Pack()
}

// parse reads an answer to the query with this id, name and type. Its errors
// are errForeign, for which a listener goes on listening, and errBroken.
func parse(msg []byte, id uint16, name string, t dnsmessage.Type) (reply, error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return reply{}, errBroken
	}
	q, err := p.Question()
	if err != nil || h.ID != id || !h.Response || h.OpCode != 0 ||
		plain(q.Name) != strings.ToLower(name) || q.Type != t || q.Class != dnsmessage.ClassINET {
		return reply{}, errForeign
	}
	if err := p.SkipAllQuestions(); err != nil {
		return reply{}, errBroken
	}
	r := reply{code: h.RCode, truncated: h.Truncated, aliases: map[string]string{}, addresses: map[string][]netip.Addr{}}
	if r.truncated {
		return r, nil // the rest is asked for over TCP
	}
	for range maxRecords {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return r, nil
		}
		if err != nil || r.take(&p, h) != nil {
			return reply{}, errBroken
		}
	}
	return reply{}, errBroken
}

func (r *reply) take(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) error {
	owner := plain(h.Name)
	switch {
	case h.Class != dnsmessage.ClassINET:
		return p.SkipAnswer()
	case h.Type == dnsmessage.TypeCNAME:
		c, err := p.CNAMEResource()
		if err != nil {
			return err
		}
		if was, ok := r.aliases[owner]; ok && was != plain(c.CNAME) {
			return errBroken // RFC 2181, section 10.1: one alias has one canonical name
		}
		r.aliases[owner] = plain(c.CNAME)
	case h.Type == dnsmessage.TypeA:
		a, err := p.AResource()
		if err != nil {
			return err
		}
		r.addresses[owner] = append(r.addresses[owner], netip.AddrFrom4(a.A))
	case h.Type == dnsmessage.TypeAAAA:
		a, err := p.AAAAResource()
		if err != nil {
			return err
		}
		r.addresses[owner] = append(r.addresses[owner], netip.AddrFrom16(a.AAAA))
	default:
		return p.SkipAnswer()
	}
	return nil
}

func plain(n dnsmessage.Name) string {
	return strings.ToLower(strings.TrimSuffix(n.String(), "."))
}

// answer is what a resolver says in the end.
type answer struct {
	chain     []string // the names on the way, without the first
	addresses []netip.Addr
	missing   bool             // there is no such name
	code      dnsmessage.RCode // another failure, if not success
}

// follow asks for name and goes along its aliases until there are addresses or
// none. A server gives the whole chain as a rule; where it stops, it is asked
// again.
func follow(name string, ask func(name string) (reply, error)) (answer, error) {
	var a answer
	for {
		asked := name
		r, err := ask(asked)
		if err != nil {
			return a, err
		}
		for next, ok := r.aliases[name]; ok; next, ok = r.aliases[name] {
			if len(a.chain) == maxChain {
				return a, errLoop
			}
			name, a.chain = next, append(a.chain, next)
		}
		a.addresses, a.missing = r.addresses[name], r.code == dnsmessage.RCodeNameError
		if r.code != dnsmessage.RCodeSuccess && !a.missing {
			a.code = r.code
		}
		if len(a.addresses) > 0 || a.missing || a.code != 0 || name == asked {
			return a, nil
		}
	}
}

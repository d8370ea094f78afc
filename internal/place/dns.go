package place

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/topology"
)

// lifetime is the time to live of every answer, in seconds: clients must see a
// change of the network at once.
const lifetime = 0

// resolver is a DNS server of a place.
type resolver struct {
	server *Server
	place  string
	udp    net.PacketConn
	tcp    net.Listener
	both   []*dns.Server
}

// DNS is the address of a DNS server on loopback, for UDP and TCP, that answers
// as the place's would. It is opened when first asked for, and stays open until
// Run ends. Errors are *fault.Error: NotFound for an unknown place.
func (s *Server) DNS(ctx context.Context, place string) (string, error) {
	if _, err := s.now().stand(place); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(place)
	r := s.resolvers[key]
	switch {
	case s.closed:
		return "", fault.New(fault.Unavailable, "the emulator is ending")
	case r != nil:
		return r.tcp.Addr().String(), nil
	case len(s.resolvers) >= maxResolvers:
		return "", fault.New(fault.TooLarge, "too many places have a DNS server")
	}
	r, err := openResolver(ctx, s, place)
	if err != nil {
		return "", fault.New(fault.Unavailable, "cannot open a DNS server").Because(err)
	}
	s.resolvers[key] = r
	return r.tcp.Addr().String(), nil
}

// openResolver takes a port that is free for both transports.
func openResolver(ctx context.Context, s *Server, place string) (*resolver, error) {
	var listen net.ListenConfig
	var err error
	for range 8 {
		r := &resolver{server: s, place: place}
		if r.tcp, err = listen.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
		if r.udp, err = listen.ListenPacket(ctx, "udp", r.tcp.Addr().String()); err != nil {
			_ = r.tcp.Close()
			continue
		}
		r.both = []*dns.Server{
			{Listener: &limited{Listener: r.tcp, slots: make(chan struct{}, 64)}, Handler: r, ReadTimeout: negotiateTime, MaxTCPQueries: 128},
			{PacketConn: r.udp, Handler: r, UDPSize: dns.MinMsgSize * 8},
		}
		for _, d := range r.both {
			go func() {
				if err := d.ActivateAndServe(); err != nil && !errors.Is(err, net.ErrClosed) {
					s.log.Debug("a DNS server ended", "err", err)
				}
			}()
		}
		return r, nil
	}
	return nil, err
}

func (r *resolver) close() {
	_ = r.tcp.Close()
	_ = r.udp.Close()
}

// limited keeps the number of connections within its slots.
type limited struct {
	net.Listener
	slots chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &slotted{Conn: conn, free: func() { <-l.slots }}, nil
		default:
			_ = conn.Close()
		}
	}
}

type slotted struct {
	net.Conn
	free func()
	once sync.Once
}

func (c *slotted) Close() error {
	c.once.Do(c.free)
	return c.Conn.Close()
}

// ServeDNS answers a question. The library has refused what is no question:
// with FORMERR, or silence for what looks like an answer.
func (r *resolver) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := r.answer(q)
	if opt := q.IsEdns0(); opt != nil {
		m.SetEdns0(dns.MinMsgSize*8, false)
	}
	if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if opt := q.IsEdns0(); opt != nil {
			size = max(size, int(opt.UDPSize()))
		}
		m.Truncate(min(size, dns.MinMsgSize*8))
	}
	_ = w.WriteMsg(m)
}

func (r *resolver) answer(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	if len(q.Question) != 1 || q.Opcode != dns.OpcodeQuery {
		return m.SetRcodeFormatError(q)
	}
	m.SetReply(q)
	m.RecursionAvailable = true
	ask := q.Question[0]
	if ask.Qclass != dns.ClassINET {
		m.Rcode = dns.RcodeNotImplemented
		return m
	}
	a := r.server.now()
	at, err := a.stand(r.place)
	if err != nil { // it was there once
		m.Rcode = dns.RcodeServerFailure
		return m
	}
	got := a.resolve(at, strings.ToLower(strings.TrimSuffix(ask.Name, ".")))
	m.Rcode, m.Answer = got.records(ask)
	return m
}

// records are the answer to one question: the aliases on the way, and then the
// addresses, which are all of version 4.
func (got resolved) records(ask dns.Question) (rcode int, out []dns.RR) {
	name := ask.Name
	head := func(kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: lifetime}
	}
	for _, l := range got.chain {
		switch l.Type {
		case "CNAME":
			next := dns.Fqdn(l.Value)
			out = append(out, &dns.CNAME{Hdr: head(dns.TypeCNAME), Target: next})
			name = next
		case "NXDOMAIN":
			return dns.RcodeNameError, out
		}
	}
	switch {
	case got.fails:
		return dns.RcodeServerFailure, nil
	case got.why == whyElsewhere && len(got.addrs) == 0 && got.public == nil:
		return outsideCode(got.chain), out
	case ask.Qtype != dns.TypeA:
		return dns.RcodeSuccess, out
	}
	addrs := got.addrs
	if got.public != nil && got.public.Address.IsValid() {
		addrs = []netip.Addr{got.public.Address}
	}
	for _, a := range slices.Compact(slices.Clone(addrs)) {
		if a.Is4() {
			out = append(out, &dns.A{Hdr: head(dns.TypeA), A: net.IP(a.AsSlice())})
		}
	}
	return dns.RcodeSuccess, out
}

// outsideCode is the answer for a name that the emulated internet does not
// have: in Azure's own domains there is no such name, of any other nothing is
// known here.
func outsideCode(chain []topology.Link) int {
	if len(chain) > 0 && chain[len(chain)-1].Type == "" && chain[len(chain)-1].By == topology.ByPublicDNS {
		name := chain[len(chain)-1].Name
		for _, suffix := range []string{".azure.com", ".azure.net", ".windows.net", ".azurecr.io", ".microsoftonline.com", ".microsoft.com"} {
			if strings.HasSuffix(name, suffix) {
				return dns.RcodeNameError
			}
		}
	}
	return dns.RcodeRefused
}

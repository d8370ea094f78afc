package place

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/topology"
)

// Bounds of the proxy and of the DNS servers.
const (
	maxConns      = 1024             // connections at a time
	maxServices   = 256              // services in the network
	maxResolvers  = 64               // places with a DNS server
	maxHead       = 16 << 10         // bytes of an HTTP request's head
	negotiateTime = 10 * time.Second // until a client has said where to
	dialTime      = 10 * time.Second // until the other side has taken the connection
	idleTime      = time.Hour        // of a connection on which nothing moves
)

// Config is what New needs.
type Config struct {
	// Listener takes the clients' connections. Run closes it. Needed.
	Listener net.Listener
	// View is the network as it is now. Needed. A change shows as another
	// pointer.
	View func() *topology.Topology
	// Changed is closed at the next change of what View gives. Nil means that
	// open connections are not looked at again.
	Changed func() <-chan struct{}
	// Cloud is what stands on the emulated internet. Needed.
	Cloud Cloud
	// OutsideRefuses makes an account whose public access is off refuse the
	// connection. Without it the connection is made, and the account answers
	// 403. Both are seen on Azure.
	OutsideRefuses bool
	// Logger is told what was refused and why. Nil discards.
	Logger *slog.Logger
}

// Cloud is the public side of the emulated Azure.
type Cloud interface {
	// Public is what public DNS says of a name in lower case; ok is false for
	// names that the emulated internet does not have.
	Public(name string) (p Public, ok bool)
	// At says whether something answers at a public address.
	At(a netip.Addr) bool
	// SiteDNS is the address in the network that the DNS servers of a site on
	// premises forward to; not valid means that they ask public DNS.
	SiteDNS(site string) netip.Addr
	// Dial opens a destination that is a front or a private endpoint.
	Dial(ctx context.Context, d Destination) (net.Conn, error)
}

// Public is a name on the emulated internet.
type Public struct {
	Address  netip.Addr
	Resource string // id of the resource whose name it is; empty for a service of the platform
	Provider string // whose service endpoint names a subnet to it, for example Microsoft.Storage; empty for none
}

// Destination is a connection that the network allows.
type Destination struct {
	Place    string     // as the client named it
	Host     string     // the name asked for; empty where the client gave an address
	Address  netip.Addr // as the place sees it
	Port     uint16
	Resource string     // id of what the private endpoint leads to, or whose public name Host is
	Endpoint string     // id of the private endpoint; empty for the public front
	Source   netip.Addr // the public address that the front sees; not valid where it sees Subnet
	Subnet   string     // id of the subnet that a service endpoint names to the front
	Service  string     // loopback address of a service in the network; empty for anything of Azure's
}

// Service is a program of this machine that stands in the network: what is
// allowed to reach the place's address and port is dialled to it.
type Service struct {
	At   string // place
	Port uint16
	To   string // host:port on loopback
}

// Server is the proxy. New makes it, Run serves.
type Server struct {
	cfg   Config
	log   *slog.Logger
	slots chan struct{}

	mu        sync.Mutex
	atlas     *atlas
	services  map[*Service]bool
	tunnels   map[*tunnel]bool
	resolvers map[string]*resolver
	closed    bool
}

// New makes a server over a listener. Errors are *fault.Error.
func New(cfg Config) (*Server, error) {
	if cfg.Listener == nil || cfg.View == nil || cfg.Cloud == nil {
		return nil, fault.New(fault.Internal, "places need a listener, a network and a cloud")
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, slots: make(chan struct{}, maxConns),
		services: map[*Service]bool{}, tunnels: map[*tunnel]bool{}, resolvers: map[string]*resolver{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Addr is where the proxy listens.
func (s *Server) Addr() net.Addr { return s.cfg.Listener.Addr() }

// Run serves until ctx ends, then closes every connection. It can run once.
func (s *Server) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer s.close()
	defer stop()
	context.AfterFunc(ctx, func() { _ = s.cfg.Listener.Close() })
	if s.cfg.Changed != nil {
		group.Go(func() { s.watch(ctx) })
	}
	for {
		conn, err := s.cfg.Listener.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fault.New(fault.Internal, "the listener of the places was closed").Because(err)
		case err != nil: // for example no file descriptor is left: others may end
			s.log.Warn("cannot accept", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		select {
		case s.slots <- struct{}{}:
			group.Go(func() {
				defer func() { <-s.slots }()
				s.serve(ctx, conn)
			})
		default:
			s.log.Warn("too many connections at the places", "bound", maxConns)
			_ = conn.Close()
		}
	}
}

// close ends the DNS servers and whatever is still open.
func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, r := range s.resolvers {
		r.close()
	}
	for t := range s.tunnels {
		t.close()
	}
}

// now is the atlas of the network as it is now.
func (s *Server) now() *atlas {
	t := s.cfg.View()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.atlas == nil || s.atlas.Topology != t {
		s.atlas = newAtlas(t, s.cfg.Cloud)
	}
	return s.atlas
}

// Offer puts a service into the network until take is called. Errors are
// *fault.Error: NotFound for an unknown place, Invalid for an address that is
// not on loopback, Conflict where another stands at that place and port.
func (s *Server) Offer(v Service) (take func(), err error) {
	to, err := netip.ParseAddrPort(v.To)
	if err != nil || !to.Addr().IsLoopback() || to.Port() == 0 || v.Port == 0 {
		return nil, fault.New(fault.Invalid, "not a service: "+v.To).Fix("give a port and an address on loopback, for example 8443=127.0.0.1:9000")
	}
	at, err := s.now().stand(v.At)
	if err != nil {
		return nil, err
	}
	if !at.place.Addr().IsValid() || at.internet {
		return nil, fault.New(fault.Invalid, "nothing can stand at "+v.At).Fix("name a machine, an interface or a subnet")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for o := range s.services {
		if o.Port == v.Port && strings.EqualFold(o.At, v.At) {
			return nil, fault.New(fault.Conflict, "something stands there already").At(v.At)
		}
	}
	if len(s.services) >= maxServices {
		return nil, fault.New(fault.TooLarge, "too many services in the network")
	}
	s.services[&v] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.services, &v)
	}, nil
}

// Spot is what is known of a place.
type Spot struct {
	ID      string     // of the resource; empty for the internet
	Address netip.Addr // in its network; not valid for the internet
}

// Spot tells of a place. Errors are *fault.Error: NotFound for an unknown one.
func (s *Server) Spot(name string) (Spot, error) {
	at, err := s.now().stand(name)
	if err != nil || at.internet {
		return Spot{}, err
	}
	return Spot{at.id, at.place.Addr()}, nil
}

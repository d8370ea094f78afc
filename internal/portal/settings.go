package portal

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/revocation"
	"github.com/ostiary/ostiary/internal/secret"
)

// defaultDrain is how long connections may go on where the settings say
// nothing.
const defaultDrain = 30 * time.Second

// InletSettings is the section `inlet` of the configuration file.
type InletSettings struct {
	Directory string   `yaml:"directory" config:"required" doc:"the inlet's member directory, as portal enroll made it"`
	Listen    string   `yaml:"listen" config:"required" doc:"address and port for clients; whoever reaches it speaks as the member"`
	Relays    []string `yaml:"relays" config:"required" doc:"relays as host:port; a session is kept by each, and new connections take the healthiest"`
	Service   string   `yaml:"service" config:"required" doc:"the service, as the ticket named it"`
	Outlet    pki.ID   `yaml:"outlet" config:"required" doc:"the outlet to speak to, spiffe://PROJECT/outlet/MEMBER"`
	Outlets   []pki.ID `yaml:"outlets" doc:"further outlets of the same service, each as good as the first"`
	Allow     []Rule   `yaml:"allow" doc:"what an outlet must be besides being named; default nothing more"`
	Gateway   pki.ID   `yaml:"gateway" doc:"the gateway behind the outlet, spiffe://PROJECT/gateway/MEMBER: clients' connections become mutual TLS with it, as this member; default plain bytes"`
	TLS       *TLS     `yaml:"tls" doc:"certificate shown to clients; default plain TCP"`
	HTTP      *HTTP    `yaml:"http" doc:"take HTTP requests in place of connections, and answer errors as HTTP"`
	Leg       Leg      `yaml:"leg" doc:"how relays are reached"`

	Drain time.Duration `yaml:"drain" doc:"how long clients' connections may go on after SIGTERM; default 30s"`
	Admin string        `yaml:"admin" doc:"private listener for /healthz, /readyz and /metrics; default none"`

	Revocation revocation.Settings `yaml:"revocation" doc:"what to do when nothing is heard of the authority"`
}

// OutletSettings is the section `outlet` of the configuration file.
type OutletSettings struct {
	Directory string     `yaml:"directory" config:"required" doc:"the outlet's member directory, as portal enroll made it"`
	Relays    []string   `yaml:"relays" config:"required" doc:"relays as host:port; legs are kept waiting at each"`
	Service   string     `yaml:"service" config:"required" doc:"the service, as the ticket named it"`
	Target    string     `yaml:"target" config:"required" doc:"host:port of the service, for example the gateway's members listener"`
	TargetTLS *TargetTLS `yaml:"target_tls" doc:"speak TLS to the target; default plain bytes"`
	Allow     []Rule     `yaml:"allow" config:"required" doc:"who may connect; a rule fits when all it says fits"`
	Leg       Leg        `yaml:"leg" doc:"how relays are reached"`

	Drain time.Duration `yaml:"drain" doc:"how long connections may go on after SIGTERM, while inlets move to others; default 30s"`
	Admin string        `yaml:"admin" doc:"private listener for /healthz, /readyz and /metrics; default none"`

	Revocation revocation.Settings `yaml:"revocation" doc:"what to do when nothing is heard of the authority"`
}

// TLS names a certificate's files.
type TLS struct {
	Certificate string `yaml:"certificate" config:"required" doc:"PEM file with the certificate chain"`
	Key         string `yaml:"key" config:"required" doc:"PEM file with its private key"`
}

// TargetTLS is how the outlet verifies its target.
type TargetTLS struct {
	CA   string `yaml:"ca" doc:"PEM file of those that may vouch for the target; default the system's"`
	Name string `yaml:"name" doc:"name that the target's certificate must carry; default its host"`
}

// HTTP makes the inlet an HTTP endpoint.
type HTTP struct {
	Host string `yaml:"host" doc:"Host that requests are sent on with; default the client's"`
}

// Leg is how relays are reached.
type Leg struct {
	Carrier      string        `yaml:"carrier" doc:"auto, tls or websocket; auto, the default, takes WebSocket where TLS does not get through"`
	CA           string        `yaml:"ca" doc:"PEM file of those that may vouch for the HTTPS around a WebSocket and for an HTTPS proxy; default the system's"`
	Proxy        *LegProxy     `yaml:"proxy" doc:"HTTP proxy to go out by; default directly, whatever the environment says"`
	PingEvery    time.Duration `yaml:"ping_every" doc:"time between signs of life; silence of three times that ends a session; default 15s"`
	PadTo        int           `yaml:"pad_to" doc:"round what is sent up to a multiple of so many bytes, 16 to 4096; default nothing is padded"`
	EncryptTwice bool          `yaml:"encrypt_twice" doc:"keep each leg's own encryption around the session's; default no"`
}

// LegProxy is an HTTP proxy that knows CONNECT.
type LegProxy struct {
	Address  string     `yaml:"address" config:"required" doc:"host:port"`
	TLS      bool       `yaml:"tls" doc:"speak HTTPS to the proxy itself"`
	User     string     `yaml:"user" doc:"user for Basic authentication; default none"`
	Password secret.Ref `yaml:"password" doc:"its password: env:NAME or file:PATH"`
}

// Check reports what the types cannot.
func (l Leg) Check(report func(path, what, fix string)) {
	if !slices.Contains([]string{"", channel.Auto, channel.PlainTLS, channel.WebSocket}, l.Carrier) {
		report("carrier", "unknown carrier", "write auto, tls or websocket")
	}
	if l.PingEvery != 0 && (l.PingEvery < time.Second || l.PingEvery > 2*time.Minute) {
		report("ping_every", "out of bounds", "choose 1s to 2m; networks forget silent connections after 4 minutes and less")
	}
	if l.PadTo != 0 && (l.PadTo < 16 || l.PadTo > channel.MaxPadTo) {
		report("pad_to", "out of bounds", "choose 16 to 4096 bytes, such as 512")
	}
	if l.Proxy != nil {
		_, port, err := net.SplitHostPort(l.Proxy.Address)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			report("proxy.address", "not host:port", "write for example proxy.example.com:3128")
		}
	}
}

// Config reads the files and secrets that the settings name.
func (s InletSettings) Config(me pki.Credentials) (InletConfig, error) {
	c := InletConfig{
		Credentials: me, Relays: s.Relays, Service: s.Service, Outlet: s.Outlet, Outlets: s.Outlets, Allow: s.Allow,
		Gateway: s.Gateway, HTTP: s.HTTP, Drain: s.Drain,
	}
	if c.Drain == 0 {
		c.Drain = defaultDrain
	}
	if s.TLS != nil {
		cert, err := tls.LoadX509KeyPair(s.TLS.Certificate, s.TLS.Key)
		if err != nil {
			return c, fault.New(fault.Invalid, "cannot read the inlet's certificate").At(s.TLS.Certificate).Because(err)
		}
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{MemberProtocol}}
	}
	var err error
	c.Leg, err = s.Leg.config()
	return c, err
}

// Config reads the files and secrets that the settings name.
func (s OutletSettings) Config(me pki.Credentials) (OutletConfig, error) {
	c := OutletConfig{
		Credentials: me, Relays: s.Relays, Service: s.Service, Target: s.Target, Allow: s.Allow, Drain: s.Drain,
	}
	if c.Drain == 0 {
		c.Drain = defaultDrain
	}
	if s.TargetTLS != nil {
		roots, err := readRoots(s.TargetTLS.CA)
		if err != nil {
			return c, err
		}
		name := s.TargetTLS.Name
		if name == "" {
			if name, _, err = net.SplitHostPort(s.Target); err != nil {
				return c, fault.New(fault.Invalid, "not host:port").At(s.Target)
			}
		}
		c.TargetTLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: name}
	}
	var err error
	c.Leg, err = s.Leg.config()
	return c, err
}

func (l Leg) config() (c LegConfig, err error) {
	c = LegConfig{Carrier: l.Carrier, PingEvery: l.PingEvery, PadTo: l.PadTo, EncryptTwice: l.EncryptTwice}
	if c.Roots, err = readRoots(l.CA); err != nil || l.Proxy == nil {
		return c, err
	}
	c.Proxy = &channel.Proxy{Address: l.Proxy.Address, TLS: l.Proxy.TLS, User: l.Proxy.User}
	if !l.Proxy.Password.IsZero() {
		c.Proxy.Password, err = l.Proxy.Password.Resolve()
	}
	return c, err
}

// readRoots reads a PEM file of authorities; no file is the system's.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // crypto/tls takes nil as the system's
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the certificates").At(file).Because(err)
	}
	certs, err := pki.ParseCertificates(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the certificates").At(file).Because(err)
	}
	return pki.Pool(certs...), nil
}

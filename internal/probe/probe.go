package probe

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/ostiary/ostiary/internal/secret"
)

// Status says whether what was seen is what should be seen.
type Status string

// An observation that could not be made is unknown, never a pass.
const (
	Pass    Status = "pass"
	Fail    Status = "fail"
	Unknown Status = "unknown"
)

// Observation is one thing that was looked at.
type Observation struct {
	Name   string `json:"name"`   // of the look, see the package comment
	Target string `json:"target"` // the host, and where it matters the resolver or the call
	Expect string `json:"expect"`
	Got    string `json:"got"`
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"` // what it means, or how long it took to come
	// Duration is the time from the first look to this answer, in nanoseconds;
	// it includes the waiting.
	Duration time.Duration `json:"duration"`
	Facts
}

// Endpoint is what is looked at, and what should be seen from here.
type Endpoint struct {
	// Host is the account's name, for example NAME.openai.azure.com.
	Host string
	// Port of TLS. Zero means 443.
	Port int
	// Inside says that this place is meant to reach the private endpoint.
	Inside bool
	// Within says of a place that is not inside that it is in a network beside
	// the endpoint's: there the private address is no secret, and the endpoint
	// must take no connection. False means the internet, where that address is
	// another machine's, and is not tried.
	Within bool
	// Addresses are the private endpoint's. Empty means any private address.
	Addresses []netip.Addr
}

// Config is what Run needs.
type Config struct {
	Endpoints []Endpoint
	// Servers are DNS servers, as address or address:port, each asked over UDP
	// and TCP. See Nameservers for the system's. Empty means none.
	Servers []string
	// DoH are https URLs of resolvers that speak RFC 8484. Empty means none.
	DoH []string
	// Credential gives tokens for the model. Nil means that http-token is not
	// looked at, and that outside calls carry a key.
	Credential azcore.TokenCredential
	// Scope of the tokens. Empty means Azure OpenAI's, in the host's cloud.
	Scope string
	// Key is the account's. Empty means a made-up one, which cannot tell a key
	// that is wrong from keys that are off wherever Azure looks at the key
	// first.
	Key secret.String
	// Roots are what a client here trusts. Nil means the system's.
	Roots *x509.CertPool
	// Known are authorities that may issue the certificate beside Microsoft's
	// and DigiCert's, for example a rehearsal's. They are trusted too.
	Known []*x509.Certificate
	// Timeout of one look. Zero means 10 seconds.
	Timeout time.Duration
	// Wait is how long a look is repeated until it passes: a change takes
	// minutes in Azure. Zero means that each is made once.
	Wait time.Duration
	// Every is the time between two looks. Zero means 10 seconds.
	Every time.Duration
	// Lookup is the system's resolver. Nil means net.DefaultResolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial makes every connection, UDP's too. Nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock that certificates are checked by. Nil means time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Every <= 0 {
		c.Every = 10 * time.Second
	}
	if c.Lookup == nil {
		c.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// prober is one run.
type prober struct {
	Config
	trust trust
}

// look makes some observations of one endpoint.
type look struct {
	e    Endpoint
	make func(context.Context, Endpoint) []Observation
}

var hostName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?){1,8}$`)
})

// Run looks at every endpoint and gives the observations in a fixed order. It
// makes no error: what cannot be seen is an observation that says so. It
// returns early when ctx ends, with what it has.
func Run(ctx context.Context, c Config) []Observation {
	p := &prober{Config: c.withDefaults()}
	p.trust = newTrust(p.Config)
	var looks []look
	for _, e := range c.Endpoints {
		e.Host = strings.ToLower(strings.TrimSuffix(e.Host, "."))
		if e.Port == 0 {
			e.Port = 443
		}
		if !hostName().MatchString(e.Host) {
			looks = append(looks, look{e, func(context.Context, Endpoint) []Observation {
				return []Observation{{Name: "endpoint", Target: strconv.Quote(e.Host), Expect: "a host name", Got: "something else", Status: Unknown}}
			}})
			continue
		}
		looks = append(looks, look{e, p.dns}, look{e, p.tls}, look{e, p.privateLinkName})
		if e.Inside || e.Within && len(e.Addresses) > 0 {
			looks = append(looks, look{e, p.tcp})
		}
		looks = append(looks, p.calls(e)...)
	}
	return p.repeat(ctx, looks)
}

// privateLink is the zone that a host's private endpoint is kept in, and the
// host's name there.
func privateLink(host string) (zone, name string) {
	first, rest, _ := strings.Cut(host, ".")
	zone = "privatelink." + rest
	return zone, first + "." + zone
}

package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxAddresses = 4 // tried of one name

// failure is why there is no connection, by how far it came.
type failure struct {
	stage stage
	err   error
}

type stage int

const (
	noName    stage = iota // the name has no address
	noConnect              // no address takes a connection
	noTLS                  // the handshake broke off
	noTrust                // the certificate is not the host's, or from nobody who is trusted
	noAnswer               // connected, but no answer came
)

func (f *failure) Error() string { return reason(f.err) }
func (f *failure) Unwrap() error { return f.err }

// connect makes a TCP connection to one of the host's addresses.
func (p *prober) connect(ctx context.Context, e Endpoint, host string) (net.Conn, []Try, error) {
	addresses, err := p.lookup(ctx, host)
	if len(addresses) == 0 {
		if err == nil {
			err = errors.New("no address")
		}
		return nil, nil, &failure{noName, err}
	}
	return p.reach(ctx, e, addresses)
}

func (p *prober) reach(ctx context.Context, e Endpoint, addresses []netip.Addr) (net.Conn, []Try, error) {
	var last error
	var tried []Try
	for _, a := range addresses[:min(len(addresses), maxAddresses)] {
		conn, err := p.Dial(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(e.Port)))
		tried = append(tried, Try{a, err == nil})
		if err == nil {
			return conn, tried, nil
		}
		last = err
	}
	return nil, tried, &failure{noConnect, last}
}

// handshake makes TLS from lowest on, and verifies nothing yet.
func handshake(ctx context.Context, conn net.Conn, host string, lowest uint16) (*tls.Conn, error) {
	c := tls.Client(conn, &tls.Config{
		ServerName:         host,
		MinVersion:         lowest,
		InsecureSkipVerify: true, //nolint:gosec // a look at what is wrong needs the certificate; trust.check verifies it
	})
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &failure{noTLS, err}
	}
	return c, nil
}

// trust is what a certificate is judged by.
type trust struct {
	roots *x509.CertPool
	known []*x509.Certificate
	now   func() time.Time
}

func newTrust(c Config) trust {
	roots := c.Roots
	if roots == nil {
		roots, _ = x509.SystemCertPool() // none: nothing is trusted, and the looks say so
	}
	if roots == nil {
		roots = x509.NewCertPool()
	}
	roots = roots.Clone()
	for _, ca := range c.Known {
		roots.AddCert(ca)
	}
	return trust{roots, c.Known, c.Now}
}

// verdict is what a handshake showed.
type verdict struct {
	name       error  // the certificate is not for the host
	chain      error  // nobody who is trusted here signed it
	recognised bool   // and it is from one of those who issue Azure's
	issuer     string // as the chain names it
}

func (t trust) check(state tls.ConnectionState, host string) verdict {
	leaf := state.PeerCertificates[0] // a client's handshake does not end without
	pool := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		pool.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: pool, CurrentTime: t.now()})
	v := verdict{name: leaf.VerifyHostname(host), chain: err, issuer: subject(leaf.Issuer)}
	for _, chain := range chains {
		root := chain[len(chain)-1]
		ours := slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return slices.ContainsFunc(t.known, c.Equal) })
		if ours || azures(leaf.Issuer) && azures(root.Subject) {
			v.recognised = true
		}
	}
	return v
}

// azures reports whether a name is of those who sign for Azure:
// https://learn.microsoft.com/azure/security/fundamentals/azure-ca-details
func azures(n pkix.Name) bool {
	return slices.ContainsFunc(n.Organization, func(o string) bool {
		return slices.Contains([]string{"Microsoft Corporation", "DigiCert Inc", "DigiCert, Inc."}, o)
	})
}

func subject(n pkix.Name) string {
	return clean(strings.Trim(strings.Join(n.Organization, " ")+": "+n.CommonName, ": "), 200)
}

// tls looks at the handshake for the host's name.
func (p *prober) tls(ctx context.Context, e Endpoint) []Observation {
	version := Observation{Name: "tls-version", Target: e.Host, Expect: "TLS 1.2 or later", Status: Fail}
	name := Observation{Name: "tls-name", Target: e.Host, Expect: "a certificate for " + e.Host, Status: Fail}
	issuer := Observation{Name: "tls-issuer", Target: e.Host, Expect: "a certificate from Microsoft or DigiCert", Status: Fail}
	state, err := p.shake(ctx, e, e.Host)
	if err != nil {
		all := []Observation{version, name, issuer}
		for i := range all {
			all[i].noTLS(e, err)
		}
		if f, ok := errors.AsType[*failure](err); ok && e.Inside && f.stage == noTLS {
			all[0].Status = Fail // it takes connections, and speaks none that is offered
		}
		return all
	}
	version.Got = tls.VersionName(state.Version)
	if state.Version >= tls.VersionTLS12 {
		version.Status = Pass
	}
	v := p.trust.check(state, e.Host)
	name.Got = "a certificate for " + names(state.PeerCertificates[0])
	if v.name == nil {
		name.Status = Pass
	}
	issuer.Got = v.issuer
	switch {
	case v.chain != nil:
		issuer.Detail = "not trusted here: " + reason(v.chain)
	case !v.recognised:
		issuer.Detail = "trusted here, but not Azure's: somebody between here and Azure reads along"
	default:
		issuer.Status = Pass
	}
	return []Observation{version, name, issuer}
}

// noTLS fills an observation for which there was no handshake.
func (o *Observation) noTLS(e Endpoint, err error) {
	o.Got, o.Status = "no connection: "+reason(err), Unknown
	if e.Inside {
		return // tcp says what is wrong
	}
	o.Expect += ", or no connection"
	if f, ok := errors.AsType[*failure](err); ok && f.stage != noName {
		o.Status = Pass
	}
}

// shake makes a handshake that offers old versions too, to see what is taken.
func (p *prober) shake(ctx context.Context, e Endpoint, host string) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	conn, _, err := p.connect(ctx, e, host)
	if f, ok := errors.AsType[*failure](err); ok && f.stage == noName && host != e.Host {
		conn, _, err = p.connect(ctx, e, e.Host) // the look is about the certificate
	}
	if err != nil {
		return tls.ConnectionState{}, err
	}
	secure, err := handshake(ctx, conn, host, tls.VersionTLS10)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer func() { _ = secure.Close() }()
	return secure.ConnectionState(), nil
}

// privateLinkName looks whether a call to the private link name would fail, as
// it must: the certificate does not cover it.
func (p *prober) privateLinkName(ctx context.Context, e Endpoint) []Observation {
	_, host := privateLink(e.Host)
	o := Observation{Name: "tls-privatelink", Target: host, Expect: "a certificate that is not for this name", Status: Fail}
	state, err := p.shake(ctx, e, host)
	if err != nil {
		o.noTLS(e, err)
		return []Observation{o}
	}
	v := p.trust.check(state, host)
	o.Got = "a certificate for " + names(state.PeerCertificates[0])
	if v.name != nil {
		o.Status = Pass
	} else {
		o.Detail = "whoever answers makes certificates for any name: this is not Azure"
	}
	return []Observation{o}
}

func names(c *x509.Certificate) string {
	all := c.DNSNames
	if len(all) > 5 {
		all = append(slices.Clone(all[:5]), "…")
	}
	if len(all) == 0 {
		return "no name"
	}
	return clean(strings.Join(all, ", "), 300)
}

// tcp looks whether the endpoint's address takes connections: from inside it
// must, from the networks beside it must not.
func (p *prober) tcp(ctx context.Context, e Endpoint) []Observation {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	o := Observation{Name: "tcp", Target: e.Host, Expect: "a connection to port " + strconv.Itoa(e.Port), Status: Fail}
	if !e.Inside {
		o.Expect = "no connection to port " + strconv.Itoa(e.Port)
	}
	var conn net.Conn
	var err error
	if len(e.Addresses) > 0 { // whatever the resolver says
		o.Target += " at " + join(e.Addresses)
		conn, o.Tried, err = p.reach(ctx, e, e.Addresses)
	} else {
		conn, o.Tried, err = p.connect(ctx, e, e.Host)
	}
	if err == nil {
		_ = conn.Close()
		o.Got, o.Seen = "connected", SeenConnection
	} else {
		o.Got = "no connection: " + reason(err)
		if f, ok := errors.AsType[*failure](err); ok {
			o.Seen = f.stage.seen()
		}
	}
	switch {
	case (err == nil) == e.Inside:
		o.Status = Pass
	case !e.Inside:
		o.Detail = "the endpoint takes connections from a place that is not meant to reach it"
	}
	return []Observation{o}
}

// reason is an error in a few words.
func reason(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "no answer in time"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return clean(err.Error(), 300)
}

// clean keeps the printable part of a foreign text, and about n bytes.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return ' '
		}
		return r
	}, s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

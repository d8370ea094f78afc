package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/net/dns/dnsmessage"
)

const (
	host    = "demo.openai.azure.com"
	linked  = "demo.privatelink.openai.azure.com"
	manager = "eastus.manager.example"
	inner   = "10.1.2.4"
	outer   = "203.0.113.7"
	token   = "canary-token-31ab"
	key     = "canary-key-77fe"
)

// world is a network of loopback listeners under other addresses.
type world struct {
	t      *testing.T
	routes map[string]string // "tcp 10.1.2.4:443" to the listener's address; "hang" never connects
	names  map[string][]netip.Addr
	ca     authority
}

func newWorld(t *testing.T) *world {
	return &world{t: t, routes: map[string]string{}, names: map[string][]netip.Addr{}, ca: newAuthority(t, "Microsoft Corporation", "Microsoft Corporation")}
}

func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	switch to := w.routes[network+" "+address]; to {
	case "":
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	case "hang":
		<-ctx.Done()
		return nil, ctx.Err()
	default:
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
}

func (w *world) lookup(_ context.Context, name string) ([]netip.Addr, error) {
	if found, ok := w.names[name]; ok {
		return found, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (w *world) config(e ...Endpoint) Config {
	return Config{
		Endpoints: e, Roots: w.ca.pool(), Timeout: 5 * time.Second,
		Dial: w.dial, Lookup: w.lookup,
	}
}

// inside makes the world as a linked network sees it.
func (w *world) inside(h http.Handler) Endpoint {
	w.names[host] = []netip.Addr{netip.MustParseAddr(inner)}
	w.names[linked] = w.names[host]
	w.routes["tcp "+inner+":443"] = w.https(h, w.ca.issue(w.t, "*.openai.azure.com"), 0)
	return Endpoint{Host: host, Inside: true, Addresses: w.names[host]}
}

// outside makes it as the internet sees it.
func (w *world) outside(h http.Handler) Endpoint {
	w.names[host] = []netip.Addr{netip.MustParseAddr(outer)}
	w.names[linked] = w.names[host]
	w.routes["tcp "+outer+":443"] = w.https(h, w.ca.issue(w.t, "*.openai.azure.com"), 0)
	return Endpoint{Host: host}
}

func (w *world) https(h http.Handler, cert tls.Certificate, highest uint16) string {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: highest}
	s.StartTLS()
	w.t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// authority is a root and an intermediate below it.
type authority struct{ root, issuer *x509.Certificate }

func (a authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.root)
	return p
}

var keys atomic.Pointer[map[*x509.Certificate]*ecdsa.PrivateKey] // of test authorities

func sign(t *testing.T, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parent == nil {
		parent, parentKey = template, private
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, private
}

func newAuthority(t *testing.T, rootOrganisation, issuerOrganisation string) authority {
	ca := func(name, organisation string) *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{CommonName: name, Organization: []string{organisation}},
			IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	root, rootKey := sign(t, ca("Test Root", rootOrganisation), nil, nil)
	issuer, issuerKey := sign(t, ca("Test Issuing CA 01", issuerOrganisation), root, rootKey)
	all := map[*x509.Certificate]*ecdsa.PrivateKey{issuer: issuerKey}
	if old := keys.Load(); old != nil {
		for c, k := range *old {
			all[c] = k
		}
	}
	keys.Store(&all)
	return authority{root, issuer}
}

func (a authority) issue(t *testing.T, names ...string) tls.Certificate {
	leaf, private := sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names}, a.issuer, (*keys.Load())[a.issuer])
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, a.issuer.Raw}, PrivateKey: private}
}

// records answers as a zone: by "name type". A name without any is missing.
type records map[string][]string

// azure is the public chain, and azureLinked what a linked network sees.
func azurePublic() records {
	return records{host + " CNAME": {linked}, linked + " CNAME": {manager}, manager + " A": {outer}}
}

func azureLinked() records {
	return records{host + " CNAME": {linked}, linked + " A": {inner}}
}

// reply answers a query with the whole chain, as a recursive server does.
func (z records) reply(query []byte, limit int) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable = true, true
	name := strings.TrimSuffix(q.Name.String(), ".")
	for range limit {
		if next := z[name+" CNAME"]; len(next) > 0 {
			m.Answers = append(m.Answers, record(name, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(next[0] + ".")}))
			name = next[0]
			continue
		}
		break
	}
	word := strings.TrimPrefix(q.Type.String(), "Type")
	for _, text := range z[name+" "+word] {
		a := netip.MustParseAddr(text)
		if a.Is4() {
			m.Answers = append(m.Answers, record(name, &dnsmessage.AResource{A: a.As4()}))
		} else {
			m.Answers = append(m.Answers, record(name, &dnsmessage.AAAAResource{AAAA: a.As16()}))
		}
	}
	if !z.has(name) {
		m.RCode = dnsmessage.RCodeNameError
	}
	packed, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return packed
}

func (z records) has(name string) bool {
	for k := range z {
		if strings.HasPrefix(k, name+" ") {
			return true
		}
	}
	return false
}

func record(name string, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name + "."), Class: dnsmessage.ClassINET, TTL: 10},
		Body:   body,
	}
}

// dnsServer serves over both transports at the given address of the world. The
// handler gives the messages to send, of which UDP may have several.
func (w *world) dnsServer(address string, handle func(query []byte, tcp bool) [][]byte) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	streams, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { packets.Close(); streams.Close() })
	w.routes["udp "+address], w.routes["tcp "+address] = packets.LocalAddr().String(), streams.Addr().String()
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := packets.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, m := range handle(slices.Clone(buf[:n]), false) {
				packets.WriteTo(m, from)
			}
		}
	}()
	go func() {
		for {
			conn, err := streams.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				var size [2]byte
				io.ReadFull(conn, size[:])
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				io.ReadFull(conn, query)
				for _, m := range handle(query, true) {
					conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
				}
			}()
		}
	}()
}

func (w *world) zone(address string, z records) {
	w.dnsServer(address, func(query []byte, _ bool) [][]byte { return [][]byte{z.reply(query, 20)} })
}

type fixed string

func (f fixed) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(f), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// named are the observations of one name.
func named(all []Observation, name string) []Observation {
	var found []Observation
	for _, o := range all {
		if o.Name == name {
			found = append(found, o)
		}
	}
	return found
}

func wantStatus(t *testing.T, all []Observation, name string, want Status, got string) {
	t.Helper()
	found := named(all, name)
	if len(found) == 0 {
		t.Errorf("no %s among %s", name, dump(all))
	}
	for _, o := range found {
		if o.Status != want || !strings.Contains(o.Got+" "+o.Detail, got) {
			t.Errorf("%s, want %s with %q", dump([]Observation{o}), want, got)
		}
	}
}

func dump(all []Observation) string {
	text, _ := json.MarshalIndent(all, "", " ")
	return string(text)
}

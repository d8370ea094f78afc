package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/ostiary/ostiary/internal/cli"
)

const (
	modelHost = "aoai-main.openai.azure.com"
	modelZone = "aoai-main.privatelink.openai.azure.com"
	inner     = "10.0.2.4"
	outer     = "203.0.113.7"
)

// world is what a machine sees of the account: what its names lead to, and who
// lets it in.
type world struct {
	address string // of both names
	inner   http.HandlerFunc
	outer   http.HandlerFunc
}

// worlds of the estate one-vnet.json. A handler that is nil takes no connection.
func worlds() map[string]world {
	return map[string]world{
		"linked":   {inner, serve, refuse},
		"unlinked": {outer, serve, refuse},
		"cut":      {inner, nil, refuse},
		"ajar":     {outer, serve, serve},
	}
}

// at runs ostiary as if on another machine: `at ADDRESS WORLD ARGS…`. All its
// connections end on loopback.
func at() {
	w, ok := worlds()[os.Args[2]]
	if !ok {
		log.Fatal("no such world")
	}
	authority, leaf := certificates()
	routes := map[string]string{"udp 10.0.0.53:53": w.resolve("udp"), "tcp 10.0.0.53:53": w.resolve("tcp")}
	for address, handler := range map[string]http.HandlerFunc{inner: w.inner, outer: w.outer} {
		if handler != nil {
			routes["tcp "+address+":443"] = front(handler, leaf)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	here := cli.Machine{
		Addresses: []netip.Addr{netip.MustParseAddr(os.Args[1])}, Nameservers: []string{"10.0.0.53"},
		Roots: roots, Credential: sampleToken{},
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr(w.address)}, nil
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			to, ok := routes[network+" "+address]
			if !ok {
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
			return (&net.Dialer{}).DialContext(ctx, network, to)
		},
	}
	os.Exit(here.Main("test", os.Args[3:], os.Stdin, os.Stdout, os.Stderr))
}

type sampleToken struct{}

func (sampleToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "sample", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// serve is an account that is reached: keys are off, tokens are let in.
func serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Api-Key") == "" {
		return
	}
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, `{"error":{"code":"AuthenticationTypeDisabled","message":"Key based authentication is disabled for this resource."}}`)
}

// refuse is its public front, with public access off.
func refuse(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, `{"error":{"code":"AccessDenied","message":"Public access is disabled. Please configure private endpoint."}}`)
}

func front(h http.Handler, cert tls.Certificate) string {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.StartTLS()
	return s.Listener.Addr().String()
}

// certificates are an authority by a name that is recognised, and the
// account's.
func certificates() (*x509.Certificate, tls.Certificate) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	name := pkix.Name{CommonName: "Rehearsal", Organization: []string{"Microsoft Corporation"}}
	template := func(subject pkix.Name, names ...string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: subject, DNSNames: names, KeyUsage: x509.KeyUsageCertSign,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: len(names) == 0, BasicConstraintsValid: true,
		}
	}
	ca := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template(name), template(name), key.Public(), key))))
	leaf := must(x509.CreateCertificate(rand.Reader, template(pkix.Name{CommonName: modelHost}, "*.openai.azure.com"), ca, key.Public(), key))
	return ca, tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: key}
}

// resolve serves the world's names over one transport and gives its address.
func (w world) resolve(network string) string {
	if network == "udp" {
		conn := must(net.ListenPacket("udp", "127.0.0.1:0"))
		go func() {
			buf := make([]byte, 2048)
			for {
				n, from, err := conn.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = conn.WriteTo(w.reply(buf[:n]), from)
			}
		}()
		return conn.LocalAddr().String()
	}
	ln := must(net.Listen("tcp", "127.0.0.1:0"))
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			var size [2]byte
			_, _ = io.ReadFull(conn, size[:])
			query := make([]byte, binary.BigEndian.Uint16(size[:]))
			_, _ = io.ReadFull(conn, query)
			answer := w.reply(query)
			_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			_ = conn.Close()
		}
	}()
	return ln.Addr().String()
}

// reply is the chain of names as Azure gives it.
func (w world) reply(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response = true
	head := func(name string) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name + "."), Class: dnsmessage.ClassINET, TTL: 10}
	}
	switch strings.TrimSuffix(m.Questions[0].Name.String(), ".") {
	case modelHost:
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head(modelHost), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(modelZone + ".")}})
	case modelZone:
	default:
		m.RCode = dnsmessage.RCodeNameError
		return must(m.Pack())
	}
	if m.Questions[0].Type == dnsmessage.TypeA {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head(modelZone), Body: &dnsmessage.AResource{A: netip.MustParseAddr(w.address).As4()}})
	}
	return must(m.Pack())
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

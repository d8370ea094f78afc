package channel

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
	"github.com/ostiary/ostiary/internal/secret"
)

var relayID = pki.ID{Project: "demo", Role: pki.Relay, Member: "r"}

// serveEach runs serve for every connection to a loopback port.
func serveEach(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = ln.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				serve(conn)
			})
		}
	})
	return ln.Addr().String()
}

// doorOf is a relay's door that greets every leg by its member's name.
func doorOf(t *testing.T, me pki.Credentials) (address string) {
	door := NewDoor(me, nil, new(Pool))
	return serveEach(t, func(raw net.Conn) {
		leg, err := door.Accept(context.Background(), raw)
		if err != nil {
			return
		}
		peer, _, _ := pki.MemberOf(leg.ConnectionState().PeerCertificates[0])
		_ = NewLeg(leg).Send(Ready, peer.String())
		_, _ = io.Copy(io.Discard, leg)
	})
}

func greeting(t *testing.T, leg *tls.Conn) string {
	t.Helper()
	defer func() { _ = leg.Close() }()
	what, text, err := NewLeg(leg).Next()
	if err != nil || what != Ready {
		t.Fatalf("the leg carries %d, %v", what, err)
	}
	return text
}

func pipeTo(conn net.Conn, address string) {
	next, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(next, conn); _ = next.Close() }()
	_, _ = io.Copy(conn, next)
	_ = conn.Close()
}

func TestLegsByEveryCarrier(t *testing.T) {
	ca := pkitest.Project(t, "demo")
	me, relay := pkitest.Member(t, ca, inletID), doorOf(t, pkitest.Member(t, ca, relayID))
	proxied := ""
	proxy := serveEach(t, func(conn net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil || req.Method != http.MethodConnect {
			return
		}
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass word"))
		switch {
		case req.Header.Get("Proxy-Authorization") != want:
			_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nwhat")
		case req.Host != relay:
			_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\n\r\n")
		default:
			proxied = req.Host
			_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
			pipeTo(conn, relay)
		}
	})
	good := &Proxy{Address: proxy, User: "user", Password: secret.New("pass word")}
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // the environment is not asked
	for name, c := range map[string]struct {
		carrier *Carrier
		proxied bool
	}{
		"TLS":                       {&Carrier{Way: PlainTLS}, false},
		"WebSocket":                 {&Carrier{Way: WebSocket}, false},
		"auto":                      {&Carrier{}, false},
		"TLS by a proxy":            {&Carrier{Way: PlainTLS, Proxy: good}, true},
		"WebSocket by the proxy":    {&Carrier{Way: WebSocket, Proxy: good}, true},
		"a proxy's word is checked": {&Carrier{Proxy: good}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c.carrier.Credentials, c.carrier.Pool, proxied = me, new(Pool), ""
			leg, err := c.carrier.Dial(t.Context(), relay)
			if err != nil {
				t.Fatal(err)
			}
			if got := greeting(t, leg); got != inletID.String() {
				t.Errorf("the relay sees %s", got)
			}
			if c.proxied != (proxied != "") {
				t.Errorf("proxied: %q", proxied)
			}
		})
	}
	for name, c := range map[string]struct {
		proxy *Proxy
		relay string
		want  string
	}{
		"wrong password": {&Proxy{Address: proxy, User: "user", Password: secret.New("other")}, relay, "wants other credentials"},
		"no password":    {&Proxy{Address: proxy}, relay, "wants other credentials"},
		"not allowed":    {good, "elsewhere.example:443", "answered 403"},
		"no proxy":       {&Proxy{Address: "127.0.0.1:1"}, relay, "cannot reach the proxy"},
		"no HTTP":        {&Proxy{Address: relay}, relay, "no proper answer"},
	} {
		_, err := (&Carrier{Credentials: me, Pool: new(Pool), Proxy: c.proxy}).Dial(t.Context(), c.relay)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "other\"") || strings.Contains(err.Error(), "pass word") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A box that opens TLS and passes HTTP alone: the leg's own TLS is inside, and
// it still proves the relay to us and us to the relay.
func TestWebSocketPassesABoxThatOpensTLS(t *testing.T) {
	ca := pkitest.Project(t, "demo")
	me := pkitest.Member(t, ca, inletID)
	relay := doorOf(t, pkitest.Member(t, ca, relayID))
	boxRoot, boxCert := ownCertificate(t, "127.0.0.1")
	box := serveEach(t, func(raw net.Conn) {
		front := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{boxCert}, NextProtos: []string{"http/1.1"}})
		if front.Handshake() != nil {
			return
		}
		back, err := tls.Dial("tcp", relay, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(back, front); _ = back.Close() }()
		_, _ = io.Copy(front, back)
	})
	trusting := &Carrier{Credentials: me, Pool: new(Pool), Roots: boxRoot}
	for range 2 { // found out, then remembered
		leg, err := trusting.Dial(t.Context(), box)
		if err != nil {
			t.Fatal(err)
		}
		if got := greeting(t, leg); got != inletID.String() {
			t.Errorf("the relay sees %s", got)
		}
	}
	if got := trusting.ways(box)[0]; got != WebSocket {
		t.Errorf("what worked was not remembered: %s first", got)
	}
	for name, c := range map[string]*Carrier{
		"a box that we do not trust": {Credentials: me, Pool: new(Pool)},
		"TLS alone":                  {Credentials: me, Pool: new(Pool), Roots: boxRoot, Way: PlainTLS},
	} {
		if _, err := c.Dial(t.Context(), box); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Behind the address stands somebody else, by either carrier.
func TestCarriersRefuseAnImpostor(t *testing.T) {
	ca, other := pkitest.Project(t, "demo"), pkitest.Project(t, "other")
	me := pkitest.Member(t, ca, inletID)
	for name, relay := range map[string]pki.Credentials{
		"an outlet":               pkitest.Member(t, ca, outletID),
		"another project's relay": pkitest.Member(t, other, pki.ID{Project: "other", Role: pki.Relay, Member: "r"}),
	} {
		address := doorOf(t, relay)
		for _, way := range []string{PlainTLS, WebSocket} {
			if _, err := (&Carrier{Credentials: me, Pool: new(Pool), Way: way}).Dial(t.Context(), address); err == nil {
				t.Errorf("%s passed for our relay by %s", name, way)
			}
		}
	}
}

// ownCertificate is a certificate for an address, and those who trust it.
func ownCertificate(t *testing.T, address string) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pki.Pool(cert), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

//go:build !production

package cli

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"

	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/fault"
)

// What `emulate exec` tells an ostiary that it runs.
const (
	rehearsalVariable = "OSTIARY_REHEARSAL" // the emulator's state directory
	placeVariable     = "OSTIARY_PLACE"
)

// hereAndNow is the machine that a command runs on. Within `emulate exec` that
// is the place: its address, its DNS server, and connections from there.
func hereAndNow() Machine {
	state, from := os.Getenv(rehearsalVariable), os.Getenv(placeVariable)
	if state == "" || from == "" {
		return Machine{}
	}
	r, err := emulator.ReadRehearsal(state)
	if err != nil {
		return unreachable(err)
	}
	at, err := standing(context.Background(), r, from)
	if err != nil {
		return unreachable(err)
	}
	m := Machine{Addresses: []netip.Addr{}, Nameservers: []string{at.DNS}, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialFrom(ctx, r.Places, at, network, address)
	}}
	if a, err := netip.ParseAddr(at.Addresses); err == nil {
		m.Addresses = append(m.Addresses, a)
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, at.DNS)
	}}
	m.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return resolver.LookupNetIP(ctx, "ip4", host)
	}
	m.Roots, m.Known = trusted(r.CA)
	return m
}

// unreachable is a machine from which nothing is reached: better than one that
// looks at the real world by mistake.
func unreachable(why error) Machine {
	return Machine{
		Addresses: []netip.Addr{}, Nameservers: []string{},
		Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, why },
		Dial:   func(context.Context, string, string) (net.Conn, error) { return nil, why },
	}
}

func trusted(file string) (*x509.CertPool, []*x509.Certificate) {
	pool := x509.NewCertPool()
	data, err := os.ReadFile(file)
	block, _ := pem.Decode(data)
	if err != nil || block == nil {
		return pool, nil
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return pool, nil
	}
	pool.AddCert(ca)
	return pool, []*x509.Certificate{ca}
}

// dialFrom connects from the place. The place's own DNS server is asked as it
// is; any other goes through the network, where datagrams do not.
func dialFrom(ctx context.Context, proxy string, at emulator.Standing, network, address string) (net.Conn, error) {
	var d net.Dialer
	if address == at.DNS {
		return d.DialContext(ctx, network, address)
	}
	if network[:3] != "tcp" {
		return nil, fault.New(fault.Unavailable, "only TCP goes through the emulated network")
	}
	conn, err := d.DialContext(ctx, "tcp", proxy)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	tunnel, err := connectThrough(conn, at.Place, address)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return tunnel, nil
}

// connectThrough asks a proxy for a tunnel (RFC 9110, section 9.3.6).
func connectThrough(conn net.Conn, place, address string) (net.Conn, error) {
	user := proxyUser(place)
	password, _ := user.Password()
	login := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic %s\r\n\r\n", address, address, login); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fault.New(fault.Unavailable, "the emulated network does not let it through").At(resp.Header.Get("X-Ostiary-Reason"))
	}
	return readThrough{conn, r}, nil
}

// readThrough reads what a reader has taken from the connection already.
type readThrough struct {
	net.Conn
	r *bufio.Reader
}

func (c readThrough) Read(p []byte) (int, error) { return c.r.Read(p) }

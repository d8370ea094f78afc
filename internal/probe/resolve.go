package probe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const maxMessage = 65535 // bytes: what TCP's length prefix allows

// exchange sends one query and gives its answer.
type exchange func(ctx context.Context, name string, t dnsmessage.Type) (reply, error)

// resolver is a server over one transport.
type resolver struct {
	name string // as an observation names it
	ask  exchange
}

// resolvers are the given ones; the system's is asked through Lookup.
func (p *prober) resolvers() []resolver {
	all := make([]resolver, 0, 2*len(p.Servers)+len(p.DoH))
	for _, s := range p.Servers {
		address, err := serverAddress(s)
		if err != nil {
			all = append(all, resolver{s, func(context.Context, string, dnsmessage.Type) (reply, error) { return reply{}, err }})
			continue
		}
		all = append(all, resolver{s + " udp", p.udp(address)}, resolver{s + " tcp", p.tcpExchange(address)})
	}
	for _, u := range p.DoH {
		all = append(all, resolver{u, p.doh(u)})
	}
	return all
}

func serverAddress(s string) (string, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 53).String(), nil
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return "", errors.New("not the address of a DNS server")
	}
	return a.String(), nil
}

// udp asks twice before it gives up, and over TCP where the answer was cut
// (RFC 7766, section 5). Answers to other questions are not taken: somebody
// may be guessing.
func (p *prober) udp(address string) exchange {
	over := p.tcpExchange(address)
	return func(ctx context.Context, name string, t dnsmessage.Type) (r reply, err error) {
		for range 2 {
			if r, err = p.udpOnce(ctx, address, name, t); err == nil || ctx.Err() != nil {
				break
			}
		}
		if err == nil && r.truncated {
			return over(ctx, name, t)
		}
		return r, err
	}
}

func (p *prober) udpOnce(ctx context.Context, address, name string, t dnsmessage.Type) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout/2)
	defer cancel()
	id := randomID()
	conn, err := p.open(ctx, "udp", address)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = conn.Close() }()
	query, err := pack(id, name, t)
	if err != nil {
		return reply{}, err
	}
	if _, err := conn.Write(query); err != nil {
		return reply{}, err
	}
	buf := make([]byte, maxMessage)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return reply{}, err
		}
		if r, err := parse(buf[:n], id, name, t); err == nil {
			return r, nil
		}
	}
}

func (p *prober) tcpExchange(address string) exchange {
	return func(ctx context.Context, name string, t dnsmessage.Type) (reply, error) {
		ctx, cancel := context.WithTimeout(ctx, p.Timeout)
		defer cancel()
		id := randomID()
		query, err := pack(id, name, t)
		if err != nil {
			return reply{}, err
		}
		conn, err := p.open(ctx, "tcp", address)
		if err != nil {
			return reply{}, err
		}
		defer func() { _ = conn.Close() }()
		framed := binary.BigEndian.AppendUint16(nil, uint16(len(query))) //nolint:gosec // a query is at most 271 bytes
		if _, err := conn.Write(append(framed, query...)); err != nil {
			return reply{}, err
		}
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return reply{}, err
		}
		msg := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, msg); err != nil {
			return reply{}, err
		}
		r, err := parse(msg, id, name, t)
		if r.truncated {
			return reply{}, errBroken
		}
		return r, err
	}
}

// open connects; what waits for the connection ends with ctx, which must end.
func (p *prober) open(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := p.Dial(ctx, network, address)
	if err == nil {
		context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	}
	return conn, err
}

// doh asks by POST, with id 0 (RFC 8484, section 4.1).
func (p *prober) doh(url string) exchange {
	return func(ctx context.Context, name string, t dnsmessage.Type) (reply, error) {
		ctx, cancel := context.WithTimeout(ctx, p.Timeout)
		defer cancel()
		query, err := pack(0, name, t)
		if err != nil {
			return reply{}, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(query))
		if err != nil {
			return reply{}, errors.New("not a URL")
		}
		if req.URL.Scheme != "https" {
			return reply{}, errors.New("not an https URL")
		}
		const media = "application/dns-message"
		req.Header.Set("Content-Type", media)
		req.Header.Set("Accept", media)
		resp, err := p.usual(ctx).RoundTrip(req) // not a Client: a redirect is no answer
		if err != nil {
			return reply{}, err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != media {
			return reply{}, fmt.Errorf("HTTP %d, not a DNS answer", resp.StatusCode)
		}
		msg, err := io.ReadAll(io.LimitReader(resp.Body, maxMessage+1))
		if err != nil || len(msg) > maxMessage {
			return reply{}, errBroken
		}
		return parse(msg, 0, name, t)
	}
}

func randomID() uint16 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return binary.BigEndian.Uint16(b[:])
}

// Nameservers reads the servers of an /etc/resolv.conf: at most three, as the
// C library takes, and of at most 64 KiB.
func Nameservers(resolvConf io.Reader) []string {
	var servers []string
	lines := bufio.NewScanner(io.LimitReader(resolvConf, 64<<10))
	for lines.Scan() && len(servers) < 3 {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if _, err := netip.ParseAddr(f[1]); err == nil {
			servers = append(servers, f[1])
		}
	}
	return servers
}

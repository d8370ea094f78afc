//go:build azurerm

package azurerm_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ostiary/ostiary/internal/emulator"
)

// Addresses that a machine of Azure's finds on its wire, and one for what the
// test serves of the internet.
const (
	platformDNS     = "168.63.129.16"
	platformIMDS    = "169.254.169.254"
	downloadAddress = "203.0.113.80"
	wireGate        = "169.254.1.1"
)

// wire is what a machine's network card is plugged into: a namespace of its own
// with the card, and one beside it where everything that comes out of the card
// is led to the machine's place in the emulated network. Nothing is forwarded
// by the kernel, so that no packet leaves by another way.
type wire struct {
	t       *testing.T
	r       emulator.Rehearsal
	at      emulator.Standing
	machine string // the machine's namespace
	beside  string // that of the other end
	names   map[string]string
}

// plug makes the wire of a place. names are of the internet outside Azure.
func (w *world) plug(place string, names map[string]string, download http.Handler) *wire {
	w.t.Helper()
	r, err := emulator.ReadRehearsal(w.state)
	if err != nil {
		w.t.Fatal(err)
	}
	x := &wire{t: w.t, r: r, names: names}
	if err := x.api(http.MethodGet, "api/place", url.Values{"from": {place}}, &x.at); err != nil {
		w.t.Fatal(place, err)
	}
	x.machine, x.beside = namespace(w.t, "m"), namespace(w.t, "w")
	for _, args := range [][]string{
		{"link", "add", "eth0", "netns", x.machine, "type", "veth", "peer", "name", "wire", "netns", x.beside},
		{"-n", x.machine, "address", "add", x.at.Addresses + "/32", "dev", "eth0"},
		{"-n", x.machine, "link", "set", "eth0", "up"},
		{"-n", x.machine, "route", "add", "default", "via", wireGate, "dev", "eth0", "onlink"},
		{"-n", x.beside, "address", "add", wireGate + "/32", "dev", "wire"},
		{"-n", x.beside, "link", "set", "wire", "up"},
		{"-n", x.beside, "route", "add", x.at.Addresses + "/32", "dev", "wire"},
	} {
		ip(w.t, args...)
	}
	x.lead(download)
	return x
}

// lead takes what comes by the wire: DNS, the metadata service, the download,
// and every other connection.
func (x *wire) lead(download http.Handler) {
	x.t.Helper()
	any, imds, web := x.listen("0.0.0.0:0"), x.listen("0.0.0.0:0"), x.listen("0.0.0.0:0")
	var packets net.PacketConn
	x.in(x.beside, func() (err error) {
		packets, err = net.ListenPacket("udp4", "0.0.0.0:0")
		return err
	})
	port := func(a net.Addr) string { return a.String()[strings.LastIndex(a.String(), ":")+1:] }
	rules := fmt.Sprintf(`table ip wire {
  chain in {
    type nat hook prerouting priority dstnat;
    iifname "wire" ip daddr %s tcp dport 80 redirect to :%s
    iifname "wire" ip daddr %s tcp dport 443 redirect to :%s
    iifname "wire" meta l4proto tcp redirect to :%s
    iifname "wire" ip daddr %s udp dport 53 redirect to :%s
  }
}`, platformIMDS, port(imds.Addr()), downloadAddress, port(web.Addr()), port(any.Addr()), platformDNS, port(packets.LocalAddr()))
	c := exec.Command("ip", "netns", "exec", x.beside, "nft", "-f", "-")
	c.Stdin = strings.NewReader(rules)
	if out, err := c.CombinedOutput(); err != nil {
		x.t.Fatalf("nft: %v %s", err, out)
	}
	x.serve(imds, http.HandlerFunc(x.metadata))
	x.serve(tls.NewListener(web, x.certified(downloadName)), download)
	go x.resolve(packets)
	go accept(any, func(c net.Conn) {
		to, err := meant(c.(*net.TCPConn))
		if err != nil {
			return
		}
		x.carry(c, to)
	})
}

func (x *wire) serve(ln net.Listener, h http.Handler) {
	server := &http.Server{Handler: h}
	x.t.Cleanup(func() { server.Close() })
	go server.Serve(ln)
}

func accept(ln net.Listener, do func(net.Conn)) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			do(c)
		}()
	}
}

// carry goes on from the machine's place to where the machine wants to go.
func (x *wire) carry(c net.Conn, to string) {
	there, err := net.Dial("tcp", x.r.Places)
	if err != nil {
		return
	}
	defer there.Close()
	login := base64.StdEncoding.EncodeToString([]byte(x.at.Place + ":-"))
	fmt.Fprintf(there, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic %s\r\n\r\n", to, to, login)
	r := bufio.NewReader(there)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil || resp.StatusCode != http.StatusOK {
		c.(*net.TCPConn).SetLinger(0) // refused is what the machine is to see
		return
	}
	both(c, there, r)
}

// both copies each way until both ends have said all.
func both(c, there net.Conn, from io.Reader) {
	done := make(chan struct{})
	go func() {
		io.Copy(there, c)
		if t, ok := there.(*net.TCPConn); ok {
			t.CloseWrite()
		}
		close(done)
	}()
	io.Copy(c, from)
	if t, ok := c.(*net.TCPConn); ok {
		t.CloseWrite()
	}
	<-done
}

// resolve answers as the place's DNS server does, and for names of the internet
// that are not Azure's.
func (x *wire) resolve(packets net.PacketConn) {
	x.t.Cleanup(func() { packets.Close() })
	for buffer := make([]byte, 4096); ; {
		n, from, err := packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		q := new(dns.Msg)
		if q.Unpack(buffer[:n]) != nil || len(q.Question) != 1 {
			continue
		}
		go func() {
			if answer := x.answer(q); answer != nil {
				if b, err := answer.Pack(); err == nil {
					packets.WriteTo(b, from)
				}
			}
		}()
	}
}

func (x *wire) answer(q *dns.Msg) *dns.Msg {
	ask := q.Question[0]
	if a, ok := x.names[strings.TrimSuffix(strings.ToLower(ask.Name), ".")]; ok {
		m := new(dns.Msg).SetReply(q)
		if ask.Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: ask.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(a).To4()}}
		}
		return m
	}
	m, _, err := new(dns.Client).Exchange(q, x.at.DNS)
	if err != nil {
		return nil
	}
	return m
}

// metadata is the instance metadata service, as far as identities go: it gives
// tokens of this machine's identities, and wants its header.
func (x *wire) metadata(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/metadata/identity/oauth2/token" || !strings.EqualFold(r.Header.Get("Metadata"), "true") {
		http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
		return
	}
	q := r.URL.Query()
	q.Set("api-version", "2019-08-01") // of the form that the emulator has for a place
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, x.at.IdentityEndpoint+"?"+q.Encode(), nil)
	if err != nil {
		http.Error(w, `{"error":"identity_not_found"}`, http.StatusBadRequest)
		return
	}
	ask.Header.Set("X-IDENTITY-HEADER", x.at.IdentityHeader)
	resp, err := http.DefaultTransport.RoundTrip(ask)
	if err != nil {
		http.Error(w, `{"error":"unknown_error"}`, http.StatusInternalServerError)
		return
	}
	defer resp.Body.Close()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

// open lets who may reach the place's port reach the machine's.
func (x *wire) open(port int) {
	x.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { ln.Close() })
	go accept(ln, func(c net.Conn) {
		var there net.Conn
		if x.within(x.beside, func() (err error) {
			there, err = net.DialTimeout("tcp", net.JoinHostPort(x.at.Addresses, strconv.Itoa(port)), 5*time.Second)
			return err
		}) != nil {
			c.(*net.TCPConn).SetLinger(0)
			return
		}
		defer there.Close()
		both(c, there, there)
	})
	if err := x.api(http.MethodPost, "api/listen", url.Values{"from": {x.at.Place}, "port": {strconv.Itoa(port)}, "to": {ln.Addr().String()}}, nil); err != nil {
		x.t.Fatal(err)
	}
}

// api asks the emulator. What listens, listens until the test ends.
func (x *wire) api(method, path string, q url.Values, into any) error {
	req, err := http.NewRequest(method, x.r.Page+path+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Ostiary-Token", x.r.Token)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	x.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// listen opens a listener in the namespace beside the machine's.
func (x *wire) listen(address string) net.Listener {
	x.t.Helper()
	var ln net.Listener
	x.in(x.beside, func() (err error) {
		ln, err = net.Listen("tcp4", address)
		return err
	})
	x.t.Cleanup(func() { ln.Close() })
	return ln
}

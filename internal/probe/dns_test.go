package probe

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const server = "10.0.0.4:53"

func edit(msg []byte, change func(*dnsmessage.Message)) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(msg); err != nil {
		panic(err)
	}
	change(&m)
	packed, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return packed
}

func TestResolvers(t *testing.T) {
	plainly := func(z records) func([]byte, bool) [][]byte {
		return func(q []byte, _ bool) [][]byte { return [][]byte{z.reply(q, 20)} }
	}
	code := func(c dnsmessage.RCode) func([]byte, bool) [][]byte {
		return func(q []byte, _ bool) [][]byte {
			return [][]byte{edit(q, func(m *dnsmessage.Message) { m.Response, m.RCode = true, c })}
		}
	}
	with := func(more records) records {
		z := azureLinked()
		for k, v := range more {
			z[k] = v
		}
		return z
	}
	for _, test := range []struct {
		name          string
		inside        bool
		handle        func(q []byte, tcp bool) [][]byte
		a, aaaa, zone Status
		got           string // of dns-a
	}{
		{"linked", true, plainly(azureLinked()), Pass, Pass, Pass, inner},
		{"public, but inside", true, plainly(azurePublic()), Fail, Pass, Pass, "goes past the private endpoint"},
		{"public", false, plainly(azurePublic()), Pass, Pass, Pass, outer},
		{"many aliases", false, plainly(longChain()), Pass, Pass, Pass, outer},
		{"private, but outside", false, plainly(azureLinked()), Fail, Pass, Pass, "published"},
		{"no endpoint yet", false, plainly(records{host + " A": {outer}}), Pass, Pass, Fail, outer},
		{"a record by hand", true, plainly(records{host + " A": {inner}}), Pass, Pass, Fail, inner},
		{"both", true, plainly(with(records{linked + " A": {inner, outer}})), Fail, Pass, Pass, inner + ", " + outer},
		{"another private address", true, plainly(with(records{linked + " A": {"10.9.9.9"}})), Fail, Pass, Pass, "10.9.9.9"},
		{"a public AAAA", true, plainly(with(records{linked + " AAAA": {"2001:db8::1"}})), Pass, Fail, Pass, inner},
		{"a sinkhole", false, plainly(records{host + " CNAME": {linked}, linked + " A": {"0.0.0.0"}}), Fail, Pass, Pass, "0.0.0.0"},
		{"zone without the record", true, plainly(records{host + " CNAME": {linked}}), Fail, Fail, Pass, "no such name"},
		{"no such name outside", false, plainly(records{}), Unknown, Unknown, Unknown, "no such name"},
		{"empty", true, plainly(records{host + " CNAME": {linked}, linked + " TXT": {}}), Fail, Pass, Pass, "no address"},
		{"circle", true, plainly(records{host + " CNAME": {linked}, linked + " CNAME": {host}}), Fail, Fail, Fail, "circle"},
		{"no end", true, func(q []byte, _ bool) [][]byte { return [][]byte{endless(q)} }, Fail, Fail, Fail, "circle"},
		{"two canonical names", true, func(q []byte, _ bool) [][]byte {
			return [][]byte{edit(azureLinked().reply(q, 20), func(m *dnsmessage.Message) {
				m.Answers = append(m.Answers, record(host, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("other.example.")}))
			})}
		}, Unknown, Unknown, Unknown, "no answer"},
		{"other records and classes", true, func(q []byte, _ bool) [][]byte {
			return [][]byte{edit(azureLinked().reply(q, 20), func(m *dnsmessage.Message) {
				chaos := record(linked, &dnsmessage.AResource{A: [4]byte{8, 8, 8, 8}})
				chaos.Header.Class = dnsmessage.ClassCHAOS
				m.Answers = append(m.Answers, record(linked, &dnsmessage.TXTResource{TXT: []string{"x"}}), chaos,
					record("other.example", &dnsmessage.AResource{A: [4]byte{8, 8, 4, 4}}))
			})}
		}, Pass, Pass, Pass, inner},
		{"cut over TCP too", true, func(q []byte, _ bool) [][]byte {
			return [][]byte{edit(azureLinked().reply(q, 20), func(m *dnsmessage.Message) { m.Truncated = true })}
		}, Unknown, Unknown, Unknown, errBroken.Error()},
		{"SERVFAIL", true, code(dnsmessage.RCodeServerFailure), Unknown, Unknown, Unknown, "refused: ServerFailure"},
		{"REFUSED", false, code(dnsmessage.RCodeRefused), Unknown, Unknown, Unknown, "refused: Refused"},
		{"silent", true, func([]byte, bool) [][]byte { return nil }, Unknown, Unknown, Unknown, "no answer"},
		{"one name at a time", true, func(q []byte, _ bool) [][]byte { return [][]byte{azureLinked().reply(q, 1)} }, Pass, Pass, Pass, inner},
		{"cut over UDP", true, func(q []byte, tcp bool) [][]byte {
			return [][]byte{edit(azureLinked().reply(q, 20), func(m *dnsmessage.Message) {
				if !tcp {
					m.Truncated, m.Answers = true, nil
				}
			})}
		}, Pass, Pass, Pass, inner},
		{"somebody guesses", true, func(q []byte, tcp bool) [][]byte {
			right := azureLinked().reply(q, 20)
			if tcp {
				return [][]byte{right}
			}
			forged := edit(azurePublic().reply(q, 20), func(m *dnsmessage.Message) { m.ID++ })
			other := edit(azurePublic().reply(q, 20), func(m *dnsmessage.Message) {
				m.Questions[0].Name = dnsmessage.MustNewName("other.openai.azure.com.")
			})
			return [][]byte{forged, other, q, {1, 2, 3}, right}
		}, Pass, Pass, Pass, inner},
		{"only another id", true, func(q []byte, _ bool) [][]byte {
			return [][]byte{edit(azureLinked().reply(q, 20), func(m *dnsmessage.Message) { m.ID++ })}
		}, Unknown, Unknown, Unknown, "no answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			e := w.outside(http.NotFoundHandler())
			if test.inside {
				e = w.inside(http.NotFoundHandler())
			}
			w.dnsServer(server, test.handle)
			c := w.config(e)
			if test.got == "no answer" { // in time
				c.Timeout = 200 * time.Millisecond
			}
			c.Servers = []string{server}
			c = c.withDefaults()
			var all []Observation
			for _, o := range (&prober{Config: c}).dns(t.Context(), e) {
				if !strings.HasSuffix(o.Target, "by system") {
					all = append(all, o)
				}
			}
			wantStatus(t, all, "dns-a", test.a, test.got)
			wantStatus(t, all, "dns-aaaa", test.aaaa, "")
			wantStatus(t, all, "dns-zone", test.zone, "")
		})
	}
}

// longChain has as many names as are followed.
func longChain() records {
	z := records{host + " CNAME": {linked}}
	name := linked
	for i := range maxChain - 1 {
		next := "n" + strconv.Itoa(i) + ".example"
		z[name+" CNAME"] = []string{next}
		name = next
	}
	z[name+" A"] = []string{outer}
	return z
}

// endless answers every name with an alias to another.
func endless(q []byte) []byte {
	return edit(q, func(m *dnsmessage.Message) {
		m.Response = true
		name := m.Questions[0].Name.String()
		m.Answers = []dnsmessage.Resource{record(strings.TrimSuffix(name, "."), &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("x" + name)})}
	})
}

func TestResolversDisagree(t *testing.T) {
	w := newWorld(t)
	e := w.inside(http.NotFoundHandler())
	w.zone("10.0.0.4:53", azureLinked())
	w.zone("10.0.0.5:53", azurePublic())
	c := w.config(e)
	c.Servers = []string{"10.0.0.4", "10.0.0.5", "not an address"}
	all := Run(t.Context(), c)
	wantStatus(t, all, "dns-agree", Fail, "10.0.0.5 udp: "+outer)
	wantStatus(t, all, "dns-agree", Fail, "system: "+inner)
	if found := slices.IndexFunc(all, func(o Observation) bool {
		return o.Target == host+" by not an address" && o.Status == Unknown && strings.Contains(o.Got, "not the address of a DNS server")
	}); found < 0 {
		t.Errorf("observed %s", dump(all))
	}
	// Outside, public addresses may differ.
	e = w.outside(http.NotFoundHandler())
	other := azurePublic()
	other[manager+" A"] = []string{"203.0.113.8"}
	w.zone("10.0.0.4:53", other)
	c.Endpoints, c.Servers = []Endpoint{e}, c.Servers[:2]
	wantStatus(t, Run(t.Context(), c), "dns-agree", Pass, "public addresses")
}

func TestDNSOverHTTPS(t *testing.T) {
	serve := func(z records, media string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			query := make([]byte, r.ContentLength)
			r.Body.Read(query)
			if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/dns-message" || query[0] != 0 || query[1] != 0 {
				t.Errorf("asked %s %v % x", r.Method, r.Header, query)
			}
			w.Header().Set("Content-Type", media)
			w.Write(z.reply(query, 20))
		}
	}
	const media = "application/dns-message"
	for _, test := range []struct {
		name, url string
		handler   http.HandlerFunc
		status    Status
		got       string
	}{
		{"linked", "https://dns.example/dns-query", serve(azureLinked(), media), Pass, inner},
		{"a public resolver inside", "https://dns.example/dns-query", serve(azurePublic(), media), Fail, outer},
		{"a page", "https://dns.example/dns-query", serve(azureLinked(), "text/html"), Unknown, "HTTP 200, not a DNS answer"},
		{"redirect", "https://dns.example/dns-query", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://x.example", http.StatusFound)
		}, Unknown, "HTTP 302"},
		{"too long", "https://dns.example/dns-query", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.Write(make([]byte, maxMessage+1))
		}, Unknown, errBroken.Error()},
		{"no TLS", "http://dns.example/dns-query", nil, Unknown, "not an https URL"},
		{"no URL", "https://[", nil, Unknown, "not a URL"},
		{"nobody there", "https://other.example/", nil, Unknown, "refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			e := w.inside(http.NotFoundHandler())
			if test.handler != nil {
				w.routes["tcp dns.example:443"] = w.https(test.handler, w.ca.issue(t, "dns.example"), 0)
			}
			c := w.config(e)
			c.DoH = []string{test.url}
			all := slices.DeleteFunc(Run(t.Context(), c), func(o Observation) bool { return !strings.Contains(o.Target, test.url) })
			wantStatus(t, all, "dns-a", test.status, test.got)
		})
	}
}

func TestNameservers(t *testing.T) {
	const file = "# comment\nnameserver 168.63.129.16\nsearch example.com\nnameserver\nnameserver not-an-address\n  nameserver fe80::1%eth0\nnameserver 10.0.0.5 # x\nnameserver 10.0.0.6\n"
	if got := Nameservers(strings.NewReader(file)); !slices.Equal(got, []string{"168.63.129.16", "fe80::1%eth0", "10.0.0.5"}) {
		t.Errorf("got %q", got)
	}
}

func TestPrivate(t *testing.T) {
	for address, want := range map[string]bool{
		"10.0.0.1": true, "172.31.255.255": true, "192.168.0.1": true, "100.64.0.1": true, "100.127.255.255": true, "127.0.0.1": true, "169.254.1.1": true, "fd00::1": true, "fe80::1": true, "::1": true,
		"172.32.0.0": false, "100.128.0.0": false, "8.8.8.8": false, "2001:db8::1": false,
	} {
		if private(netip.MustParseAddr(address)) != want {
			t.Errorf("private(%s) is not %v", address, want)
		}
	}
}

// Whatever a server sends, parse ends without a panic, and going along the
// aliases ends too.
func FuzzAnswer(f *testing.F) {
	query, err := pack(7, host, dnsmessage.TypeA)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(azureLinked().reply(query, 20))
	f.Add(azurePublic().reply(query, 1))
	f.Add(records{host + " CNAME": {linked}, linked + " CNAME": {host}}.reply(query, 20))
	f.Add(endless(query))
	f.Add(query)
	f.Add([]byte{0, 7, 0x80})
	f.Fuzz(func(t *testing.T, msg []byte) {
		r, err := parse(msg, 7, host, dnsmessage.TypeA)
		if err != nil && !errors.Is(err, errForeign) && !errors.Is(err, errBroken) {
			t.Errorf("error %v", err)
		}
		if err == nil && msg[0] != 0 || err == nil && msg[1] != 7 {
			t.Error("an answer with another id was taken")
		}
		asked := 0
		a, err := follow(host, func(string) (reply, error) { asked++; return r, nil })
		if asked > maxChain+1 || len(a.chain) > maxChain {
			t.Errorf("asked %d times, %d names", asked, len(a.chain))
		}
		if err == nil {
			sight{resolver: "x", kind: dnsmessage.TypeA, answer: a, chained: true}.judge(Endpoint{Host: host, Inside: true})
		}
	})
}

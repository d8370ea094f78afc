package place

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

const (
	sub  = "/subscriptions/s/resourceGroups/rg/providers/"
	rg   = sub + "Microsoft.Network"
	acct = sub + "Microsoft.CognitiveServices/accounts/azopenai"
)

// options vary the sample estate.
type options struct {
	public   string // publicNetworkAccess
	endpoint bool
	policies string // of the endpoint's subnet
	deny     bool   // a group on the endpoint's subnet that denies
	dns      string // the network's servers
	out      string // a rule of the machine's subnet
}

// sample is one network with a machine, a subnet for endpoints, and an account.
func sample(o options) string {
	zone, pe, nsg, servers := "", "", "", ""
	if o.dns != "" {
		servers = `,"dhcpOptions":{"dnsServers":["` + o.dns + `"]}`
	}
	if o.deny {
		nsg = `,"networkSecurityGroup":{"id":"` + rg + `/networkSecurityGroups/nsg"}`
	}
	outGroup := ""
	if o.out != "" {
		outGroup = `,"networkSecurityGroup":{"id":"` + rg + `/networkSecurityGroups/out"}`
	}
	connections := ""
	if o.endpoint {
		connections = `,"privateEndpointConnections":[{"id":"` + acct + `/privateEndpointConnections/c","properties":{"privateEndpoint":{"id":"` + rg + `/privateEndpoints/pe"},"privateLinkServiceConnectionState":{"status":"Approved"}}}]`
		pe = `,{"id":"` + rg + `/privateEndpoints/pe","type":"Microsoft.Network/privateEndpoints","location":"japaneast","properties":{"subnet":{"id":"` + rg + `/virtualNetworks/vnet/subnets/backend"},
		"customDnsConfigs":[{"fqdn":"azopenai.openai.azure.com","ipAddresses":["10.3.1.4"]}],
		"privateLinkServiceConnections":[{"name":"psc","properties":{"privateLinkServiceId":"` + acct + `","groupIds":["account"],"privateLinkServiceConnectionState":{"status":"Approved"}}}]}}`
		zone = `,{"id":"` + rg + `/privateDnsZones/privatelink.openai.azure.com","type":"Microsoft.Network/privateDnsZones"},
		{"id":"` + rg + `/privateDnsZones/privatelink.openai.azure.com/A/azopenai","type":"Microsoft.Network/privateDnsZones/A","name":"azopenai","properties":{"fqdn":"azopenai.privatelink.openai.azure.com.","ttl":10,"aRecords":[{"ipv4Address":"10.3.1.4"}]}},
		{"id":"` + rg + `/privateDnsZones/privatelink.openai.azure.com/virtualNetworkLinks/l","type":"Microsoft.Network/privateDnsZones/virtualNetworkLinks","properties":{"virtualNetwork":{"id":"` + rg + `/virtualNetworks/vnet"},"virtualNetworkLinkState":"Completed","registrationEnabled":false}}`
	}
	return `[
	{"id":"` + rg + `/virtualNetworks/vnet","name":"vnet","type":"Microsoft.Network/virtualNetworks","properties":{"addressSpace":{"addressPrefixes":["10.3.0.0/16"]}` + servers + `,"subnets":[
		{"id":"` + rg + `/virtualNetworks/vnet/subnets/apps","name":"apps","properties":{"addressPrefix":"10.3.0.0/24"` + outGroup + `}},
		{"id":"` + rg + `/virtualNetworks/vnet/subnets/backend","name":"backend","properties":{"addressPrefix":"10.3.1.0/24","privateEndpointNetworkPolicies":"` + o.policies + `"` + nsg + `}}]}},
	{"id":"` + rg + `/networkSecurityGroups/nsg","name":"nsg","type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[
		{"name":"no","properties":{"priority":200,"direction":"Inbound","access":"Deny","protocol":"*","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"*"}}]}},
	{"id":"` + rg + `/networkSecurityGroups/out","name":"out","type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[` + o.out + `]}},
	{"id":"` + rg + `/networkInterfaces/client-nic","name":"client-nic","type":"Microsoft.Network/networkInterfaces","properties":{"ipConfigurations":[{"name":"ip","properties":{"primary":true,"privateIPAddress":"10.3.0.4","subnet":{"id":"` + rg + `/virtualNetworks/vnet/subnets/apps"}}}]}},
	{"id":"` + sub + `Microsoft.Compute/virtualMachines/client","name":"client","type":"Microsoft.Compute/virtualMachines","properties":{"networkProfile":{"networkInterfaces":[{"id":"` + rg + `/networkInterfaces/client-nic"}]}}},
	{"id":"` + acct + `","name":"azopenai","type":"Microsoft.CognitiveServices/accounts","kind":"OpenAI","properties":{"customSubDomainName":"azopenai","publicNetworkAccess":"` + o.public + `","networkAcls":{"defaultAction":"Allow"}` + connections + `}}` + pe + zone + `]`
}

// world is a network that a test changes, and fronts that say what they are.
type world struct {
	t       *testing.T
	mu      sync.Mutex
	now     *topology.Topology
	changed chan struct{}
	server  *Server
	siteDNS atomic.Pointer[netip.Addr]
}

func (w *world) set(o options) {
	w.t.Helper()
	w.load(sample(o))
}

func (w *world) load(document string) {
	w.t.Helper()
	e, err := estate.ReadARM(strings.NewReader(document), estate.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = topology.New(e, topology.Config{})
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) view() *topology.Topology {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

func (w *world) Public(name string) (Public, bool) {
	name = strings.Replace(name, ".privatelink.", ".", 1)
	if name == "azopenai.openai.azure.com" || name == "management.azure.com" {
		return Public{Address: netip.MustParseAddr("20.0.0.1"), Provider: "Microsoft.CognitiveServices"}, true
	}
	return Public{}, false
}

func (w *world) At(a netip.Addr) bool { return a == netip.MustParseAddr("20.0.0.1") }
func (w *world) SiteDNS(string) netip.Addr {
	if a := w.siteDNS.Load(); a != nil {
		return *a
	}
	return netip.Addr{}
}

// Dial gives a front that says one line about the connection, and echoes.
func (w *world) Dial(_ context.Context, d Destination) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		defer func() { _ = there.Close() }()
		what := "public " + d.Source.String()
		if d.Endpoint != "" {
			what = "private " + d.Address.String()
		}
		_, _ = io.WriteString(there, what+" "+d.Resource[strings.LastIndexByte(d.Resource, '/')+1:]+"\n")
		_, _ = io.Copy(there, there)
	}()
	return here, nil
}

func start(t *testing.T, o options, refuses bool) *world {
	t.Helper()
	w := &world{t: t, changed: make(chan struct{})}
	w.set(o)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.server, err = New(Config{Listener: ln, View: w.view, Changed: w.next, Cloud: w, OutsideRefuses: refuses})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// connect asks by HTTP CONNECT and gives the first line that the front says,
// or the refusal's reason.
func (w *world) connect(place, to string) string {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	user := url.UserPassword(place, "")
	if name, password, ok := strings.Cut(place, ":"); ok {
		user = url.UserPassword(name, password)
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: to}, Host: to, Header: http.Header{}}
	password, _ := user.Password()
	req.SetBasicAuth(user.Username(), password)
	req.Header["Proxy-Authorization"] = req.Header["Authorization"]
	delete(req.Header, "Authorization")
	if err := req.Write(conn); err != nil {
		w.t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return "cut: " + err.Error()
	}
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		return resp.Status[:3] + " " + strings.TrimSpace(string(body))
	}
	line, _ := r.ReadString('\n')
	return strings.TrimSpace(line)
}

const host = "azopenai.openai.azure.com:443"

func TestPlaces(t *testing.T) {
	denyInternet := `{"name":"no-internet","properties":{"priority":200,"direction":"Outbound","access":"Deny","protocol":"*","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"0.0.0.0/0","destinationPortRange":"*"}}`
	for _, c := range []struct {
		name      string
		o         options
		refuses   bool
		place, to string
		want      string
	}{
		{"public, from outside", options{public: "Enabled"}, false, "internet", host, "public 203.0.113.10 azopenai"},
		{"from an address of one's own", options{public: "Enabled"}, false, "internet:192.0.2.7", host, "public 192.0.2.7 azopenai"},
		{"with a password that says nothing", options{public: "Enabled"}, false, "internet:-", host, "public 203.0.113.10 azopenai"},
		{"with an address that is none", options{public: "Enabled"}, false, "internet:here", host, "403 internet:here: not an address"},
		{"public, from the machine", options{public: "Enabled"}, false, "client", host, "public 198.51.100."},
		{"disabled: the front answers", options{public: "Disabled"}, false, "internet", host, "public 203.0.113.10"},
		{"disabled: refused by configuration", options{public: "Disabled"}, true, "internet", host, "502 account azopenai: denied, public network access is off"},
		{"endpoint, from the machine", options{public: "Disabled", endpoint: true}, false, "client", host, "private 10.3.1.4 azopenai"},
		{"endpoint, from a subnet", options{public: "Disabled", endpoint: true}, false, "vnet/apps", host, "private 10.3.1.4 azopenai"},
		{"endpoint, by the interface's id", options{public: "Disabled", endpoint: true}, false, rg + "/networkInterfaces/client-nic", host, "private 10.3.1.4 azopenai"},
		{"endpoint, by its address", options{public: "Disabled", endpoint: true}, false, "client", "10.3.1.4:443", "private 10.3.1.4 azopenai"},
		{"endpoint, another port", options{public: "Disabled", endpoint: true}, false, "client", "10.3.1.4:80", "502 Azure's services listen on port 443 alone"},
		{"endpoint, its address from outside", options{public: "Disabled", endpoint: true}, false, "internet", "10.3.1.4:443", "502 route: denied, private addresses are not routed on the internet"},
		{"endpoint, from outside", options{public: "Disabled", endpoint: true}, false, "internet", host, "public 203.0.113.10 azopenai"},
		{"a group that binds nothing", options{public: "Disabled", endpoint: true, deny: true, policies: "Disabled"}, false, "client", host, "private 10.3.1.4"},
		{"a group that denies", options{public: "Disabled", endpoint: true, deny: true, policies: "Enabled"}, false, "client", host, "502 security group nsg, rule no: denied, the rule decides"},
		{"no way out", options{public: "Enabled", out: denyInternet}, false, "client", host, "502 security group out, rule no-internet"},
		{"a custom server that nobody describes", options{public: "Enabled", dns: "10.3.0.99"}, false, "client", host, "502 what azopenai.openai.azure.com resolves to cannot be told"},
		{"the control plane", options{public: "Disabled"}, false, "client", "management.azure.com:443", "public 198.51.100."},
		{"its port", options{public: "Disabled"}, false, "client", "management.azure.com:80", "502 Azure's services listen"},
		{"elsewhere", options{}, false, "client", "example.com:443", "502 example.com is not in the emulated world, and nothing leaves this machine"},
		{"another account", options{}, false, "client", "other.openai.azure.com:443", "502 other.openai.azure.com is not in the emulated world"},
		{"an address elsewhere", options{}, false, "client", "93.184.216.34:443", "502 nothing listens at 93.184.216.34:443"},
		{"an address elsewhere, from outside", options{}, false, "internet", "93.184.216.34:443", "502 "},
		{"loopback", options{}, false, "client", "127.0.0.1:80", "502 "},
		{"loopback, from outside", options{}, false, "internet", "127.0.0.1:80", "502 "},
		{"metadata", options{}, false, "client", "169.254.169.254:80", "502 nothing listens at"},
		{"nobody's address", options{}, false, "client", "10.3.0.77:443", "502 nothing listens at 10.3.0.77:443"},
		{"an unknown place", options{}, false, "clint", host, `403 clint: no such place`},
		{"an unknown place names the known", options{}, false, "clint", host, "403 clint: no such place; name one of internet, client, client-nic, vnet/apps, vnet/backend"},
		{"no port", options{}, false, "client", "azopenai.openai.azure.com", "400 CONNECT needs HOST:PORT."},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := start(t, c.o, c.refuses).connect(c.place, c.to); !strings.HasPrefix(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAChangeEndsWhatItForbids(t *testing.T) {
	w := start(t, options{public: "Disabled", endpoint: true}, false)
	conn, r := w.socks("client", host)
	defer conn.Close()
	if line, err := r.ReadString('\n'); line != "private 10.3.1.4 azopenai\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := io.WriteString(conn, "echo\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := r.ReadString('\n'); line != "echo\n" {
		t.Fatalf("%q, %v", line, err)
	}
	w.set(options{public: "Disabled", endpoint: true, deny: true, policies: "Enabled"})
	if b, err := r.ReadByte(); err == nil {
		t.Errorf("the connection still gives %q", b)
	}
}

// socks asks by SOCKS 5 and wants success.
func (w *world) socks(place, to string) (net.Conn, *bufio.Reader) {
	w.t.Helper()
	conn, reply := w.socksReply(place, to)
	if reply[1] != 0 {
		w.t.Fatalf("reply %d", reply[1])
	}
	return conn, bufio.NewReader(conn)
}

func (w *world) socksReply(place, to string) (net.Conn, []byte) {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	name, port, _ := strings.Cut(to, ":")
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		w.t.Fatal(err)
	}
	hello := append([]byte{5, 1, 2, 1, byte(len(place))}, place...)
	hello = append(hello, 0)
	hello = append(hello, 5, 1, 0, 3, byte(len(name)))
	hello = append(hello, name...)
	hello = append(hello, byte(n>>8), byte(n))
	if _, err := conn.Write(hello); err != nil {
		w.t.Fatal(err)
	}
	all := make([]byte, 14)
	if _, err := io.ReadFull(conn, all); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		w.t.Fatal(err)
	}
	if all[0] != 5 || all[1] != 2 || all[2] != 1 {
		w.t.Fatalf("hello %v", all)
	}
	return conn, all[4:]
}

func TestSOCKSReplies(t *testing.T) {
	for _, c := range []struct {
		o         options
		place, to string
		want      byte
	}{
		{options{public: "Disabled", endpoint: true}, "client", host, 0},
		{options{public: "Disabled", endpoint: true, deny: true, policies: "Enabled"}, "client", host, 2},
		{options{}, "client", "example.com:443", 2},
		{options{}, "client", "azopenai.privatelink.openai.azure.com:443", 4},
		{options{}, "internet", "10.3.1.4:443", 4},
		{options{}, "client", "10.3.0.77:443", 5},
	} {
		conn, reply := start(t, c.o, false).socksReply(c.place, c.to)
		if conn.Close(); reply[1] != c.want {
			t.Errorf("%s from %s: reply %d, want %d", c.to, c.place, reply[1], c.want)
		}
	}
}

// greeter is a server on loopback that says one thing and hangs up.
func (w *world) greeter(says string) string {
	w.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, says)
			_ = c.Close()
		}
	}()
	return ln.Addr().String()
}

func TestAServiceInTheNetwork(t *testing.T) {
	w := start(t, options{}, false)
	to := w.greeter("gateway\n")
	for _, bad := range []Service{{"client", 8443, "192.0.2.1:80"}, {"client", 0, to}, {"clint", 8443, to}, {"internet", 8443, to}} {
		if _, err := w.server.Offer(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
	take, err := w.server.Offer(Service{"client", 8443, to})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.server.Offer(Service{"client", 8443, to}); err == nil {
		t.Error("two stand at one port")
	}
	if got := w.connect("vnet/backend", "10.3.0.4:8443"); got != "gateway" {
		t.Error(got)
	}
	if got := w.connect("vnet/backend", "10.3.0.4:8444"); !strings.HasPrefix(got, "502 nothing listens") {
		t.Error(got)
	}
	if got := w.connect("internet", "10.3.0.4:8443"); !strings.HasPrefix(got, "502 ") {
		t.Error(got)
	}
	take()
	if got := w.connect("vnet/backend", "10.3.0.4:8443"); !strings.HasPrefix(got, "502 nothing listens") {
		t.Error(got)
	}
}

func TestDNS(t *testing.T) {
	for _, c := range []struct {
		o           options
		place, name string
		kind        uint16
		rcode       int
		want        string
	}{
		{options{public: "Enabled"}, "client", "azopenai.openai.azure.com.", dns.TypeA, dns.RcodeSuccess, "20.0.0.1"},
		{options{endpoint: true}, "client", "AzOpenAI.openai.azure.com.", dns.TypeA, dns.RcodeSuccess, "azopenai.privatelink.openai.azure.com. 10.3.1.4"},
		{options{endpoint: true}, "client", "azopenai.privatelink.openai.azure.com.", dns.TypeA, dns.RcodeSuccess, "10.3.1.4"},
		{options{endpoint: true}, "internet", "azopenai.openai.azure.com.", dns.TypeA, dns.RcodeSuccess, "azopenai.privatelink.openai.azure.com. 20.0.0.1"},
		{options{endpoint: true}, "client", "azopenai.openai.azure.com.", dns.TypeAAAA, dns.RcodeSuccess, "azopenai.privatelink.openai.azure.com."},
		{options{}, "client", "azopenai.privatelink.openai.azure.com.", dns.TypeA, dns.RcodeNameError, ""},
		{options{}, "client", "other.openai.azure.com.", dns.TypeA, dns.RcodeNameError, ""},
		{options{}, "client", "example.com.", dns.TypeA, dns.RcodeRefused, ""},
		{options{dns: "10.3.0.99"}, "client", "azopenai.openai.azure.com.", dns.TypeA, dns.RcodeServerFailure, ""},
	} {
		w := start(t, c.o, false)
		at, err := w.server.DNS(t.Context(), c.place)
		if err != nil {
			t.Fatal(err)
		}
		for _, network := range []string{"udp", "tcp"} {
			client := dns.Client{Net: network}
			q := new(dns.Msg).SetQuestion(c.name, c.kind)
			m, _, err := client.Exchange(q, at)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, rr := range m.Answer {
				switch x := rr.(type) {
				case *dns.CNAME:
					got = append(got, x.Target)
				case *dns.A:
					got = append(got, x.A.String())
				}
			}
			if s := strings.Join(got, " "); m.Rcode != c.rcode || s != c.want {
				t.Errorf("%s from %s by %s: %s %s, want %s", c.name, c.place, network, dns.RcodeToString[m.Rcode], s, c.want)
			}
		}
		again, err := w.server.DNS(t.Context(), strings.ToUpper(c.place))
		if err != nil || again != at {
			t.Errorf("asked again: %s, %v", again, err)
		}
	}
	w := start(t, options{}, false)
	if _, err := w.server.DNS(t.Context(), "nowhere"); err == nil {
		t.Error("a place that is not there has a server")
	}
}

func TestAPlainRequestIsRefused(t *testing.T) {
	w := start(t, options{}, false)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyURL(&url.URL{Scheme: "http", User: url.User("client"), Host: w.server.Addr().String()})}}
	resp, err := client.Get("http://azopenai.openai.azure.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "Only tunnels go through here") {
		t.Errorf("%s: %s", resp.Status, body)
	}
	anonymous := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: w.server.Addr().String()})}}
	resp, err = anonymous.Get("http://azopenai.openai.azure.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusProxyAuthRequired || resp.Header.Get("Proxy-Authenticate") == "" {
		t.Errorf("no place: %s, %v", resp.Status, resp.Header)
	}
}

// What is no question gets FORMERR or no answer at all, and ends nothing.
func TestWrongDNSPackets(t *testing.T) {
	w := start(t, options{public: "Enabled"}, false)
	at, err := w.server.DNS(t.Context(), "internet")
	if err != nil {
		t.Fatal(err)
	}
	good, err := new(dns.Msg).SetQuestion("azopenai.openai.azure.com.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := append([]byte{}, good...)
	answer[2] |= 0x80 // an answer is no question
	for _, packet := range [][]byte{{}, {1}, good[:len(good)-3], answer, append([]byte{0, 0, 0x28}, good[3:]...), append(good, make([]byte, 600)...)} {
		conn, err := net.Dial("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(good); err != nil { // whatever came before, this is answered
			t.Fatal(err)
		}
		for {
			buf := make([]byte, 4096)
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			m := new(dns.Msg)
			if err := m.Unpack(buf[:n]); err != nil {
				t.Fatalf("% x: %v", buf[:n], err)
			}
			if m.Rcode == dns.RcodeSuccess && len(m.Answer) == 1 {
				break
			}
			if m.Rcode != dns.RcodeFormatError && m.Rcode != dns.RcodeNotImplemented {
				t.Errorf("% x is answered with %s", packet, dns.RcodeToString[m.Rcode])
			}
		}
		_ = conn.Close()
	}
}

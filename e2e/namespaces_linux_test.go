package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The networks of the test. There is no route from one company to the other;
// both reach the relay's address by a cable of their own.
const (
	ownerAddress, ownerGate       = "10.231.1.2", "10.231.1.1"
	consumerAddress, consumerGate = "10.231.2.2", "10.231.2.1"
	middleAddress                 = "10.231.0.1"
	question                      = "What is Ockham's Razor?"
)

// Two companies in network namespaces that only the relay's joins. The demo's
// question crosses; neither company listens on anything but its own loopback;
// and what the relay's interfaces carry is TLS records on connections that the
// companies began, and nothing else.
func TestQuestionCrossesBetweenNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT CHECKED: network namespaces need root; run this test as root to see that neither company needs an open port")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("NOT CHECKED: ip (iproute2) is not installed; neither company's need of no open port was shown")
	}
	n := newNetworks(t)
	dir := t.TempDir()
	n.conf(dir, "authority.yaml", "authority: {project: demo, directory: %[1]s/authority, listen: '"+middleAddress+":7443', address: '"+middleAddress+":7443'}\n")
	n.start("middle", "authority", filepath.Join(dir, "authority.yaml"), middleAddress+":7443")
	for _, m := range []struct{ in, role, name, more string }{
		{"middle", "relay", "relay", ""}, {"owner", "gateway", "ai-corp", ""},
		{"owner", "outlet", "ai-corp", "--service=openai"}, {"consumer", "inlet", "health-corp", "--service=openai"},
	} {
		args := []string{"ostiary", "portal", "ticket", "create", "--config", filepath.Join(dir, "authority.yaml"), "--role", m.role, "--name", m.name}
		if m.more != "" {
			args = append(args, m.more, "--attribute", "team=research")
		}
		ticket := n.run("middle", "", args...)
		n.run(m.in, ticket, "ostiary", "portal", "enroll", "--dir", filepath.Join(dir, m.role))
	}
	n.conf(dir, "relay.yaml", "relay: {directory: %[1]s/relay, listen: '"+middleAddress+":443'}\n")
	n.conf(dir, "model.yaml", "emulator: {state: %[1]s/emulator}\n")
	n.conf(dir, "owner.yaml", ownerNetwork)
	n.conf(dir, "consumer.yaml", "inlet: {directory: %[1]s/inlet, relays: ['"+middleAddress+":443'], listen: '127.0.0.1:8443', service: openai, outlet: spiffe://demo/outlet/ai-corp, gateway: spiffe://demo/gateway/ai-corp}\n")
	captured := n.capture("middle", filepath.Join(dir, "capture"))
	n.start("middle", "relay", filepath.Join(dir, "relay.yaml"), middleAddress+":443")
	n.start("owner", "emulate", filepath.Join(dir, "model.yaml"), "127.0.0.1:8442")
	eventually(t, "the model's key", func() bool { _, err := os.Stat(filepath.Join(dir, "emulator", "ostiary-demo.key")); return err == nil })
	n.start("owner", "gateway", filepath.Join(dir, "owner.yaml"), "127.0.0.1:8444")
	n.start("owner", "outlet", filepath.Join(dir, "owner.yaml"), "")
	n.start("consumer", "inlet", filepath.Join(dir, "consumer.yaml"), "127.0.0.1:8443")

	answer := n.run("consumer", "", "inside", "ask", "http://127.0.0.1:8443/openai/v1/chat/completions",
		`{"model":"gpt-4o-mini","messages":[{"role":"user","content":"`+question+`"}]}`)
	if !strings.HasPrefix(answer, "200 ") || !strings.Contains(answer, `"content"`) {
		t.Fatalf("the question did not cross: %s", answer)
	}
	t.Logf("the answer: %.300s", answer)
	n.noRoute("owner", consumerAddress)
	n.noRoute("consumer", ownerAddress)
	n.listensOnlyToItself("owner")
	n.listensOnlyToItself("consumer")
	onlyRecords(t, captured(), answer)
}

const ownerNetwork = `gateway:
  members: {listen: "127.0.0.1:8444", directory: %[1]s/gateway}
  workloads:
    - name: research
      members: ["spiffe://demo/inlet/health-corp"]
      grants: [{deployments: ["*"], operations: [chat/completions]}]
  backends:
    - {name: model, url: "https://127.0.0.1:8442", ca: %[1]s/emulator/ca.pem, api_key: "file:%[1]s/emulator/ostiary-demo.key"}
  ledger: {directory: %[1]s/ledger}
outlet:
  directory: %[1]s/outlet
  relays: ["` + middleAddress + `:443"]
  service: openai
  target: 127.0.0.1:8444
  allow: [{attributes: {team: research}}]
`

// networks are namespaces, by the names that the test has for them.
type networks struct {
	t     *testing.T
	names map[string]string
}

func newNetworks(t *testing.T) *networks {
	n := &networks{t: t, names: map[string]string{}}
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "ip", args...).CombinedOutput(); err != nil {
			t.Skipf("NOT CHECKED: this machine lets nobody make network namespaces (ip %s: %s); neither company's need of no open port was shown",
				strings.Join(args, " "), bytes.TrimSpace(out))
		}
	}
	for _, name := range []string{"middle", "owner", "consumer"} {
		full := fmt.Sprintf("ostiary-%s-%d", name, os.Getpid())
		ip("netns", "add", full)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", full).Run() })
		n.names[name] = full
		ip("-n", full, "link", "set", "lo", "up")
	}
	middle := n.names["middle"]
	ip("-n", middle, "address", "add", middleAddress+"/32", "dev", "lo")
	for _, c := range []struct{ name, here, gate string }{{"owner", ownerAddress, ownerGate}, {"consumer", consumerAddress, consumerGate}} {
		company, cable, end := n.names[c.name], fmt.Sprintf("o%c%d", c.name[0], os.Getpid()), fmt.Sprintf("m%c%d", c.name[0], os.Getpid())
		ip("link", "add", cable, "netns", company, "type", "veth", "peer", "name", end, "netns", middle)
		ip("-n", company, "address", "add", c.here+"/24", "dev", cable)
		ip("-n", middle, "address", "add", c.gate+"/24", "dev", end)
		ip("-n", company, "link", "set", cable, "up")
		ip("-n", middle, "link", "set", end, "up")
		ip("-n", company, "route", "add", middleAddress+"/32", "via", c.gate)
	}
	return n
}

func (n *networks) conf(dir, name, text string) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "%[1]s", dir)), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

func (n *networks) command(in string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.names[in]}, args...)...)
}

// run runs a program in a namespace and returns what it prints.
func (n *networks) run(in, stdin string, args ...string) string {
	n.t.Helper()
	cmd := n.command(in, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		n.t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, said.String())
	}
	return string(out)
}

// start runs a service until the test ends, and waits until something listens
// at an address of its namespace, if one is given.
func (n *networks) start(in, service, conf, address string) {
	n.t.Helper()
	cmd := n.command(in, "ostiary", service, "--config", conf, "--log-level", "warn")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if n.t.Failed() {
			n.t.Logf("%s says:\n%s", service, said.String())
		}
	})
	eventually(n.t, service+" at "+address, func() bool {
		return address == "" || strings.Contains(n.run(in, "", "ss", "-Htln"), address)
	})
}

// noRoute wants no way from one company to the other.
func (n *networks) noRoute(from, to string) {
	n.t.Helper()
	if out, err := n.command(from, "ip", "route", "get", to).CombinedOutput(); err == nil {
		n.t.Errorf("there is a route from the %s's network to %s: %s", from, to, out)
	}
}

// listensOnlyToItself wants every listening socket of a company, TCP or UDP, on
// loopback: nothing that the relay's network could reach.
func (n *networks) listensOnlyToItself(in string) {
	n.t.Helper()
	sockets := n.run(in, "", "ss", "-Htuln")
	n.t.Logf("sockets that listen in the %s's network:\n%s", in, sockets)
	for line := range strings.Lines(sockets) {
		fields := strings.Fields(line)
		local, err := netip.ParseAddrPort(strings.Replace(fields[4], "*:", "0.0.0.0:", 1))
		if err != nil || !local.Addr().IsLoopback() {
			n.t.Errorf("the %s listens towards others: %s", in, line)
		}
	}
	if in == "consumer" && !strings.Contains(sockets, "127.0.0.1:8443") {
		n.t.Error("the inlet is not among them: nothing was looked at")
	}
}

// capture keeps every packet of a namespace's interfaces but loopback, until
// the function that it returns is called.
func (n *networks) capture(in, file string) func() []packet {
	n.t.Helper()
	cmd := n.command(in, "inside", "capture", file)
	ready, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil {
		n.t.Fatalf("the capture did not begin: %v", err)
	}
	return func() []packet {
		n.t.Helper()
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			n.t.Fatalf("the capture failed: %v", err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			n.t.Fatal(err)
		}
		return packets(n.t, data)
	}
}

// packet is one TCP segment over IPv4.
type packet struct {
	from, to netip.AddrPort
	seq      uint32
	syn, ack bool
	payload  []byte
}

// packets reads Ethernet frames, each behind its length. ARP and IPv6's
// neighbour discovery are what else a cable carries.
func packets(t *testing.T, data []byte) (all []packet) {
	for len(data) > 0 {
		frame := data[4 : 4+binary.BigEndian.Uint32(data)]
		data = data[4+len(frame):]
		ip := frame[14:]
		switch kind := binary.BigEndian.Uint16(frame[12:]); {
		case kind == 0x0806 || kind == 0x86dd && ip[6] != syscall.IPPROTO_TCP && ip[6] != syscall.IPPROTO_UDP:
			continue
		case kind != 0x0800 || ip[9] != syscall.IPPROTO_TCP:
			t.Errorf("something that is no TCP went by: % x", frame[:40])
			continue
		}
		size := int(binary.BigEndian.Uint16(ip[2:]))
		tcp := ip[int(ip[0]&15)*4 : size]
		p := packet{
			from: netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[12:16])), binary.BigEndian.Uint16(tcp)),
			to:   netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[16:20])), binary.BigEndian.Uint16(tcp[2:])),
			seq:  binary.BigEndian.Uint32(tcp[4:]), syn: tcp[13]&2 != 0, ack: tcp[13]&16 != 0,
			payload: tcp[int(tcp[12]>>4)*4:],
		}
		all = append(all, p)
	}
	return all
}

// onlyRecords wants connections to the relay's and the authority's ports alone,
// begun by the companies, whose bytes are TLS records in both directions, with
// nothing of question or answer among them.
func onlyRecords(t *testing.T, all []packet, answer string) {
	flows := map[[2]netip.AddrPort][]packet{}
	var bytesSeen int
	for _, p := range all {
		if p.syn && !p.ack && p.to != netip.MustParseAddrPort(middleAddress+":443") && p.to != netip.MustParseAddrPort(middleAddress+":7443") {
			t.Errorf("%s was called by %s", p.to, p.from)
		}
		flows[[2]netip.AddrPort{p.from, p.to}] = append(flows[[2]netip.AddrPort{p.from, p.to}], p)
	}
	for ends, segments := range flows {
		stream := assemble(t, segments)
		bytesSeen += len(stream)
		for _, secret := range []string{question, "Ockham", "gpt-4o-mini", "chat/completions", answer[max(0, len(answer)-60):]} {
			for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
				if bytes.Contains(stream, []byte(form)) {
					t.Errorf("%v carries %q", ends, form)
				}
			}
		}
		records := 0
		for len(stream) >= 5 {
			if stream[0] < 20 || stream[0] > 23 || stream[1] != 3 {
				t.Errorf("%v: after %d records comes % x", ends, records, stream[:5])
				break
			}
			next := 5 + int(binary.BigEndian.Uint16(stream[3:]))
			if next > len(stream) {
				break // the connection stands, and the rest is on its way
			}
			stream = stream[next:]
			records++
		}
	}
	if len(flows) < 8 || bytesSeen < 10_000 {
		t.Errorf("%d flows of %d bytes: not the traffic of a portal", len(flows), bytesSeen)
	}
	t.Logf("%d packets, %d directions of connections, %d bytes: TLS records alone", len(all), len(flows), bytesSeen)
}

// assemble puts segments in order; what is missing would show as no TLS.
func assemble(t *testing.T, segments []packet) (stream []byte) {
	first := segments[0].seq
	slices.SortStableFunc(segments, func(a, b packet) int { return cmp.Compare(int32(a.seq-first), int32(b.seq-first)) })
	at := first
	for _, p := range segments {
		if p.syn {
			at = p.seq + 1
			continue
		}
		if again := int32(at - p.seq); again >= 0 && int(again) < len(p.payload) {
			stream = append(stream, p.payload[again:]...)
			at = p.seq + uint32(len(p.payload))
		} else if again < 0 && len(p.payload) > 0 {
			t.Errorf("the capture lost %d bytes of %s to %s", -again, p.from, p.to)
			return stream
		}
	}
	return stream
}

// inside is what the test runs in a namespace: `inside ask URL BODY` and
// `inside capture FILE`.
func inside() {
	switch os.Args[1] {
	case "ask":
		resp, err := (&http.Client{Timeout: time.Minute}).Post(os.Args[2], "application/json", strings.NewReader(os.Args[3]))
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %s", resp.StatusCode, body)
	case "capture":
		if err := captureTo(os.Args[2]); err != nil {
			log.Fatal(err)
		}
	}
}

// captureTo reads a packet(7) socket until it is interrupted. What the kernel
// drops shows when the streams are put together.
func captureTo(path string) error {
	const everything = 0x0300 // ETH_P_ALL in network order
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, everything)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	loopback, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, 33, 64<<20) // SO_RCVBUFFORCE
	_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Usec: 100_000})
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	fmt.Print("!")
	frame := make([]byte, 1<<17)
	for stop.Err() == nil {
		n, from, err := syscall.Recvfrom(fd, frame, 0)
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if at, ok := from.(*syscall.SockaddrLinklayer); ok && at.Ifindex != loopback.Index {
			if _, err := file.Write(append(binary.BigEndian.AppendUint32(nil, uint32(n)), frame[:n]...)); err != nil {
				return err
			}
		}
	}
	return file.Close()
}

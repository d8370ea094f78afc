package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/pki"
)

// tool finds a program of the torture suite, or skips, and says what was not
// checked.
func tool(t *testing.T, name, missing string) string {
	t.Helper()
	if os.Getenv("OSTIARY_TORTURE") == "" {
		t.Skip("OSTIARY_TORTURE is not set: " + missing)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("NOT CHECKED, " + name + " is not installed: " + missing)
	}
	return path
}

// secureListener serves the rig over TLS as the product does.
func (r *rig) secureListener() (address string, trust *tls.Config) {
	r.t.Helper()
	ca, err := pki.LoadOrCreateCA(r.t.TempDir(), "test")
	if err != nil {
		r.t.Fatal(err)
	}
	cert, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		r.t.Fatal(err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
	ln, err := httpd.Listen("127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- httpd.Serve(ctx, ln, r.Handler(), config, nil) }()
	r.t.Cleanup(func() { cancel(); <-done })
	return ln.Addr().String(), &tls.Config{RootCAs: pki.Pool(ca.Certificate())}
}

// TestH2spec holds our HTTP/2 to that of a bare net/http server: whatever case
// of h2spec fails here fails there.
func TestH2spec(t *testing.T) {
	h2spec := tool(t, "h2spec", "conformance with RFC 9113; go install github.com/summerwind/h2spec/cmd/h2spec@latest (v2.2.1)")
	r := newRig(t, whole)
	ours, _ := r.secureListener()
	bare := &http.Server{Handler: r.Handler()} // on the same handler
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert := r.certificate()
	bare.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	go func() { _ = bare.ServeTLS(ln, "", "") }()
	defer bare.Close()
	_, theirs := runH2spec(t, h2spec, ln.Addr().String())
	all, failed := runH2spec(t, h2spec, ours)
	alone := func(c string) bool { return !slices.Contains(theirs, c) }
	for range 2 { // some cases race with the end of the answer; a failure of ours comes again
		if slices.ContainsFunc(failed, alone) {
			_, again := runH2spec(t, h2spec, ours)
			failed = slices.DeleteFunc(failed, func(c string) bool { return !slices.Contains(again, c) })
		}
	}
	t.Logf("%d cases; failed here %q; failed with bare net/http %q", all, failed, theirs)
	for _, c := range failed {
		if alone(c) {
			t.Errorf("fails here alone: %s", c)
		}
	}
	if all < 140 {
		t.Errorf("only %d cases were run", all)
	}
}

func (r *rig) certificate() tls.Certificate {
	r.t.Helper()
	ca, err := pki.LoadOrCreateCA(r.t.TempDir(), "bare")
	if err != nil {
		r.t.Fatal(err)
	}
	cert, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		r.t.Fatal(err)
	}
	return cert
}

// runH2spec runs all cases against a server, and names those that fail.
func runH2spec(t *testing.T, program, address string) (all int, failed []string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.xml")
	cmd := exec.CommandContext(t.Context(), program, "-t", "-k", "-h", host, "-p", port, "-P", describedAt, "-j", report)
	out, _ := cmd.CombinedOutput() // it fails if a case does
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var suites struct {
		Suites []struct {
			Package string `xml:"package,attr"`
			Cases   []struct {
				Name    string  `xml:"classname,attr"`
				Failure *string `xml:"failure"`
				Error   *string `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	for _, s := range suites.Suites {
		for _, c := range s.Cases {
			if all++; c.Failure != nil || c.Error != nil {
				failed = append(failed, s.Package+": "+c.Name)
			}
		}
	}
	return all, failed
}

// TestSlowHTTP runs slowhttptest's attacks while a stream that began before
// them, with a pause longer than all of them, lives on. Each attack's
// connections must be gone, seen from our side, soon after they stall.
func TestSlowHTTP(t *testing.T) {
	slow := tool(t, "slowhttptest", "slow headers, bodies, readers and ranges; apt-get install slowhttptest")
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("NOT CHECKED, no /proc/net/tcp: when attackers' connections are closed")
	}
	goOn, ended := make(chan struct{}), make(chan string, 1)
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		streamed(chatStream)(w, req)
		<-goOn
		streamed(chatDone)(w, req)
	})
	address, trust := r.secureListener()
	stream := r.request("POST", chatPath, streamBody)
	stream.URL = &url.URL{Scheme: "https", Host: address, Path: stream.URL.Path, RawQuery: stream.URL.RawQuery}
	go func() {
		resp, err := (&http.Transport{TLSClientConfig: trust}).RoundTrip(stream)
		if err != nil {
			ended <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			body = append(body, err.Error()...)
		}
		ended <- string(body)
	}()
	for mode, args := range map[string][]string{
		"headers": {"-H", "-i", "30"}, "headers by drops": {"-H", "-i", "2"},
		"body": {"-B", "-i", "30", "-s", "8192"}, "body by drops": {"-B", "-i", "2", "-x", "3", "-s", "1000000"},
		"read": {"-X", "-w", "1", "-y", "2", "-n", "5", "-z", "1", "-k", "10"}, "range": {"-R", "-a", "5", "-b", "3000"},
	} {
		t.Run(mode, func(t *testing.T) { attack(t, slow, address, args) })
	}
	close(goOn)
	if body := <-ended; body != chatStream+chatDone {
		t.Errorf("the stream got %q", body)
	}
}

// attack opens 200 connections, and waits for them to be gone. The program
// itself may take longer to notice that they are: it reads slowly.
func attack(t *testing.T, slow, address string, args []string) {
	const connections, patience = 200, 20 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	args = append(args, "-c", strconv.Itoa(connections), "-r", strconv.Itoa(connections), "-l", "40", "-u", "https://"+address+describedAt, "-v", "1")
	cmd := exec.CommandContext(ctx, slow, args...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ran := make(chan struct{})
	go func() { defer close(ran); _ = cmd.Wait() }()
	begun := time.Now()
	came := begun // the last connection: the program takes a while to open all
	most, over := 0, false
	for ; !over && time.Since(begun) < patience; time.Sleep(100 * time.Millisecond) {
		now := established(t, address)
		if now > most {
			most, came = now, time.Now()
		}
		began := most > connections/2
		select {
		case <-ran: // all were refused at once
			began = true
		default:
		}
		over = began && now <= 3 // the stream's, and the program's probe
	}
	t.Logf("at most %d connections; all gone %v after the first, %v after the last had come", most,
		time.Since(begun).Round(time.Second/10), time.Since(came).Round(time.Second/10))
	if !over {
		t.Errorf("%d connections are left", established(t, address))
	}
	cancel()
	<-ran
	if strings.Contains(out.String(), "NO") {
		t.Error(out.String())
	}
}

// established counts a listener's open connections, seen from its side.
func established(t *testing.T, address string) (n int) {
	t.Helper()
	_, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // sl local_address rem_address st …
		if len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) && f[3] == "01" {
			n++
		}
	}
	return n
}

package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

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
	all, failed := runH2spec(t, h2spec, ours)
	_, theirs := runH2spec(t, h2spec, ln.Addr().String())
	t.Logf("%d cases; failed here %q; failed with bare net/http %q", all, failed, theirs)
	for _, c := range failed {
		if !slices.Contains(theirs, c) {
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

// TestSlowHTTP runs slowhttptest's four attacks while a stream that began
// before them, with pauses longer than a stall may be, lives on. Each attack's
// connections are closed by us, and none holds for longer than it may.
func TestSlowHTTP(t *testing.T) {
	slow := tool(t, "slowhttptest", "slow headers, bodies, readers and ranges; apt-get install slowhttptest")
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
		"headers": {"-H", "-i", "30"}, "body": {"-B", "-i", "30", "-s", "8192"}, "body by drops": {"-B", "-i", "2", "-x", "3", "-s", "1000000"},
		"headers by drops": {"-H", "-i", "2"}, "read": {"-X", "-w", "1", "-y", "2", "-n", "5", "-z", "1", "-k", "10"}, "range": {"-R", "-a", "5", "-b", "3000"},
	} {
		t.Run(mode, func(t *testing.T) {
			args = append(args, "-c", "200", "-r", "200", "-l", "40", "-u", "https://"+address+describedAt, "-v", "1")
			out, err := exec.CommandContext(t.Context(), slow, args...).CombinedOutput()
			text := regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]").ReplaceAllString(string(out), "")
			end := regexp.MustCompile(`Test ended on (\d+)\w+ second\s+Exit status: *(.*)`).FindStringSubmatch(text)
			if err != nil || end == nil {
				t.Fatalf("%v %s", err, text)
			}
			t.Logf("ended in second %s: %s", end[1], end[2])
			if end[2] != "No open connections left" || regexp.MustCompile(`service available: *NO`).MatchString(text) {
				t.Error(text)
			}
		})
	}
	close(goOn)
	if body := <-ended; body != chatStream+chatDone {
		t.Errorf("the stream got %q", body)
	}
	conn, err := tls.Dial("tcp", address, trust)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET "+describedAt+" HTTP/1.1\r\nHost: g\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != 200 {
		t.Error(err)
	}
}

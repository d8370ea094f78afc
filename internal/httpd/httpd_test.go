package httpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// start runs a handler on address and returns its listener's.
func start(t *testing.T, address string, h http.Handler, config *tls.Config, log *slog.Logger) (net.Addr, func() error) {
	t.Helper()
	ln, err := Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, h, config, log) }()
	stop := func() error { cancel(); return <-done }
	t.Cleanup(cancel)
	return ln.Addr(), stop
}

func TestUnixSocketIsPrivateAndReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, stop := start(t, "unix:"+path, http.NotFoundHandler(), nil, nil)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the socket: %v, %v", info, err)
	}
	if _, err := Listen("unix:" + path); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("a socket in use was taken: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	// As a process that was killed leaves it: a socket that nobody answers.
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = dead.Close()
	ln, err := Listen("unix:" + path)
	if err != nil {
		t.Fatalf("a dead socket is in the way: %v", err)
	}
	_ = ln.Close()
}

func TestPortInUseNamesThePort(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := Listen(ln.Addr().String()); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("%v", err)
	}
}

func TestAdmin(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "ostiary_test_gauge", Help: "x"}))
	ready := errors.New("not yet")
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "api") })
	path := filepath.Join(t.TempDir(), "s")
	start(t, "unix:"+path, Admin(reg, func() error { return ready }, api), nil, nil)
	client := UnixClient(path)
	get := func(p string) (int, string) {
		resp, err := client.Get("http://admin" + p)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/metrics": 200, "/admin/v1/x": 200, "/debug": 404, "/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/cmdline": 200} {
		if got, body := get(path); got != want || strings.Contains(body, "not yet") {
			t.Errorf("%s: %d %q, want %d", path, got, body, want)
		}
	}
	if _, body := get("/metrics"); !strings.Contains(body, "ostiary_test_gauge 0") {
		t.Errorf("metrics: %q", body)
	}
	ready = nil
	if got, _ := get("/readyz"); got != 200 {
		t.Errorf("ready, and /readyz says %d", got)
	}
}

// HTTP/2 is spoken only where the configuration names it: an inlet passes
// bytes and must know that they are HTTP/1.1.
func TestProtocolsFollowTheConfiguration(t *testing.T) {
	ca, err := pki.LoadOrCreateCA(t.TempDir(), "test")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		protocols []string
		want      string
	}{{[]string{"h2", "http/1.1"}, "HTTP/2.0"}, {[]string{"http/1.1"}, "HTTP/1.1"}} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
		addr, _ := start(t, "127.0.0.1:0", h, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: c.protocols}, nil)
		client := http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pki.Pool(ca.Certificate())}}}
		resp, err := client.Get("https://" + addr.String())
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != c.want {
			t.Errorf("%v: spoke %s", c.protocols, got)
		}
	}
}

// Headers over the bound are refused, and nothing that a stranger sent reaches
// the log.
func TestStrangersAreBoundedAndUnquoted(t *testing.T) {
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelInfo}))
	addr, stop := start(t, "127.0.0.1:0", http.NotFoundHandler(), nil, log)
	req, _ := http.NewRequest(http.MethodGet, "http://"+addr.String()+"/?api-key=canary", nil)
	req.Header.Set("X-Big", strings.Repeat("canary", 20<<10))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("120 KiB of header: %d", resp.StatusCode)
	}
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "canary nonsense\r\n\r\n")
	_, _ = io.ReadAll(conn)
	_ = conn.Close()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(logged.String(), "canary") {
		t.Errorf("logged: %s", logged.String())
	}
}

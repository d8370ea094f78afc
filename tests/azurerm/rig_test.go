//go:build azurerm

// Package azurerm_test drives Terraform's real azurerm provider against the
// emulated Resource Manager. It needs terraform and the provider that
// scripts/provider.sh installs, and fails where either is absent.
package azurerm_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/pki"
)

const (
	tenant       = "11111111-2222-3333-4444-555555555555"
	subscription = "66666666-7777-8888-9999-aaaaaaaaaaaa"
	application  = "bbbbbbbb-cccc-dddd-eeee-ffffffffffff"
	object       = "abababab-cccc-dddd-eeee-ffffffffffff"
)

// rig is an emulated Resource Manager with a token endpoint, and one Terraform
// working directory.
type rig struct {
	t   *testing.T
	arm *arm.Server
	url string
	dir string
	env []string
}

// newRig starts the emulated Resource Manager and prepares Terraform for it.
func newRig(t *testing.T, change ...func(*arm.Config)) *rig {
	t.Helper()
	r := &rig{t: t}
	mux := http.NewServeMux()
	server, ca := serve(t, mux)
	r.url = server.URL
	c := arm.Config{Tenant: tenant, Subscription: subscription, Owner: object, Login: server.URL, Graph: server.URL}
	for _, f := range change {
		f(&c)
	}
	var err error
	if r.arm, err = arm.New(c); err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("POST /"+tenant+"/oauth2/v2.0/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3600,"access_token":%q}`, token())
	})
	mux.Handle("/", r.traced(dataPlanes(r.arm)))
	rc := filepath.Join(t.TempDir(), "terraformrc")
	mirror := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror(t))
	if err := os.WriteFile(rc, []byte(mirror), 0o600); err != nil {
		t.Fatal(err)
	}
	r.env = append(os.Environ(),
		"TF_CLI_CONFIG_FILE="+rc, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1",
		"SSL_CERT_FILE="+ca, "ARM_METADATA_HOSTNAME="+strings.TrimPrefix(server.URL, "https://"),
		"ARM_TENANT_ID="+tenant, "ARM_SUBSCRIPTION_ID="+subscription, "ARM_CLIENT_ID="+application, "ARM_CLIENT_SECRET=any",
		"GO_AZURE_SDK_SKIP_POLLING_DELAY=true", "HTTPS_PROXY="+proxy(t, server.Listener.Addr().String()), "NO_PROXY=127.0.0.1",
	)
	return r
}

// use copies a tree of modules and initialises one of its directories, offline.
func (r *rig) use(tree, dir string) {
	r.t.Helper()
	to := r.t.TempDir()
	if err := os.CopyFS(to, os.DirFS(tree)); err != nil {
		r.t.Fatal(err)
	}
	r.dir = filepath.Join(to, dir)
	r.must("init", "-input=false", "-no-color")
}

// serve puts h behind TLS, for this address, for vaults' names and for others.
func serve(t *testing.T, h http.Handler, names ...string) (*httptest.Server, string) {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.LoadOrCreateCA(dir, "rehearsal")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.ServerCertificate(append(names, "127.0.0.1", "*.vault.azure.net")...)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(file, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, file
}

// dataPlanes answers for vaults as Azure does from outside, so that the
// provider, which asks each vault for its contacts, need not wait for a name
// that nobody resolves.
func dataPlanes(control http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Host, ".vault.azure.net") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":{"code":"Forbidden","message":"Public network access is disabled and request is not from a trusted service nor via an approved private link."}}`)
			return
		}
		control.ServeHTTP(w, r)
	})
}

// proxy is an HTTP proxy that leads every CONNECT to one address.
func proxy(t *testing.T, to string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := net.Dial("tcp", to)
		if err != nil || r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			there.Close()
			return
		}
		fmt.Fprint(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { io.Copy(there, here); there.Close() }()
		io.Copy(here, there)
		here.Close()
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// mirror is what scripts/provider.sh lays out.
func mirror(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `cd ../.. && [ -x "$(command -v terraform)" ] && ls -d "${XDG_CACHE_HOME:-$HOME/.cache}/ostiary/provider/$(sed -n 's/^commit=\([^ ]*\).*/\1/p' scripts/provider.sh)/mirror"`).Output()
	if err != nil {
		t.Fatal("terraform or the azurerm provider is not here: install terraform, and run scripts/provider.sh")
	}
	return strings.TrimSpace(string(out))
}

func token() string {
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(map[string]any{"alg": "none", "typ": "JWT"}) + "." +
		part(map[string]any{"oid": object, "tid": tenant, "appid": application, "exp": time.Now().Add(time.Hour).Unix()}) + ".c2ln"
}

// traced writes every request to the file that OSTIARY_TRACE names.
func (r *rig) traced(h http.Handler) http.Handler {
	name := os.Getenv("OSTIARY_TRACE")
	if name == "" {
		return h
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { f.Close() })
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var in bytes.Buffer
		in.ReadFrom(req.Body)
		req.Body = readCloser{bytes.NewReader(in.Bytes())}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		fmt.Fprintf(f, "%s %s %s %d\n  > %s\n  < %s\n", time.Now().Format("15:04:05"), req.Method, req.URL, rec.Code, in.String(), rec.Body.String())
		w.WriteHeader(rec.Code)
		w.Write(rec.Body.Bytes())
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// terraform runs one command and gives its exit code and output.
func (r *rig) terraform(args ...string) (int, string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 15*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "terraform", args...)
	c.Dir, c.Env = r.dir, r.env
	began := time.Now()
	out, err := c.CombinedOutput()
	r.t.Logf("terraform %s: %.1f s", args[0], time.Since(began).Seconds())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return 0, string(out)
}

func (r *rig) must(args ...string) {
	r.t.Helper()
	if code, out := r.terraform(args...); code != 0 {
		r.t.Fatalf("terraform %v ended with %d:\n%s", args, code, out)
	}
}

func (r *rig) apply() { r.t.Helper(); r.must("apply", "-auto-approve", "-input=false", "-no-color") }

// unchanged demands that a plan has nothing to do.
func (r *rig) unchanged() {
	r.t.Helper()
	if code, out := r.terraform("plan", "-detailed-exitcode", "-input=false", "-no-color"); code != 0 {
		r.t.Errorf("a plan after apply is not empty (exit code %d):\n%s", code, out)
	}
}

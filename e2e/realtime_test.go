package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/cli/node"
	run "github.com/ostiary/ostiary/internal/cli/serve"
	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/secret"
)

// TestRealtime holds a session with the emulator, directly and through a
// gateway: the same events come in the same order with the same words, and the
// gateway records what they used.
func TestRealtime(t *testing.T) {
	w := &twins{t: t, state: t.TempDir(), now: time.Now()}
	e, err := emulator.New(emulator.Config{
		Settings: emulator.Settings{State: w.state, Accounts: []emulator.Account{{
			Name: "ostiary-demo", Deployments: []emulator.Deployment{{Name: "talk", Model: "gpt-realtime"}},
		}}},
		Public: listen(t), Private: listen(t), Issuer: listen(t), Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, e.Run)
	azureKey, err := e.Key("ostiary-demo")
	if err != nil {
		t.Fatal(err)
	}
	front := strings.TrimPrefix(e.URLs().Private, "https://")
	key, ledgerDir, address := w.talking(front)

	for _, path := range []string{"/openai/v1/realtime?model=talk", "/openai/realtime?api-version=2025-04-01-preview&deployment=talk"} {
		want, _ := talk(t, e.CAFile(), front, path, azureKey.Reveal())
		got, total := talk(t, e.CAFile(), address, path, key.Reveal())
		if len(want) < 8 || !slices.Equal(want, got) {
			t.Errorf("%s:\n%s\nthrough the gateway:\n%s", path, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
		var result ledger.Result
		for deadline := time.Now().Add(20 * time.Second); result.End.IsZero() && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			_ = ledger.Read(ledgerDir, 0, func(_ uint64, r ledger.Record) error { // the last
				if r.Result != nil {
					result = *r.Result
				} else {
					result = ledger.Result{}
				}
				return nil
			})
		}
		if result.Status != 101 || total == 0 || result.Usage.Total != total || result.Usage.Estimated || !slices.Equal(result.FinishReasons, []string{"completed"}) {
			t.Errorf("%s: used %d, recorded %+v", path, total, result)
		}
	}
}

// talking is a gateway in front of an emulator's account.
func (w *twins) talking(azure string) (key secret.String, dir, address string) {
	w.t.Helper()
	cert := w.certificate()
	private, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		w.t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(w.state, name) }
	for name, data := range map[string][]byte{
		"gateway.pem": pki.CertificatePEM(cert.Certificate[0]), "gateway.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		if err := os.WriteFile(file(name), data, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	var upstream secret.Ref
	if err := upstream.UnmarshalText([]byte("file:" + file("ostiary-demo.key"))); err != nil {
		w.t.Fatal(err)
	}
	key, hash := identity.NewKey()
	ln := listen(w.t)
	s := gateway.Settings{
		Listen: ln.Addr().String(), TLS: &gateway.TLS{Certificate: file("gateway.pem"), Key: file("gateway.key")},
		Keys:      []identity.Key{{Name: "k", Hash: hash, Workload: "w"}},
		Workloads: []policy.Workload{{Name: "w", Grants: []policy.Grant{{Deployments: []string{"talk"}, Operations: []string{"realtime"}}}}},
		Backends:  []backend.Settings{{Name: "azure", URL: "https://" + azure, CA: file("ca.pem"), APIKey: upstream}},
		Ledger:    gateway.LedgerSettings{Directory: file("ledger")},
	}
	background(w.t, func(ctx context.Context) error {
		return run.Gateway(&node.Env{Ctx: ctx, Out: io.Discard, Err: io.Discard, Log: slog.New(slog.DiscardHandler)}, s, run.Source{}, ln, nil)
	})
	return key, s.Ledger.Directory, ln.Addr().String()
}

// talk asks one question, and gives the events that came, and their tokens.
func talk(t *testing.T, caFile, address, path, key string) (events []string, total int64) {
	t.Helper()
	ca, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	config, err := websocket.NewConfig("wss://"+address+path, "https://localhost")
	if err != nil {
		t.Fatal(err)
	}
	config.TlsConfig, config.Dialer = &tls.Config{RootCAs: roots}, &net.Dialer{Timeout: 20 * time.Second}
	config.Header.Set("Api-Key", key)
	conn, err := websocket.DialConfig(config)
	if err != nil {
		t.Fatalf("%s: %v", address+path, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	for _, event := range []string{
		`{"type":"session.update","session":{"instructions":"Be brief."}}`,
		`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"What is Ockham's Razor?"}]}}`,
		`{"type":"response.create"}`,
	} {
		if err := websocket.Message.Send(conn, event); err != nil {
			t.Fatal(err)
		}
	}
	for {
		var text string
		if err := websocket.Message.Receive(conn, &text); err != nil {
			t.Fatalf("after %d events: %v", len(events), err)
		}
		var e struct {
			Type, Delta, Text string
			Response          struct {
				Usage struct {
					Total int64 `json:"total_tokens"`
				}
			}
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, fmt.Sprintf("%s %q%q", e.Type, e.Delta, e.Text))
		if e.Type == "response.done" {
			_ = conn.WriteClose(1000)
			return events, e.Response.Usage.Total
		}
	}
}

//go:build unix

package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/limit/redistest"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/sink/sinktest"
)

// What modules/gateway writes for several replicas, but for the logins.
const replicaYAML = `gateway:
  listen: %[1]s
  tls: {certificate: %[2]s/gateway.pem, key: %[2]s/gateway.key}
  keys:
    - {name: research, workload: research, hash: %[4]s}
  workloads:
    - name: research
      limits: {requests_per_minute: 20}
      grants:
        - {deployments: ["*"], operations: ["*"]}
  backends:
    - {name: azure, url: "https://%[5]s", ca: %[2]s/ca.pem, api_key: "file:%[2]s/ostiary-demo.key", deployments: [gpt-4o-mini]}
  shared_limits:
    redis: {address: "%[6]s"}
  ledger:
    directory: %[3]s
    remote: {postgres: {url: "env:OSTIARY_LEDGER_URL"}}
    retention: {size: 2GiB}
`

// TestReplicas: two gateways, started together on an empty database and an
// empty Redis, answer as many calls between them as the workload's limit says;
// when their directories are gone, the database has a log of each, whole, and
// every call that was answered is in one of them.
func TestReplicas(t *testing.T) {
	redis, postgres := redistest.New(t), sinktest.NewPostgres(t)
	t.Setenv("OSTIARY_LEDGER_URL", postgres.URL())
	w := &twins{t: t, state: t.TempDir(), now: time.Now()}
	e, azure := w.emulator()
	key, hash := identity.NewKey()
	cert := w.certificate()
	private, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	w.keep("gateway.pem", pki.CertificatePEM(cert.Certificate[0]))
	w.keep("gateway.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	if _, err := e.Key("ostiary-demo"); err != nil { // which writes it
		t.Fatal(err)
	}
	var gateways, directories []string
	for i := range 2 {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		address, dir := "127.0.0.1:"+port, filepath.Join(t.TempDir(), "ledger")
		file := w.keep(fmt.Sprintf("gateway-%d.yaml", i), fmt.Appendf(nil, replicaYAML, address, w.state, dir, hash, azure, redis.Address()))
		w.serve(file, address)
		gateways, directories = append(gateways, address), append(directories, dir)
	}
	client := trusting(t, e.CAFile())
	var served [2]atomic.Int32
	var refused atomic.Int32
	var all sync.WaitGroup
	for n := range 60 {
		all.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+gateways[n%2]+"/openai/v1/responses", strings.NewReader(`{"model":"gpt-4o-mini","input":"What do two share?"}`))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Api-Key", key.Reveal())
			req.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			switch resp.StatusCode {
			case http.StatusOK:
				served[n%2].Add(1)
			case http.StatusTooManyRequests:
				refused.Add(1)
			default:
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	all.Wait()
	one, other := served[0].Load(), served[1].Load()
	if one+other != 20 || refused.Load() != 40 {
		t.Errorf("%d and %d answered, %d refused; the limit of both is 20", one, other, refused.Load())
	}
	for _, dir := range directories {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	list, _ := ostiary(t, 0, "ledger", "restore", "--postgres", "env:OSTIARY_LEDGER_URL", "--list")
	logs := regexp.MustCompile(`(?m)^[0-9a-f]{32}`).FindAllString(list, -1)
	if len(logs) != 2 {
		t.Fatalf("%d logs:\n%s", len(logs), list)
	}
	answered := 0
	for i, log := range logs {
		dir := filepath.Join(t.TempDir(), "restored")
		ostiary(t, 0, "ledger", "restore", "--postgres", "env:OSTIARY_LEDGER_URL", "--log", log, "--dir", dir)
		out, _ := ostiary(t, 0, "ledger", "query", "--dir", dir, "--format", "json")
		n := strings.Count(out, `"status":200`)
		if n != int(one) && n != int(other) {
			t.Errorf("%d answered calls in log %d", n, i)
		}
		answered += n
	}
	if answered != int(one+other) {
		t.Errorf("%d calls were answered, and %d recorded so", one+other, answered)
	}
}

// keep writes a file of the test's and gives its path.
func (w *twins) keep(name string, data []byte) string {
	w.t.Helper()
	path := filepath.Join(w.state, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

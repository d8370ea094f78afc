package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/emulator"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/pki"
)

// side is one of the two things that a client can ask: an emulator, or a
// gateway in front of another emulator that is its twin.
type side struct {
	front                recorded  // where the client asks
	back                 *recorder // between gateway and emulator
	address              string    // behind front
	ca                   string    // file
	key, token, stranger string
}

// recorded is a recorder with its address.
type recorded struct {
	*recorder
	address string
}

// twins are what both sides are made of: one authority, one key, one moment.
type twins struct {
	t     *testing.T
	state string
	now   time.Time
	clock atomic.Int64
}

// startSides starts both.
func startSides(t *testing.T) (direct, through *side) {
	t.Helper()
	w := &twins{t: t, state: t.TempDir(), now: time.Now()}
	return w.emulated(), w.gated()
}

// emulated is an emulator behind a recorder.
func (w *twins) emulated() *side {
	w.t.Helper()
	e, address := w.emulator()
	key, err := e.Key("ostiary-demo")
	if err != nil {
		w.t.Fatal(err)
	}
	return &side{
		front: w.record(address), address: address, ca: e.CAFile(),
		key: key.Reveal(), token: w.token(e, "sample-app"), stranger: w.token(e, "stranger"),
	}
}

const strangerID = "0c9a7a55-3f43-4b0e-a8a1-5d1f8a0b9e11"

// emulator starts one, with what it lacks of Azure's refusals before it.
func (w *twins) emulator() (*emulator.Emulator, string) {
	w.t.Helper()
	settings := emulator.Settings{
		State: w.state,
		Accounts: []emulator.Account{{Name: "ostiary-demo", OpenAIUsers: []string{"sample-app"}, Deployments: []emulator.Deployment{
			{Name: "gpt-4o-mini"}, {Name: "text-embedding-3-small"}, {Name: "gpt-35-turbo-instruct"}, {Name: "dall-e-3"}, {Name: "tts"}, {Name: "gpt-4o-transcribe"},
		}}},
		Directory: emulator.Directory{Apps: []emulator.App{{Name: "sample-app", ClientID: sampleID}, {Name: "stranger", ClientID: strangerID}}},
	}
	e, err := emulator.New(emulator.Config{
		Settings: settings, Public: listen(w.t), Private: listen(w.t), Issuer: listen(w.t),
		Now: func() time.Time { return w.now },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	background(w.t, e.Run)
	front := httptest.NewUnstartedServer(refusing(e.Private()))
	front.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{w.certificate()}}
	front.StartTLS()
	w.t.Cleanup(front.Close)
	return e, front.Listener.Addr().String()
}

const sampleID = "5c1d7f02-94b3-4a6e-8d27-b0e6f3a81c45"

// refusing adds two refusals that the emulator never makes, laid out as Azure
// was seen to make them: a prompt that the content filter blocks, and a
// deployment whose quota is used up.
func refusing(emulated http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		asks := func(deployment string) bool {
			return strings.Contains(r.URL.Path, "/deployments/"+deployment) || bytes.Contains(body, []byte(`"model":"`+deployment))
		}
		h := w.Header()
		switch {
		case asks("throttled"):
			h.Set("Policy-Id", "DeploymentRatelimit-Token")
			h.Set("Retry-After", "2")
			h.Set("Retry-After-Ms", "1100")
			h.Set("X-Ratelimit-Reset-Tokens", "2")
			refuseWith(w, http.StatusTooManyRequests, `{"error":{"code":"RateLimitReached","message": "Your requests to throttled for gpt-4o-mini in East US have exceeded the token rate limit for your current S0 pricing tier. Please retry after 2 seconds."}}`)
		case asks("filtered"):
			h.Set("X-Ms-Rai-Invoked", "true")
			refuseWith(w, http.StatusBadRequest, `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":false,"severity":"safe"},"violence":{"filtered":true,"severity":"high"}}}}}`)
		default:
			emulated.ServeHTTP(w, r)
		}
	})
}

func refuseWith(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// token signs an application in.
func (w *twins) token(e *emulator.Emulator, app string) string {
	w.t.Helper()
	who, err := e.App(app)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := trusting(w.t, e.CAFile()).PostForm(e.URLs().Issuer+"/"+who.Tenant+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {who.ClientID}, "client_secret": {who.Secret.Reveal()},
		"scope": {"https://cognitiveservices.azure.com/.default"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		w.t.Fatalf("no token for %s: %d, %v", app, resp.StatusCode, err)
	}
	return answer.Token
}

// certificate is one for loopback, of the emulator's authority.
func (w *twins) certificate() tls.Certificate {
	w.t.Helper()
	ca, err := pki.LoadOrCreateCA(w.state, "")
	if err != nil {
		w.t.Fatal(err)
	}
	cert, err := ca.ServerCertificate("127.0.0.1", "localhost")
	if err != nil {
		w.t.Fatal(err)
	}
	return cert
}

// record puts a recorder before an address.
func (w *twins) record(address string) recorded {
	w.t.Helper()
	ca, err := pki.LoadOrCreateCA(w.state, "")
	if err != nil {
		w.t.Fatal(err)
	}
	r := &recorder{t: w.t, target: address, clock: &w.clock, trust: &tls.Config{RootCAs: pki.Pool(ca.Certificate()), NextProtos: []string{"http/1.1"}}}
	return recorded{r, r.record(w.certificate())}
}

const gatewayYAML = `gateway:
  listen: %[1]s
  tls: {certificate: %[2]s/gateway.pem, key: %[2]s/gateway.key}
  entra:
    - {tenant: %[3]s, authority: %[4]q, ca: %[2]s/ca.pem}
  keys:
    - {name: tester, workload: everything, hash: %[5]s}
  workloads:
    - name: everything
      apps: [%[6]s]
      grants:
        - {deployments: ["*"], operations: ["*"]}
  backends:
    - name: azure
      url: https://%[7]s
      ca: %[2]s/ca.pem
      api_key: file:%[2]s/ostiary-demo.key
      workload: everything
      deployments: [gpt-4o-mini, text-embedding-3-small, gpt-35-turbo-instruct, dall-e-3, tts, gpt-4o-transcribe, ghost, filtered, "throttled*"]
  ledger:
    directory: %[2]s/ledger
`

// gated is a gateway behind a recorder, with another before its emulator. It
// starts from a configuration file, as the command does.
func (w *twins) gated() *side {
	w.t.Helper()
	e, emulated := w.emulator()
	back := w.record(emulated)
	cert := w.certificate()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		w.t.Fatal(err)
	}
	app, err := e.App("sample-app")
	if err != nil {
		w.t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		w.t.Fatal(err)
	}
	address := "127.0.0.1:" + port
	shown, hash := identity.NewKey()
	file := fmt.Sprintf(gatewayYAML, address, w.state, app.Tenant, e.URLs().Issuer, hash, sampleID, back.address)
	for name, data := range map[string][]byte{
		"gateway.pem": pki.CertificatePEM(cert.Certificate[0]), "gateway.yaml": []byte(file),
		"gateway.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		if err := os.WriteFile(filepath.Join(w.state, name), data, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	w.serve(filepath.Join(w.state, "gateway.yaml"), address)
	return &side{
		front: w.record(address), back: back.recorder, address: address, ca: e.CAFile(),
		key: shown.Reveal(), token: w.token(e, "sample-app"), stranger: w.token(e, "stranger"),
	}
}

// serve runs the command `ostiary gateway` until the test ends, and waits until
// it listens.
func (w *twins) serve(file, address string) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "ostiary", "gateway", "--config", file)
	var said buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	w.t.Cleanup(func() { <-ended }) // the test's context has ended
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			w.t.Fatalf("the gateway ended: %v\n%s", err, said.Bytes())
		default:
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the gateway does not listen\n%s", said.Bytes())
		}
	}
}

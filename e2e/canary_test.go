package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/channel"
	"github.com/ostiary/ostiary/internal/cli/demo"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
)

// canary is a prompt that nobody but client and model may ever hold.
const canary = "canary-9c41f7e2-prompt"

// buffer is a bytes.Buffer for many goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.b.Bytes())
}

// holds says in which form data has the canary, or "".
func holds(data []byte) string {
	forms := map[string]string{"clear": canary, "hex": hex.EncodeToString([]byte(canary))}
	for i := range 3 { // base64 looks different at each offset
		enc := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", i) + canary))
		forms[fmt.Sprintf("base64 at %d", i)] = enc[4 : len(enc)-4]
	}
	for name, form := range forms {
		if bytes.Contains(bytes.ToLower(data), bytes.ToLower([]byte(form))) {
			return name
		}
	}
	return ""
}

// echoModel is an OpenAI-compatible server that answers with the question, or
// refuses with it in the error, as careless servers do.
func echoModel(t *testing.T) string {
	address := httpTarget(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			Model    string
			Messages []struct{ Content string }
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || len(req.Messages) == 0 {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		if req.Model == "refuse" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": "cannot say " + req.Messages[0].Content, "code": req.Messages[0].Content}})
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"model": "echo", "choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]string{"role": "assistant", "content": req.Messages[0].Content}}},
			"usage": map[string]int{"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
		})
	}))
	return "http://" + address + "/v1"
}

// TestCanaryIsNowhere asks a canary through the whole product, in ways that
// succeed and ways that fail, and searches everything that any part logged,
// counted, answered to strangers or wrote to disk.
func TestCanaryIsNowhere(t *testing.T) {
	var logged, said buffer
	dir := t.TempDir()
	env := &node.Env{
		Ctx: t.Context(), Out: &said, Err: &said,
		Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	w, err := demo.Start(env, demo.Options{Upstream: echoModel(t), Model: "echo", State: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	client := trusting(t, w.CAFile)
	post := func(path, body string, header http.Header) (int, []byte) {
		req, _ := http.NewRequest(http.MethodPost, path, strings.NewReader(body))
		req.Header = header.Clone()
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, got
	}
	ask := func(path, model, content string, header http.Header) (int, []byte) {
		return post(path, fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}]}`, model, content), header)
	}
	chat := "/openai/v1/chat/completions"
	none := http.Header{}
	status, answer := ask(w.InletURL+chat, "echo", canary, none)
	if status != 200 || holds(answer) != "clear" {
		t.Fatalf("the answer is not there: %d %s", status, answer)
	}
	// Ways to fail: refused upstream, at the gateway, by the parser, by the route.
	if status, _ = ask(w.InletURL+chat, "refuse", canary, none); status != 400 {
		t.Errorf("refused upstream: %d", status)
	}
	status, answer = ask(w.GatewayURL+chat, "echo", canary, http.Header{"Api-Key": {canary}})
	if status != 401 || holds(answer) != "" {
		t.Errorf("a wrong key: %d %s", status, answer)
	}
	status, answer = ask(w.InletURL+"/openai/"+canary+"?api-key="+canary, "echo", canary, none)
	if status != 404 || holds(answer) != "" {
		t.Errorf("a wrong path: %d %s", status, answer)
	}
	status, answer = post(w.InletURL+chat, `{"model":"echo","messages":[{"role":"user","content":"`+canary, none)
	if status != 400 || holds(answer) != "" {
		t.Errorf("a body cut short: %d %s", status, answer)
	}

	for _, name := range []string{"relay", "gateway", "outlet", "inlet"} {
		resp, err := httpd.UnixClient(filepath.Join(dir, name+".sock")).Get("http://admin/metrics")
		if err != nil {
			t.Fatal(err)
		}
		metrics, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if form := holds(metrics); form != "" || !bytes.Contains(metrics, []byte("ostiary_"+name)) {
			t.Errorf("metrics of the %s: canary in %q form; %d bytes", name, form, len(metrics))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"the logs": logged.Bytes(), "the demo's own words": said.Bytes()} {
		if form := holds(data); form != "" {
			t.Errorf("%s hold the canary in %s:\n%s", name, form, data)
		}
	}
	if !bytes.Contains(logged.Bytes(), []byte("error_code=other")) {
		t.Error("the model's own error code is not told as other")
	}
	if len(logged.Bytes()) < 1000 {
		t.Error("hardly anything was logged: the search proves nothing")
	}
	searched := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if form := holds(data); form != "" {
			t.Errorf("%s holds the canary in %s", path, form)
		}
		searched++
		return err
	})
	if err != nil || searched < 10 {
		t.Errorf("searched %d files, %v", searched, err)
	}
}

// TestWhatARelayCanRead puts a relay in the middle that keeps every byte it
// can read after its own TLS: there is no canary in it, and no HTTP.
func TestWhatARelayCanRead(t *testing.T) {
	p := found(t, "demo", nil)
	target := httpTarget(t, echo())
	var seen buffer
	p.relay = recordingRelay(t, p.join(pki.Relay, "", nil), &seen)
	out := p.join(pki.Outlet, "owner", service("openai"))
	me := p.join(pki.Inlet, "consumer", service("openai"))
	p.outlet(out, target, portal.Rule{Member: me.ID()})
	address := p.inlet(portal.InletConfig{Credentials: me, Outlet: out.ID()}, true)
	resp, err := http.Post("http://"+address, "text/plain", strings.NewReader(strings.Repeat(canary, 100)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); string(got) != strings.Repeat(canary, 100) {
		t.Fatalf("%d bytes came back", len(got))
	}
	all := seen.Bytes()
	if len(all) < 2*100*len(canary) {
		t.Fatalf("the relay saw only %d bytes", len(all))
	}
	if form := holds(all); form != "" || bytes.Contains(all, []byte("HTTP/1.1")) {
		t.Errorf("the relay read the session: canary in %q form", form)
	}
	// What it did see is TLS: every record of application data says so.
	if !bytes.Contains(all, []byte{0x17, 0x03, 0x03}) {
		t.Error("no TLS records between the ends")
	}
}

// recordingRelay pairs one outlet's leg with one inlet's, and keeps what it
// copies.
func recordingRelay(t *testing.T, me pki.Credentials, seen io.Writer) string {
	ln := listen(t)
	t.Cleanup(func() { _ = ln.Close() })
	outlets := make(chan *tls.Conn, 16)
	pool := new(channel.Pool)
	// What is inside the leg's TLS at first, and then what follows it.
	oneWay := func(dst, src *tls.Conn) {
		_, _ = io.Copy(io.MultiWriter(dst, seen), src)
		_ = dst.CloseWrite()
		_ = dst.NetConn().SetWriteDeadline(time.Time{})
		_, _ = io.Copy(io.MultiWriter(dst.NetConn(), seen), src.NetConn())
		_ = dst.NetConn().Close()
	}
	accept := func(raw net.Conn) {
		conn := tls.Server(channel.NewWire(raw, pool), channel.LegServer(me))
		leg := channel.NewLeg(conn)
		what, _, err := leg.Next()
		switch {
		case err != nil:
			_ = raw.Close()
		case what == channel.Listen:
			outlets <- conn
		default:
			outlet := <-outlets
			other := channel.NewLeg(outlet)
			_ = other.Send(channel.Pair, "spiffe://demo/inlet/consumer")
			_, _, _ = other.Next()
			_ = leg.Send(channel.Ready, "spiffe://demo/outlet/owner")
			go oneWay(outlet, conn)
			oneWay(conn, outlet)
		}
	}
	background(t, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
		for {
			raw, err := ln.Accept()
			if err != nil {
				return nil
			}
			defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
			go accept(raw)
		}
	})
	return ln.Addr().String()
}

// trusting is a client that trusts one CA file.
func trusting(t *testing.T, caFile string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParseCertificates(pem)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pki.Pool(certs...)},
	}}
}

package bench

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The test binary serves as the processes that a comparison of proxies needs:
// BENCH_ROLE says which.
func TestMain(m *testing.M) {
	switch os.Getenv("BENCH_ROLE") {
	case "stub":
		panic(http.ListenAndServe(os.Getenv("BENCH_LISTEN"), stubHandler()))
	case "target":
		serveTarget(os.Getenv("BENCH_LISTEN"))
	case "hop":
		serveHop(os.Getenv("BENCH_LISTEN"), os.Getenv("BENCH_TARGET"))
	case "reverseproxy":
		panic(http.ListenAndServe(os.Getenv("BENCH_LISTEN"), reverseProxy(os.Getenv("BENCH_TARGET"))))
	}
	os.Exit(m.Run())
}

// What is sent and answered: the sizes of the table that it is compared with.
const (
	requestSize = 484
	answerSize  = 1535
	events      = 200
	eventPause  = 5 * time.Millisecond
	slowPause   = 200 * time.Millisecond
	streamEvent = "data: {\"choices\":[{\"content_filter_results\":{},\"delta\":{\"content\":\" word\"},\"finish_reason\":null,\"index\":0,\"logprobs\":null}],\"created\":1725000000,\"id\":\"chatcmpl-x\",\"model\":\"gpt-4o-2024-08-06\",\"object\":\"chat.completion.chunk\",\"system_fingerprint\":\"fp_x\"}\n\n"
)

// requestBody asks for a stream of a pace, fast or slow; empty: a whole answer.
func requestBody(pace string) string {
	body := `{"messages":[{"role":"user","content":"What is Ockham's Razor?"}],"max_tokens":100`
	if pace != "" {
		body += `,"stream":true,"stream_options":{"include_usage":true}`
	}
	return body + `,"user":"` + pace + strings.Repeat("x", requestSize-len(body)-len(pace)-len(`,"user":""}`)) + `"}`
}

// stubHandler answers at once, or streams chunks with a pause between.
func stubHandler() http.Handler {
	head := `{"choices":[{"finish_reason":"stop","index":0,"message":{"content":"`
	tail := `","role":"assistant"}}],"model":"gpt-4o-2024-08-06","object":"chat.completion","usage":{"completion_tokens":24,"prompt_tokens":15,"total_tokens":39}}`
	answer := []byte(head + strings.Repeat("w", answerSize-len(head)-len(tail)) + tail)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if !bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(answer)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		pause := eventPause
		if bytes.Contains(body, []byte(`"user":"slow`)) {
			pause = slowPause
		}
		for range events {
			_, _ = io.WriteString(w, streamEvent)
			_ = control.Flush()
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			}
		}
		_, _ = io.WriteString(w, "data: {\"choices\":[],\"usage\":{\"completion_tokens\":200,\"prompt_tokens\":15,\"total_tokens\":215}}\n\n")
		_, _ = io.WriteString(w, "data: {\"choices\":[]}\n\ndata: [DONE]\n\n")
	})
}

func reverseProxy(target string) http.Handler {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	return &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(u) }}
}

const tenant = "11111111-2222-3333-4444-555555555555"

// login is an issuer of tokens on loopback, in this process: discovery and one
// key.
type login struct {
	url, ca, token string
}

func newLogin(b *testing.B, dir string) login {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		b.Fatal(err)
	}
	l := login{url: "https://" + ln.Addr().String(), ca: filepath.Join(dir, "login.pem")}
	if err := os.WriteFile(l.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		b.Fatal(err)
	}
	issuer := l.url + "/" + tenant + "/v2.0"
	mux := http.NewServeMux()
	mux.HandleFunc("/"+tenant+"/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": l.url + "/keys"})
	})
	point, err := key.PublicKey.Bytes()
	if err != nil {
		b.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{{"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "x": b64(point[1:33]), "y": b64(point[33:])}}})
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(ln) }()
	b.Cleanup(func() { _ = server.Shutdown(context.WithoutCancel(b.Context())) })
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": issuer, "aud": "https://cognitiveservices.azure.com", "tid": tenant, "oid": "00000000-0000-0000-0000-00000000000a", "sub": "s",
		"azp": "00000000-0000-0000-0000-00000000000b", "name": "Sample Person One", "ver": "2.0",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	token.Header["kid"] = "k"
	if l.token, err = token.SignedString(key); err != nil {
		b.Fatal(err)
	}
	return l
}

// freePort is a loopback address that nobody listens on.
func freePort(b *testing.B) string {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// waitFor gives a server time to listen.
func waitFor(b *testing.B, address string) {
	b.Helper()
	for range 100 {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Fatalf("nothing listens on %s", address)
}

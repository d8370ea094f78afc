package chat

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/secret"
)

// issuer is an OpenID provider that signs in whoever the test says, without a
// page.
type issuer struct {
	t   *testing.T
	url string
	key *rsa.PrivateKey

	mu      sync.Mutex
	claims  jwt.MapClaims // of who signs in next
	codes   map[string]url.Values
	claimed map[string]jwt.MapClaims
	refresh bool // refresh tokens are taken
	life    time.Duration
	obo     int
	proofs  []url.Values // what the chat showed the token endpoint
	refused string       // what it answers instead; empty: nothing
	nonce   string       // in place of the one that was asked for
	ended   int
	now     func() time.Time
}

// issuerKey is made once: it takes a while.
var issuerKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newIssuer(t *testing.T) (*issuer, string) {
	t.Helper()
	i := &issuer{t: t, key: issuerKey(), codes: map[string]url.Values{}, claimed: map[string]jwt.MapClaims{}, refresh: true, life: time.Hour, now: time.Now}
	i.sign("one", "Sample Person One", "researchers")
	server := httptest.NewTLSServer(i)
	t.Cleanup(server.Close)
	i.url = server.URL
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	return i, ca
}

// sign says who signs in next.
func (i *issuer) sign(subject, name string, groups ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.claims = jwt.MapClaims{"sub": subject, "name": name, "groups": groups}
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]string{
			"issuer": i.url, "authorization_endpoint": i.url + "/authorize", "token_endpoint": i.url + "/token",
			"jwks_uri": i.url + "/keys", "end_session_endpoint": i.url + "/logout",
		})
	case "/keys":
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "use": "sig", "kid": "k", "alg": "RS256", "n": base64.RawURLEncoding.EncodeToString(i.key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(i.key.E)).Bytes()),
		}}})
	case "/authorize":
		q := r.URL.Query()
		code := rand.Text()
		i.codes[code], i.claimed[code] = q, i.claims
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
	case "/logout":
		i.ended++
		http.Redirect(w, r, r.URL.Query().Get("post_logout_redirect_uri"), http.StatusFound)
	case "/token":
		i.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error":%q,"error_description":"secret-description"}`, code)
	}
	_ = r.ParseForm()
	i.proofs = append(i.proofs, url.Values{"grant_type": r.PostForm["grant_type"], "client_secret": r.PostForm["client_secret"],
		"client_assertion": r.PostForm["client_assertion"], "client_assertion_type": r.PostForm["client_assertion_type"]})
	if i.refused != "" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, i.refused)
		return
	}
	claims, nonce := i.claims, ""
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		code := r.PostForm.Get("code")
		asked, ok := i.codes[code]
		delete(i.codes, code)
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if !ok || asked.Get("code_challenge_method") != "S256" || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || asked.Get("redirect_uri") != r.PostForm.Get("redirect_uri") {
			refuse("invalid_grant")
			return
		}
		claims, nonce = i.claimed[code], asked.Get("nonce")
	case "refresh_token":
		if !i.refresh {
			refuse("invalid_grant")
			return
		}
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		i.obo++
		if r.PostForm.Get("assertion") == "" || r.PostForm.Get("requested_token_use") != "on_behalf_of" {
			refuse("invalid_request")
			return
		}
	}
	if i.nonce != "" {
		nonce = i.nonce
	}
	id := jwt.MapClaims{"iss": i.url, "aud": "chat", "exp": i.now().Add(time.Hour).Unix(), "iat": i.now().Unix(), "nonce": nonce}
	for name, value := range claims {
		id[name] = value
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, id)
	token.Header["kid"] = "k"
	signed, err := token.SignedString(i.key)
	if err != nil {
		i.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": "canary-token-" + fmt.Sprint(claims["sub"]), "token_type": "Bearer", "expires_in": int(i.life / time.Second), "refresh_token": "canary-refresh", "id_token": signed,
	})
}

// rig is a chat with a stub of everything around it.
type rig struct {
	t      *testing.T
	chat   *Chat
	url    string
	issuer *issuer
	clock  atomic.Int64 // added to the chat's time
	log    *lockedBuffer
	reg    *prometheus.Registry

	mu    sync.Mutex
	model http.HandlerFunc // the gateway
	asked []wire           // by it
	shown []string         // credentials that it was shown
	may   http.HandlerFunc // the gateway's list of what may be used; nil: it has none
	lists int              // times it was asked for
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newRig(t *testing.T, change ...func(*Settings)) *rig {
	t.Helper()
	r := &rig{t: t, log: &lockedBuffer{}, reg: prometheus.NewRegistry()}
	var ca string
	r.issuer, ca = newIssuer(t)
	r.issuer.now = func() time.Time { return time.Now().Add(time.Duration(r.clock.Load())) }
	gateway := httptest.NewServer(http.HandlerFunc(r.gateway))
	t.Cleanup(gateway.Close)
	r.model = answers("Entities ", "shall not be ", "multiplied.")
	server := httptest.NewUnstartedServer(nil)
	r.url = "http://" + server.Listener.Addr().String()
	t.Setenv("OSTIARY_TEST_CLIENT_SECRET", "client-secret")
	var ref secret.Ref
	must(t, ref.UnmarshalText([]byte("env:OSTIARY_TEST_CLIENT_SECRET")))
	s := Settings{
		Listen: server.Listener.Addr().String(), URL: r.url,
		SignIn:  SignIn{Issuer: r.issuer.url, CA: ca, ClientID: "chat", ClientSecret: ref},
		Users:   Access{Groups: []string{"researchers"}},
		Admins:  Access{Groups: []string{"administrators"}},
		Gateway: Gateway{URL: gateway.URL},
		Models: []Model{
			{Name: "gpt-4o-mini", Label: "GPT-4o mini", Currency: "USD", Prompt: 0.15, Completion: 0.6},
			{Name: "gpt-4o", Label: "GPT-4o", Images: true},
			{Name: "o3", Groups: []string{"administrators"}},
		},
		Store: Store{SQLite: filepath.Join(t.TempDir(), "chat.db")},
	}
	for _, c := range change {
		c(&s)
	}
	s.Check(func(path, what, fix string) { t.Errorf("%s: %s; %s", path, what, fix) })
	var err error
	r.chat, err = New(Config{
		Settings: s, Metrics: r.reg, Now: func() time.Time { return time.Now().Add(time.Duration(r.clock.Load())) },
		Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = r.chat.Handler()
	server.Start()
	t.Cleanup(func() {
		must(t, r.chat.Close())
		server.Close()
	})
	return r
}

// answers is a model that says these pieces.
func answers(pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, piece := range pieces {
			say(w, piece)
		}
		end(w, 11, 6)
	}
}

func say(w http.ResponseWriter, piece string) {
	text, _ := json.Marshal(piece)
	_, _ = fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", text)
	_ = http.NewResponseController(w).Flush()
}

func end(w http.ResponseWriter, prompt, completion int) {
	_, _ = fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", prompt, completion)
}

func (r *rig) gateway(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/ostiary/deployments" {
		r.mu.Lock()
		r.lists++
		may := r.may
		r.mu.Unlock()
		if may == nil {
			may = http.NotFound
		}
		may(w, req)
		return
	}
	body, _ := io.ReadAll(req.Body)
	var asked wire
	if err := json.Unmarshal(body, &asked); err != nil || req.URL.Path != "/openai/v1/chat/completions" {
		r.t.Errorf("the gateway was asked %s %s: %v", req.Method, req.URL.Path, err)
	}
	r.mu.Lock()
	r.asked = append(r.asked, asked)
	r.shown = append(r.shown, req.Header.Get("Authorization"))
	model := r.model
	r.mu.Unlock()
	model(w, req)
}

func (r *rig) answer(model http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.model = model
}

func (r *rig) lastAsked() (wire, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.asked) == 0 {
		r.t.Fatal("the gateway was not asked")
	}
	return r.asked[len(r.asked)-1], r.shown[len(r.shown)-1]
}

// browser is a client with cookies, as a page's script would call.
type browser struct {
	*rig
	http *http.Client
	jar  *cookiejar.Jar
}

func (r *rig) browser() *browser {
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Transport: r.chat.provider.client.Transport, Timeout: 30 * time.Second}
	return &browser{r, client, jar}
}

// signIn signs in whoever the issuer signs in next.
func (r *rig) signIn() *browser {
	r.t.Helper()
	b := r.browser()
	resp, body := b.get("/")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `id="composer"`) {
		r.t.Fatalf("sign-in ends at %s with %d: %.300s", resp.Request.URL, resp.StatusCode, body)
	}
	return b
}

func (b *browser) do(req *http.Request) (*http.Response, string) {
	b.t.Helper()
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

func (b *browser) get(path string, header ...string) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return b.do(req)
}

func (b *browser) post(path string, form url.Values) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

// upload is a file of a question.
type upload struct{ name, data string }

// send sends the composer's form.
func (b *browser) send(path string, fields map[string]string, files ...upload) (*http.Response, string) {
	b.t.Helper()
	var body strings.Builder
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		_ = form.WriteField(name, value)
	}
	for _, f := range files {
		part, _ := form.CreateFormFile("files", f.name)
		_, _ = io.WriteString(part, f.data)
	}
	_ = form.Close()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader(body.String()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

// ask asks and waits for the end: the conversation's path, and what its stream
// said last.
func (b *browser) ask(path string, fields map[string]string, files ...upload) (at string, last finale) {
	b.t.Helper()
	resp, body := b.send(path, fields, files...)
	var begun struct{ URL string }
	if err := json.Unmarshal([]byte(body), &begun); err != nil || resp.StatusCode != http.StatusAccepted {
		b.t.Fatalf("%d %s", resp.StatusCode, body)
	}
	return begun.URL, b.follow(begun.URL)
}

// follow reads a stream to its end.
func (b *browser) follow(at string) (last finale) {
	b.t.Helper()
	resp, body := b.get(at+"/stream", "Accept", "text/event-stream")
	if resp.StatusCode == http.StatusNoContent {
		return last
	}
	_, data, ok := strings.Cut(body, "event: done\ndata: ")
	if !ok {
		b.t.Fatalf("the stream ended without an end: %s", body)
	}
	must(b.t, json.Unmarshal([]byte(strings.TrimSpace(data)), &last))
	return last
}

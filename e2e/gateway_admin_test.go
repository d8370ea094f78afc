package e2e

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/policy"
)

// fileStore is a stub of the files of an account: what the emulator does not
// have. It keeps the last upload as it came.
type fileStore struct {
	mu   sync.Mutex
	kept []byte
	asks []string
}

func (s *fileStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	s.asks = append(s.asks, r.Method+" "+r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == http.MethodPost:
		s.kept = body
		_, _ = io.WriteString(w, `{"object":"file","id":"file-1","bytes":`+fmt.Sprint(len(body))+`}`)
	case strings.HasSuffix(r.URL.Path, "/content"):
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(s.kept)
	default:
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"file-1"}]}`)
	}
}

const storedYAML = `gateway:
  listen: %[1]s
  tls: {certificate: %[2]s/gateway.pem, key: %[2]s/gateway.key}
  keys:
    - {name: research, workload: research, hash: %[3]s}
    - {name: sales, workload: sales, hash: %[4]s}
    - {name: guest, workload: guest, hash: %[8]s}
  workloads:
    - name: research
      limits: {requests_per_minute: 100}
      grants:
        - {deployments: ["*"], operations: ["*"]}
    - name: sales
      grants:
        - {deployments: ["*"], operations: ["*"]}
    - name: guest
      grants:
        - {deployments: ["*"], operations: ["*"]}
  backends:
    - {name: own, url: "https://%[5]s", ca: %[2]s/ca.pem, api_key: "file:%[2]s/ostiary-demo.key", workload: research, deployments: [gpt-4o-mini]}
    - {name: shared, url: "https://%[6]s", ca: %[2]s/ca.pem, api_key: "file:%[2]s/ostiary-demo.key", deployments: [gpt-4o-mini]}
    - {name: files, url: "%[7]s", api_key: "file:%[2]s/ostiary-demo.key", workload: sales, deployments: [none]}
  ledger:
    directory: %[2]s/ledger
`

// storedSides is a gateway as the command runs it, in front of two emulators
// and a store of files.
type storedSides struct {
	*twins
	file, address          string
	own                    string // the emulator that is reserved
	research, sales, guest string // keys
	key                    string // of the emulator
	client                 *http.Client
	store                  *fileStore
	ownRecorder, recorder  recorded
}

func startStored(t *testing.T) *storedSides {
	t.Helper()
	w := &twins{t: t, state: t.TempDir(), now: time.Now()}
	s := &storedSides{twins: w, store: &fileStore{}}
	e, own := w.emulator()
	_, shared := w.emulator()
	s.own, s.client = own, trusting(t, e.CAFile())
	s.ownRecorder, s.recorder = w.record(own), w.record(shared)
	files := httptest.NewServer(s.store)
	t.Cleanup(files.Close)
	key, err := e.Key("ostiary-demo")
	if err != nil {
		t.Fatal(err)
	}
	s.key = key.Reveal()
	cert := w.certificate()
	private, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	s.address = "127.0.0.1:" + port
	research, researchHash := identity.NewKey()
	sales, salesHash := identity.NewKey()
	guest, guestHash := identity.NewKey()
	s.research, s.sales, s.guest = research.Reveal(), sales.Reveal(), guest.Reveal()
	text := fmt.Sprintf(storedYAML, s.address, w.state, researchHash, salesHash, s.ownRecorder.address, s.recorder.address, files.URL, guestHash)
	s.file = filepath.Join(w.state, "gateway.yaml")
	for path, data := range map[string][]byte{
		s.file:                                []byte(text),
		filepath.Join(w.state, "gateway.pem"): pki.CertificatePEM(cert.Certificate[0]),
		filepath.Join(w.state, "gateway.key"): pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.serve(s.file, s.address)
	return s
}

// ask makes one call, at the gateway or at an emulator.
func (s *storedSides) ask(address, key, method, path, media string, body io.Reader) (int, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "https://"+address+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Api-Key", key)
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// TestStoredObjects: what a workload stores is in its own account, and comes
// through the gateway as it comes from there; nobody else gets at it.
func TestStoredObjects(t *testing.T) {
	s := startStored(t)
	const responses, body = "/openai/v1/responses", `{"model":"gpt-4o-mini","input":"What is Ockham's Razor?"}`
	make1 := func(key string) string {
		status, answer := s.ask(s.address, key, "POST", responses, "application/json", strings.NewReader(body))
		var made struct{ ID string }
		if err := json.Unmarshal(answer, &made); err != nil || status != 200 || made.ID == "" {
			t.Fatalf("%d %s", status, answer)
		}
		return made.ID
	}
	mine, theirs := make1(s.research), make1(s.guest)
	if status, answer := s.ask(s.own, s.key, "GET", responses+"/"+theirs, "", nil); status != 404 {
		t.Errorf("a response of a guest is in the account of research: %d %s", status, answer)
	}
	for _, path := range []string{responses + "/" + mine, "/openai/responses/" + mine + "?api-version=2025-04-01-preview", responses + "/resp_none", responses + "/" + theirs} {
		status, answer := s.ask(s.address, s.research, "GET", path, "", nil)
		if want, direct := s.ask(s.own, s.key, "GET", path, "", nil); status != want || !bytes.Equal(answer, direct) {
			t.Errorf("%s: %d %s\ndirectly %d %s", path, status, answer, want, direct)
		}
	}
	for name, ask := range map[string][3]string{
		"another's response":        {s.guest, "GET", responses + "/" + mine},
		"another's deletion":        {s.guest, "DELETE", responses + "/" + mine},
		"by the backend's name":     {s.sales, "GET", "/own/sales" + responses + "/" + mine},
		"an escape":                 {s.research, "GET", responses + "/resp%5f1"},
		"up and down":               {s.research, "GET", responses + "/../files"},
		"files of another's":        {s.research, "GET", "/files/research/openai/v1/files"},
		"not what is stored at all": {s.research, "GET", "/openai/v1/assistants"},
	} {
		if status, answer := s.ask(s.address, ask[0], ask[1], ask[2], "", nil); status != 404 || bytes.Contains(answer, []byte(mine)) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if status, answer := s.ask(s.address, s.research, "DELETE", responses+"/"+mine, "", nil); status != 200 || !bytes.Contains(answer, []byte(`"deleted":true`)) {
		t.Errorf("%d %s", status, answer)
	}
	if status, _ := s.ask(s.own, s.key, "GET", responses+"/"+mine, "", nil); status != 404 {
		t.Errorf("it is still there: %d", status)
	}

	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	_ = parts.WriteField("purpose", "batch")
	part, _ := parts.CreateFormFile("file", "lines.jsonl")
	_, _ = part.Write([]byte("{\"custom_id\":\"1\"}\n\x00\xff"))
	_ = parts.Close()
	sent := bytes.Clone(form.Bytes())
	if status, answer := s.ask(s.address, s.sales, "POST", "/openai/v1/files", parts.FormDataContentType(), &form); status != 200 || !bytes.Contains(answer, []byte(`"id":"file-1"`)) {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := s.ask(s.address, s.sales, "GET", "/openai/v1/files/file-1/content", "", nil); status != 200 || !bytes.Equal(answer, sent) {
		t.Errorf("%d, %d bytes of %d", status, len(answer), len(sent))
	}
	if want := []string{"POST /openai/v1/files", "GET /openai/v1/files/file-1/content"}; !slices.Equal(s.store.asks, want) {
		t.Errorf("the store was asked %q", s.store.asks)
	}
	calls, _ := ostiary(t, 0, "ledger", "query", "--dir", filepath.Join(s.state, "ledger"))
	says(t, calls, "responses/stored", "files")
}

// TestGatewayStatus: the commands ask the gateway that runs, by its socket.
func TestGatewayStatus(t *testing.T) {
	s := startStored(t)
	const prompt = "CANARY-STATUS-PROMPT"
	chat := `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"` + prompt + `"}]}`
	for range 3 {
		if status, answer := s.ask(s.address, s.research, "POST", "/openai/v1/chat/completions", "application/json", strings.NewReader(chat)); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	if info, err := os.Stat(filepath.Join(s.state, "ledger", "admin.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	all, _ := ostiary(t, 0, "gateway", "status", "--config", s.file, "--json")
	var st gateway.Status
	if err := json.Unmarshal([]byte(all), &st); err != nil {
		t.Fatalf("%v %s", err, all)
	}
	if st.Version != "test" || st.Ready != "yes" || len(st.Backends) != 3 || st.Ledger == nil || st.Ledger.Entries != 6 || st.Reload != nil {
		t.Errorf("%+v", st)
	}
	if u := st.Workloads[0]; u.Name != "research" || u.Used.Requests != 3 || u.Used.Tokens == 0 || u.Limits.Requests != 100 {
		t.Errorf("%+v", u)
	}
	socket := "unix:" + filepath.Join(s.state, "ledger", "admin.sock")
	text, _ := ostiary(t, 0, "gateway", "status", "--admin", socket)
	says(t, text, "ready      yes", "research  3 of 100", "own      well", "6 entries")

	// A reload says what was wrong, and what it came to.
	good, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(from, to string) {
		t.Helper()
		if !bytes.Contains(good, []byte(from)) {
			t.Fatalf("no %q", from)
		}
		if err := os.WriteFile(s.file, bytes.Replace(good, []byte(from), []byte(to), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("requests_per_minute: 100", "requests_per_minut: 100")
	_, said := ostiary(t, 2, "gateway", "reload", "--admin", socket)
	says(t, said, "requests_per_minut", "gateway.yaml:10")
	text, _ = ostiary(t, 0, "gateway", "status", "--admin", socket)
	says(t, text, "refused, the configuration in use is the old one", "3 of 100")
	write("requests_per_minute: 100", "requests_per_minute: 3")
	out, _ := ostiary(t, 0, "gateway", "reload", "--config", s.file)
	says(t, out, "in force")
	if status, _ := s.ask(s.address, s.research, "POST", "/openai/v1/chat/completions", "application/json", strings.NewReader(chat)); status != 429 {
		t.Errorf("the new limit does not hold: %d", status)
	}

	// What the API tells by itself, and that nothing of a call is in it.
	unix := unixClient(socket)
	told := all + text
	for path, want := range map[string]int{"/admin/v1/workloads/research": 200, "/admin/v1/workloads/x": 404, "/healthz": 200, "/metrics": 200} {
		resp, err := unix.Get("http://admin" + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if told += string(body); resp.StatusCode != want {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	resp, err := unix.Post("http://admin"+gateway.ExplainPath, "application/json", strings.NewReader(`{"as":"key=research","call":"files"}`))
	if err != nil {
		t.Fatal(err)
	}
	var e policy.Explanation
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || !e.Allowed || e.Workload != "research" {
		t.Errorf("%v %+v", err, e)
	}
	_ = resp.Body.Close()
	for _, secret := range []string{prompt, s.research, s.sales, s.key} {
		if strings.Contains(told, secret) {
			t.Errorf("%.12s… is told by the admin API", secret)
		}
	}
	if status, _ := s.ask(s.address, s.research, "GET", gateway.StatusPath, "", nil); status != 404 {
		t.Errorf("the status is told at the door: %d", status)
	}
	_, said = ostiary(t, 3, "gateway", "status", "--admin", "unix:"+filepath.Join(s.state, "none.sock"))
	says(t, said, "does not answer")
}

func unixClient(address string) *http.Client {
	return httpd.UnixClient(strings.TrimPrefix(address, "unix:"))
}

package gateway

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
)

// storedRig has a backend that is reserved for team, and one that is not.
func storedRig(t *testing.T) (r *rig, own, shared *server) {
	t.Helper()
	own = &server{Settings: backend.Settings{Name: "own", Workload: "team", Priority: 1}, does: whole}
	shared = &server{Settings: backend.Settings{Name: "shared"}, does: whole}
	r, _ = newWide(t, []*server{shared, own}, granting(t,
		policy.Workload{Name: "team", Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"*"}}}},
		policy.Workload{Name: "poor", Grants: []policy.Grant{{Deployments: []string{"gpt-4o"}, Operations: []string{"*"}}}},
	))
	return r, own, shared
}

func granting(t *testing.T, workloads ...policy.Workload) func(*Config) {
	return func(c *Config) {
		var err error
		if c.Policy, err = policy.New(workloads); err != nil {
			t.Fatal(err)
		}
	}
}

// form is a request with a multipart body, which need not be one: nobody reads
// it here.
func (r *rig) form(target, body string) *http.Request {
	req := r.request(http.MethodPost, target, body)
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	return req
}

const upload = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n\r\n{\"a\":1}\r\n\x00\xff\r\n--b--\r\n"

// TestStored: each operation on what is stored goes to the workload's own
// account, byte for byte, and is recorded; nothing is counted, a response that
// tells its usage once more neither.
func TestStored(t *testing.T) {
	r, own, shared := storedRig(t)
	id := regexp.MustCompile(`\{[a-z]+\}`)
	count := 0
	for _, e := range openai.Endpoints() {
		if !e.Operation.Stored() {
			continue
		}
		count++
		target := id.ReplaceAllString(e.Path(), "id-1_x") + "?api-version=2024-10-21&after=a%20b"
		req, body := r.request(e.Method, target, ""), ""
		switch e.Body {
		case openai.FormBody:
			body, req = upload, r.form(target, upload)
		case openai.JSONBody:
			body = `{ "input_file_id":"file-1","é":"x"}`
			req = r.request(e.Method, target, body)
		}
		before := own.count()
		resp, answer := r.do(req)
		call, result, kind := r.book.last(t)
		if resp.StatusCode != http.StatusOK || answer != chatAnswer || own.count() != before+1 || own.target != target || own.body != body {
			t.Errorf("%s %s: %d %.80q, forwarded %s %.80q", e.Method, target, resp.StatusCode, answer, own.target, own.body)
		}
		if kind != ledger.Outcome || call.Operation != string(e.Operation) || call.Backend != "own" || call.Workload != "team" || call.Request.Bytes != int64(len(body)) {
			t.Errorf("%s %s: %s %+v", e.Method, target, kind, call)
		}
		if result.Usage != (ledger.Usage{}) || result.Response.Bytes != int64(len(chatAnswer)) {
			t.Errorf("%s %s: %+v", e.Method, target, result)
		}
		if own.header.Get("Api-Key") != upstreamKey {
			t.Errorf("%s: the backend was shown another key", target)
		}
	}
	if count != 54 || shared.count() != 0 {
		t.Errorf("%d operations; %d went to the shared backend", count, shared.count())
	}
}

// TestStoredElsewhere: nobody else is served, in no way of asking.
func TestStoredElsewhere(t *testing.T) {
	r, own, shared := storedRig(t)
	as := func(key, method, target, workload string) int {
		req := r.request(method, target, "")
		req.Header.Set("Api-Key", key)
		if workload != "" {
			req.Header.Set("X-Ostiary-Workload", workload)
		}
		resp, body := r.do(req)
		if resp.StatusCode == http.StatusNotFound && !strings.Contains(body, "Resource not found") && !strings.Contains(body, "DeploymentNotFound") {
			t.Errorf("%s: %s", target, body)
		}
		return resp.StatusCode
	}
	const files, response = "/openai/v1/files", "/openai/v1/responses/resp_1"
	for name, tt := range map[string]struct {
		key, method, target, workload string
		status                        int
	}{
		"another workload":                  {r.poor, "GET", files, "", 404},
		"another workload's response":       {r.poor, "GET", response, "", 404},
		"a deletion":                        {r.poor, "DELETE", response, "", 404},
		"the backend is named":              {r.poor, "GET", "/own/poor" + files, "", 404},
		"the workload is named":             {r.poor, "GET", "/own/team" + files, "", 401},
		"the workload in a header":          {r.poor, "GET", files, "team", 401},
		"a shared backend is named":         {r.key, "GET", "/shared/team" + files, "", 404},
		"nobody":                            {"x", "GET", files, "", 401},
		"an id that is none":                {r.key, "GET", files + "/a%2fb", "", 404},
		"batches by a grant for one":        {r.poor, "GET", "/openai/v1/batches", "", 401},
		"what the gateway does not know of": {r.key, "GET", "/openai/v1/assistants", "", 404},
	} {
		if got := as(tt.key, tt.method, tt.target, tt.workload); got != tt.status {
			t.Errorf("%s: %d, not %d", name, got, tt.status)
		}
	}
	if own.count()+shared.count() != 0 {
		t.Errorf("%d calls went to the account, %d elsewhere", own.count(), shared.count())
	}
	if got := as(r.key, "GET", files, ""); got != http.StatusOK || own.count() != 1 {
		t.Errorf("its own workload: %d", got)
	}
	if got := as(r.key, "GET", "/own/team"+files, "team"); got != http.StatusOK || own.count() != 2 {
		t.Errorf("its own workload by name: %d", got)
	}
}

// TestReservedForAll: other operations of others do not go there either, also
// where nobody else can answer; its own Responses go nowhere else.
func TestReservedForAll(t *testing.T) {
	r, own, shared := storedRig(t)
	ask := func(key, target string) int {
		req := r.request(http.MethodPost, target, chatBody)
		req.Header.Set("Api-Key", key)
		resp, _ := r.do(req)
		return resp.StatusCode
	}
	if got := ask(r.poor, v1Chat); got != 200 || own.count() != 0 || shared.count() != 1 {
		t.Errorf("%d, %d, %d", got, own.count(), shared.count())
	}
	shared.does = says(http.StatusInternalServerError, "", "its own")
	if got := ask(r.poor, v1Chat); got != 500 || own.count() != 0 {
		t.Errorf("another's call went to the reserved backend: %d", got)
	}
	if got := ask(r.key, v1Chat); got != 200 || own.count() != 1 { // by priority, then the other
		t.Errorf("its own: %d", got)
	}
	before := shared.count()
	if got := ask(r.key, "/openai/v1/responses"); got != 200 || own.count() != 2 || shared.count() != before {
		t.Errorf("a response was made elsewhere: %d", got)
	}
	own.does = says(http.StatusServiceUnavailable, "", "its own")
	if got := ask(r.key, "/openai/v1/responses"); got != 503 || shared.count() != before {
		t.Errorf("a response was made elsewhere: %d", got)
	}
	if got := ask(r.poor, "/own/poor"+chatPath); got != 404 || own.count() != 3 {
		t.Errorf("by its name: %d", got)
	}
}

// TestReservedByRegion: which workload decides may hang on the region.
func TestReservedByRegion(t *testing.T) {
	own := &server{Settings: backend.Settings{Name: "own", Workload: "team", Region: "eastus"}, does: whole}
	shared := &server{Settings: backend.Settings{Name: "shared", Region: "norwayeast", Priority: 1}, does: whole}
	r, _ := newWide(t, []*server{own, shared}, granting(t, policy.Workload{Name: "team", Grants: []policy.Grant{
		{Deployments: []string{"*"}, Operations: []string{"*"}, When: "region == 'norwayeast'"},
	}}))
	if resp, _ := r.do(r.request("POST", v1Chat, chatBody)); resp.StatusCode != http.StatusOK || own.count() != 0 {
		t.Errorf("%d", resp.StatusCode)
	}
	if resp, _ := r.do(r.request("GET", "/openai/v1/files", "")); resp.StatusCode != http.StatusUnauthorized || own.count() != 0 {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestNothingReserved: as ever, these are not found, and nobody need be asked.
func TestNothingReserved(t *testing.T) {
	r := newRig(t, whole)
	for _, target := range []string{"/openai/v1/files", "/openai/v1/responses/resp_1"} {
		resp, body := r.do(r.request("GET", target, ""))
		if _, _, kind := r.book.last(t); resp.StatusCode != http.StatusNotFound || body != string(openai.ResourceNotFound().Body()) || kind != ledger.Refusal {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
	}
}

// TestStoredBodies: the bounds of other bodies hold.
func TestStoredBodies(t *testing.T) {
	r, own, _ := storedRig(t)
	for name, tt := range map[string]struct {
		req    *http.Request
		status int
	}{
		"a file as JSON":     {r.request("POST", "/openai/v1/files", `{}`), 415},
		"a batch as a form":  {r.form("/openai/v1/batches", upload), 415},
		"a batch of a list":  {r.request("POST", "/openai/v1/batches", `[]`), 400},
		"a batch of nothing": {r.request("POST", "/openai/v1/batches", ""), 415},
	} {
		if resp, body := r.do(tt.req); resp.StatusCode != tt.status {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	if own.count() != 0 {
		t.Errorf("%d reached the account", own.count())
	}
	small := func(c *Config) { c.MaxBody = 64 }
	account := &server{Settings: backend.Settings{Name: "own", Workload: "team"}, does: whole}
	s, _ := newWide(t, []*server{account}, small, granting(t, policy.Workload{Name: "team", Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"*"}}}}))
	if resp, _ := s.do(s.form("/openai/v1/files", strings.Repeat("x", 65))); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large file: %d", resp.StatusCode)
	}
	req := s.form("/openai/v1/files", "")
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 65))), -1
	if resp, _ := s.do(req); resp.StatusCode != http.StatusRequestEntityTooLarge || account.count() != 0 {
		t.Errorf("a large file of unknown length: %d", resp.StatusCode)
	}
	if resp, _ := s.do(s.request("POST", "/openai/v1/batches/batch_1/cancel", "")); resp.StatusCode != http.StatusOK || account.header.Get("Content-Length") != "0" {
		t.Errorf("a cancellation: %d, length %q", resp.StatusCode, account.header.Get("Content-Length"))
	}
}

// TestReservedSettings: what would share an account is refused.
func TestReservedSettings(t *testing.T) {
	_, hash := identity.NewKey()
	const head = `gateway:
  listen: 127.0.0.1:0
  keys: [{name: k, hash: HASH, workload: w}]
  workloads:
    - {name: w, grants: [{deployments: ["*"], operations: ["*"]}]}
    - {name: v, grants: [{deployments: ["*"], operations: ["*"]}]}
  ledger: {directory: /tmp/l}
  backends:
`
	type entry struct{ url, workload string }
	for name, tt := range map[string]struct {
		backends []entry
		want     string
	}{
		"well":             {[]entry{{"https://a.openai.azure.com", "w"}, {"https://b.openai.azure.com", "v"}, {"https://c.openai.azure.com", ""}}, ""},
		"no such workload": {[]entry{{"https://a.openai.azure.com", "x"}}, "no such workload"},
		"twice":            {[]entry{{"https://a.openai.azure.com", "w"}, {"https://b.openai.azure.com", "w"}}, "reserved for one workload"},
		"shared":           {[]entry{{"https://a.openai.azure.com", "w"}, {"https://A.openai.azure.com.:443/", ""}}, "leads to the account"},
		"another's":        {[]entry{{"https://a.openai.azure.com", "v"}, {"https://a.openai.azure.com", "w"}}, "leads to the account"},
		"another domain":   {[]entry{{"https://a.openai.azure.com", ""}, {"https://a.cognitiveservices.azure.com", "w"}}, "leads to the account"},
		"a third domain":   {[]entry{{"https://a.services.ai.azure.com", "w"}, {"https://a.privatelink.openai.azure.com", ""}}, "leads to the account"},
		"another port":     {[]entry{{"https://a.example:1", "w"}, {"https://a.example:2", ""}}, ""},
	} {
		file := strings.Replace(head, "HASH", hash, 1)
		var all []backend.Settings
		for i, e := range tt.backends {
			file += fmt.Sprintf("    - {name: b%d, url: %q, workload: %q, managed_identity: {}}\n", i, e.url, e.workload)
			all = append(all, backend.Settings{Name: fmt.Sprint(i), URL: e.url, Workload: e.workload, Kind: backend.OpenAI})
		}
		var d document
		err := config.Decode("x.yaml", []byte(file), &d, config.Options{SkipSecrets: true})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
		_, err = backend.NewPool(backend.Config{Backends: all})
		if bad := tt.want != "" && name != "no such workload"; (err != nil) != bad {
			t.Errorf("%s: a pool of it: %v", name, err)
		}
	}
}

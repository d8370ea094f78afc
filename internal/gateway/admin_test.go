package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/identity"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/limit"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/policy"
)

// askAdmin puts one question to the admin API.
func askAdmin(t *testing.T, h http.Handler, method, path, body string, out any) int {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			t.Errorf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return w.Code
}

func TestAdminStatus(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	only := &server{Settings: backend.Settings{Name: "only", Region: "eastus"}, does: whole}
	r, c := newWide(t, []*server{only}, limited(limit.Limits{Requests: 100, Tokens: 5000}))
	api := r.AdminHandler(AdminConfig{Version: "v1", Reloaded: func() (Reloaded, bool) { return Reloaded{Error: "why"}, true }})
	status := func() (s Status) {
		t.Helper()
		if got := askAdmin(t, api, "GET", StatusPath, "", &s); got != http.StatusOK {
			t.Fatal(got)
		}
		return s
	}
	s := status()
	if s.Version != "v1" || s.Ready != "yes" || s.InFlight != 0 || !s.Since.Equal(c.now()) || s.Ledger != nil || s.Reload == nil || s.Reload.Error != "why" {
		t.Errorf("%+v", s)
	}
	if b := s.Backends; len(b) != 1 || b[0].Name != "only" || b[0].State != "well" || b[0].LastError != nil || b[0].Region != "eastus" || b[0].Weight != 1 {
		t.Errorf("%+v", b)
	}
	r.do(r.request("POST", chatPath, chatBody))
	r.idle()
	team := func(s Status) WorkloadStatus {
		i := slices.IndexFunc(s.Workloads, func(w WorkloadStatus) bool { return w.Name == "team" })
		return s.Workloads[max(i, 0)]
	}
	if u := team(status()); u.Used != (Minute{1, 13}) || u.Limits != (Minute{100, 5000}) {
		t.Errorf("%+v", u)
	}

	only.does = func(w http.ResponseWriter, req *http.Request) {
		close(began)
		<-goOn
		whole(w, req)
	}
	done := make(chan struct{})
	go func() { defer close(done); r.do(r.request("POST", chatPath, chatBody)) }()
	<-began
	if s := status(); s.InFlight != 1 || s.Backends[0].InFlight != 1 || team(s).Used.Requests != 2 {
		t.Errorf("%+v", s)
	}
	close(goOn)
	<-done
	r.idle()

	for _, tt := range []struct {
		does  http.HandlerFunc
		kind  string
		code  int
		state string
	}{
		{says(429, "30", "CANARY"), "throttled", 429, "well"},
		{says(503, "", "CANARY"), "failed", 503, "well"},
		{aborts, "unreachable", 0, "well"},
	} {
		only.does = tt.does
		c.add(time.Minute)
		r.do(r.request("POST", chatPath, chatBody))
		r.idle()
		b := status().Backends[0]
		if e := b.LastError; e == nil || e.Kind != tt.kind || e.Status != tt.code || !e.At.Equal(c.now()) || b.State != tt.state || b.InFlight != 0 {
			t.Errorf("%s: %+v %+v", tt.kind, b, e)
		}
		if until, ok := b.Throttled["gpt-4o"]; ok != (tt.code == 429) || ok && !until.Equal(c.now().Add(30*time.Second)) {
			t.Errorf("%s: %v", tt.kind, b.Throttled)
		}
	}
	for range 5 {
		r.do(r.request("POST", chatPath, chatBody))
	}
	r.idle()
	if b := status().Backends[0]; b.State != "broken" || !b.Until.Equal(c.now().Add(time.Second)) {
		t.Errorf("%+v", b)
	}
	c.add(time.Second)
	if b := status().Backends[0]; b.State != "trying" {
		t.Errorf("%+v", b)
	}
	r.broken.Store(true)
	if s := status(); s.Ready != errLedger.Error() {
		t.Errorf("%+v", s.Ready)
	}
}

// TestAdminLedger: a gateway with a ledger of its own tells how far it is.
func TestAdminLedger(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(whole))
	defer upstream.Close()
	key, hash := identity.NewKey()
	dir := filepath.Join(t.TempDir(), "l")
	g, err := FromSettings(Settings{
		Listen: "127.0.0.1:0", Keys: []identity.Key{{Name: "k", Hash: hash, Workload: "w"}},
		Workloads: []policy.Workload{{Name: "w", Grants: []policy.Grant{{Deployments: []string{"gpt-4o"}, Operations: []string{"*"}}}}},
		Backends:  []backend.Settings{{Name: "b", URL: upstream.URL, APIKey: secretRef(t, "k")}},
		Ledger:    LedgerSettings{Directory: dir},
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, chatPath, strings.NewReader(chatBody))
	req.Header.Set("Api-Key", key.Reveal())
	req.Header.Set("Content-Type", "application/json")
	g.Handler().ServeHTTP(httptest.NewRecorder(), req)
	if err := g.Close(); err != nil { // which signs a checkpoint
		t.Fatal(err)
	}
	var s Status
	askAdmin(t, g.AdminHandler(AdminConfig{}), "GET", StatusPath, "", &s)
	if l := s.Ledger; l == nil || l.Directory != dir || l.Entries != 2 || l.Signed == nil || l.Signed.Size != 2 || len(l.Signed.Root) != 44 || len(l.Sinks) != 0 {
		t.Errorf("%+v", s.Ledger)
	}
}

func TestAdminWorkload(t *testing.T) {
	own := &server{Settings: backend.Settings{Name: "own", Workload: "team"}, does: whole}
	other := &server{Settings: backend.Settings{Name: "other", Workload: "poor"}, does: whole}
	shared := &server{Settings: backend.Settings{Name: "shared"}, does: whole}
	r, _ := newWide(t, []*server{own, other, shared}, granting(t,
		policy.Workload{Name: "team", Apps: []string{"a"}, Capture: "none", Grants: []policy.Grant{
			{Deployments: []string{"gpt*"}, Operations: []string{"responses*", "batches", "files"}, When: "max_tokens < 9"},
			{Deployments: []string{"*"}, Operations: []string{"batches"}},
		}},
		policy.Workload{Name: "third", Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"responses*"}}}},
		policy.Workload{Name: "poor"},
	))
	api := r.AdminHandler(AdminConfig{})
	var w Workload
	if got := askAdmin(t, api, "GET", WorkloadsPath+"/team", "", &w); got != http.StatusOK || w.Name != "team" || w.Capture != "none" || w.Account != "own" {
		t.Errorf("%d %+v", got, w)
	}
	want := []Granted{
		{[]string{"gpt*"}, []openai.Operation{"responses", "files", "responses/stored"}, "max_tokens < 9"},
		{[]string{"*"}, []openai.Operation{"batches"}, ""},
	}
	if !reflect.DeepEqual(w.Grants, want) || !slices.Equal(w.Backends, []string{"own", "shared"}) || !slices.Equal(w.Apps, []string{"a"}) {
		t.Errorf("%+v", w)
	}
	w = Workload{}
	if askAdmin(t, api, "GET", WorkloadsPath+"/third", "", &w); w.Account != "" || !slices.Equal(w.Backends, []string{"shared"}) ||
		!reflect.DeepEqual(w.Grants, []Granted{{[]string{"*"}, []openai.Operation{"responses"}, ""}}) {
		t.Errorf("%+v", w)
	}
	if got := askAdmin(t, api, "GET", WorkloadsPath+"/nobody", "", &struct{}{}); got != http.StatusNotFound {
		t.Error(got)
	}
}

// TestAdminExplain: the engine and the keys in force answer.
func TestAdminExplain(t *testing.T) {
	r := newRig(t, whole)
	api := r.AdminHandler(AdminConfig{})
	for name, tt := range map[string]struct {
		body    string
		status  int
		allowed bool
	}{
		"allowed":       {`{"as":"key=team-key","call":"chat/completions on gpt-4o max_tokens=9"}`, 200, true},
		"denied":        {`{"as":"key=poor-key","call":"chat/completions on gpt-4o"}`, 200, false},
		"a member":      {`{"as":"member=spiffe://demo/inlet/x","call":"chat/completions on gpt-4o"}`, 200, true},
		"no such key":   {`{"as":"key=x","call":"models"}`, 400, false},
		"no call":       {`{"as":"key=team-key","call":"dance"}`, 400, false},
		"no caller":     {`{"call":"models"}`, 400, false},
		"no JSON":       {`as`, 400, false},
		"too much":      {`{"as":"` + strings.Repeat("x", maxQuestion) + `"}`, 400, false},
		"another shape": {`["as"]`, 400, false},
	} {
		var e policy.Explanation
		if got := askAdmin(t, api, "POST", ExplainPath, tt.body, &e); got != tt.status || e.Allowed != tt.allowed {
			t.Errorf("%s: %d %+v", name, got, e)
		}
	}
}

func TestAdminReload(t *testing.T) {
	r := newRig(t, whole)
	if got := askAdmin(t, r.AdminHandler(AdminConfig{}), "POST", ReloadPath, "", &struct{}{}); got != http.StatusConflict {
		t.Error(got)
	}
	came := Reloaded{Later: []string{"listen"}}
	api := r.AdminHandler(AdminConfig{Reload: func(context.Context) Reloaded { return came }})
	var told Reloaded
	if got := askAdmin(t, api, "POST", ReloadPath, "", &told); got != 200 || !reflect.DeepEqual(told, came) {
		t.Errorf("%d %+v", got, told)
	}
	came = Reloaded{Error: "x.yaml:1: no"}
	if got := askAdmin(t, api, "POST", ReloadPath, "", &told); got != 422 || told.Error != came.Error {
		t.Errorf("%d %+v", got, told)
	}
	for method, path := range map[string]string{"GET": ReloadPath, "DELETE": StatusPath, "PUT": "/admin/v1/keys/x"} {
		w := httptest.NewRecorder()
		if api.ServeHTTP(w, httptest.NewRequest(method, path, nil)); w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusNotFound {
			t.Errorf("%s %s: %d", method, path, w.Code)
		}
	}
	// No caller reaches it by the door.
	for _, path := range []string{StatusPath, ReloadPath} {
		if resp, _ := r.do(r.request("POST", path, "")); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s by the main listener: %d", path, resp.StatusCode)
		}
	}
	if _, _, kind := r.book.last(t); kind != ledger.Refusal {
		t.Error(kind)
	}
}

func TestAdminSocket(t *testing.T) {
	for admin, want := range map[string]string{
		"": "unix:" + filepath.Join("x", "admin.sock"), "127.0.0.1:9444": "unix:" + filepath.Join("x", "admin.sock"), "unix:/run/o.sock": "unix:/run/o.sock",
	} {
		s := Settings{Admin: admin, Ledger: LedgerSettings{Directory: "x"}}
		if got := s.AdminSocket(); got != want {
			t.Errorf("%s: %s", admin, got)
		}
	}
}

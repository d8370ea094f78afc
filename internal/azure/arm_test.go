package azure

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	subA  = "aaaaaaaa-0000-0000-0000-000000000001"
	subB  = "bbbbbbbb-0000-0000-0000-000000000002"
	vnets = "/providers/Microsoft.Network/virtualNetworks"
	token = "canary-token-94d1"
)

// fakeARM answers as ARM does: lists are empty but for what a test says.
type fakeARM struct {
	t       *testing.T
	answers map[string]http.HandlerFunc // by method and path, or by path
	all     http.HandlerFunc            // where answers has none

	mu    sync.Mutex
	asked []string
}

func newARM(t *testing.T) *fakeARM {
	f := &fakeARM{t: t, answers: map[string]http.HandlerFunc{}}
	f.all = says(200, `{"value":[]}`)
	f.answers["/subscriptions"] = says(200, `{"value":[{"subscriptionId":"`+subB+`","displayName":"B"},{"subscriptionId":"`+subA+`","displayName":"A"}]}`)
	for _, s := range []string{subA, subB} {
		f.answers["/subscriptions/"+s] = says(200, `{"subscriptionId":"`+s+`","displayName":"named"}`)
		f.answers["/subscriptions/"+s+"/providers/Microsoft.Authorization/permissions"] = says(200, `{"value":[{"actions":["*/read"],"notActions":[]}]}`)
	}
	return f
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func refuses(status int, code string) http.HandlerFunc {
	return says(status, fmt.Sprintf(`{"error":{"code":%q,"message":"because of %s"}}`, code, code))
}

// inTurn answers the first request with the first handler, and so on; the last
// one stays.
func inTurn(all ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	n := -1
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n = min(n+1, len(all)-1)
		h := all[n]
		mu.Unlock()
		h(w, r)
	}
}

func (f *fakeARM) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Authorization"); got != "Bearer "+token {
		f.t.Errorf("%s %s came with Authorization %q", r.Method, r.URL.Path, got)
	}
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	h := f.answers[r.Method+" "+r.URL.Path]
	if h == nil {
		h = f.answers[r.URL.Path]
	}
	if h == nil {
		h = f.all
	}
	f.mu.Unlock()
	h(w, r)
}

// count is how many requests had a path that ends in suffix.
func (f *fakeARM) count(suffix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, line := range f.asked {
		path, _, _ := strings.Cut(strings.Fields(line)[1], "?")
		if strings.HasSuffix(path, suffix) {
			n++
		}
	}
	return n
}

// serve puts f behind TLS.
func (f *fakeARM) serve() (Config, *httptest.Server) {
	server := httptest.NewUnstartedServer(f)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	f.t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return Config{
		Credential: fixed(token),
		Cloud:      Custom(server.URL, ""),
		Transport:  client,
		Retry:      policy.RetryOptions{RetryDelay: time.Millisecond},
		Now:        then,
	}, server
}

func then() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC) }

// direct is f without a network: quick, and fit for a bubble of synctest.
func (f *fakeARM) direct() Config {
	return Config{
		Credential: fixed(token),
		Cloud:      Custom("https://arm.example", ""),
		Transport: transport(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if r.Body == nil {
				r.Body = http.NoBody
			}
			f.ServeHTTP(w, r)
			return w.Result(), nil
		}),
		Now: then,
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(r *http.Request) (*http.Response, error) { return f(r) }

type fixed string

func (f fixed) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(f), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func mustRead(t *testing.T, c Config) Snapshot {
	t.Helper()
	s, err := Read(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ids(s Snapshot) []string {
	var all []string
	for _, raw := range s.Resources {
		var i item
		decode(raw, &i)
		all = append(all, i.ID)
	}
	return all
}

func wantGap(t *testing.T, s Snapshot, id, code string) {
	t.Helper()
	if !slices.ContainsFunc(s.Unreadable, func(g Gap) bool { return g.ID == id && g.Code == code }) {
		t.Errorf("no gap %s at %s in %+v", code, id, s.Unreadable)
	}
}

func logTo(b *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

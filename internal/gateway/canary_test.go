package gateway

import (
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ostiary/ostiary/internal/ledger"
)

// TestCanary lets secret words through every path, and then looks for them in
// all that the gateway wrote: logs at debug level, metrics, the ledger's files,
// what its admin API tells, and answers that are not the model's.
func TestCanary(t *testing.T) {
	const prompt, completion, query = "CANARY-PROMPT", "CANARY-COMPLETION", "CANARY-QUERY"
	mode := ""
	began, left := make(chan struct{}, 1), make(chan struct{}, 1)
	event := "data: {\"choices\":[{\"delta\":{\"content\":\"" + completion + "\"}}]}\n\n"
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		switch mode {
		case "stream":
			streamed(event, chatDone)(w, req)
		case "abort":
			streamed(event)(w, req)
			panic(http.ErrAbortHandler)
		case "leave":
			hanging(event, began, left)(w, req)
		case "error":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"code":"`+completion+` x","message":"`+completion+`"}}`)
		default:
			_, _ = io.WriteString(w, `{"model":"`+completion+`\n","choices":[{"finish_reason":"`+completion+` x","message":{"content":"`+completion+`"}}]}`)
		}
	})
	body := `{"model":"gpt-4o","messages":[{"role":"user","content":"` + prompt + `"}]}`
	secrets := []string{prompt, completion, query, r.key, upstreamKey}
	send := func(target, body, key string) string {
		req := r.request("POST", target, body)
		req.Header.Set("Api-Key", key)
		req.Header.Set("Cookie", "c="+query)
		req.Header.Set("X-Ms-Client-Request-Id", query+" with blanks")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		got, _ := io.ReadAll(resp.Body)
		return string(got)
	}
	withQuery := chatPath + "&x=" + query + "&api-key=" + query
	for _, mode = range []string{"whole", "stream", "abort", "error"} {
		if got := send(withQuery, body, r.key); !strings.Contains(got, completion) {
			t.Errorf("%s: the client got %q", mode, got)
		}
		r.book.last(t)
	}
	mode = "leave"
	ctx, leave := context.WithCancel(t.Context())
	resp, err := http.DefaultTransport.RoundTrip(r.request("POST", withQuery, body).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	<-began
	leave()
	resp.Body.Close()
	<-left
	r.book.last(t)

	// Refusals: their answers are ours, and must not echo.
	var answers strings.Builder
	for _, bad := range []struct{ target, body, key string }{
		{withQuery, body[:len(body)-1], r.key},
		{withQuery, strings.Replace(body, "messages", "Model", 1), r.key},
		{withQuery, body, r.key + prompt},
		{withQuery, body, prompt + "." + completion + "." + query},
		{"/openai/v1/" + query, body, r.key},
		{v1Chat, `{"model":"gpt-4o","model":"` + prompt + `"}`, r.key},
	} {
		answers.WriteString(send(bad.target, bad.body, bad.key))
		r.book.last(t)
	}
	r.upstream.Close()
	answers.WriteString(send(withQuery, body, r.key))
	r.book.last(t)
	r.book.intent = func(ledger.Call) error { return errDisk }
	answers.WriteString(send(withQuery, body, r.key))

	metrics, err := testutil.CollectAndFormat(r.registry, testutilText, "ostiary_gateway_requests_total", "ostiary_gateway_tokens_total", "ostiary_gateway_upstream_seconds", "ostiary_gateway_in_flight")
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	api := r.AdminHandler(AdminConfig{Version: "test"})
	for _, path := range []string{StatusPath, WorkloadsPath + "/team"} {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		told.WriteString(w.Body.String())
	}
	if !strings.Contains(told.String(), "unreachable") {
		t.Errorf("the admin API tells of no failure: %s", told.String())
	}
	if err := r.book.Close(); err != nil {
		t.Fatal(err)
	}
	written := map[string]string{"log": r.logs.String(), "metrics": string(metrics), "answers": answers.String(), "ledger": slurp(t, r.book.dir), "admin API": told.String()}
	for where, text := range written {
		if len(text) < 100 {
			t.Errorf("%s: only %d bytes were looked through", where, len(text))
		}
		for _, s := range secrets {
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%s is in the %s: …%q", s, where, text[max(0, i-200):i+len(s)])
			}
		}
	}
}

func slurp(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

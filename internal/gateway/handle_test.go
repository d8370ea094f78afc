package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/openai"
)

// TestCalls is the table identify × authorize × operation: what the client
// sees, and what is recorded of it.
func TestCalls(t *testing.T) {
	var forwarded atomic.Int64
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		forwarded.Add(1)
		if key := req.Header.Get("Api-Key"); key != upstreamKey {
			t.Errorf("the backend got the key %q", key)
		}
		whole(w, req)
	})
	badKey, badToken := string(openai.BadKey().Body()), string(openai.BadToken().Body())
	denied, noRoute, noDeployment := string(openai.PermissionDenied().Body()), string(openai.ResourceNotFound().Body()), string(openai.DeploymentNotFound().Body())
	header := func(kv ...string) http.Header {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(kv); i += 2 {
			h.Set(kv[i], kv[i+1])
		}
		return h
	}
	const embed = "/openai/deployments/text-embedding/embeddings?api-version=2024-10-21"
	tests := []struct {
		name           string
		header         http.Header
		method, target string
		body           string
		status         int
		answer         string // empty: not compared
		why            string // in the record's decision
	}{
		{"classic", header("Api-Key", r.key), "POST", chatPath, chatBody, 200, chatAnswer, "team: * on gpt-4o*"},
		{"v1, key as bearer", header("Authorization", "Bearer "+r.key), "POST", v1Chat, chatBody, 200, chatAnswer, "team: "},
		{"models", header("Api-Key", r.key), "GET", "/openai/v1/models", "", 200, "", "team: "},
		{"embeddings of the poor", header("Api-Key", r.poor), "POST", embed, `{"input":"x"}`, 200, "", "poor: "},
		{"responses", header("Api-Key", r.key), "POST", "/openai/v1/responses", `{"model":"gpt-4o","input":"x"}`, 200, "", "team: "},
		{"form", header("Api-Key", r.key, "Content-Type", "multipart/form-data; boundary=b"), "POST", "/openai/deployments/whisper/audio/transcriptions?api-version=2024-10-21", "--b--", 200, "", "team: "},

		{"nobody", header(), "POST", chatPath, chatBody, 401, badToken, "no credential"},
		{"empty key", header("Api-Key", ""), "POST", chatPath, chatBody, 401, badToken, "no credential"},
		{"unknown key", header("Api-Key", "sk-dummy"), "POST", chatPath, chatBody, 401, badKey, "neither a token nor a gateway key"},
		{"bad token", header("Authorization", "Bearer a.b.c"), "POST", chatPath, chatBody, 401, badToken, "neither"},
		{"two credentials", header("Api-Key", r.key, "Authorization", "Bearer "+r.poor), "POST", chatPath, chatBody, 401, badKey, "two different"},
		{"key in the query only", header(), "POST", v1Chat + "?api-key=" + r.key, chatBody, 401, badToken, "no credential"},
		{"nobody, unknown path", header(), "POST", "/openai/v1/nothing", chatBody, 401, badToken, "no credential"},

		{"operation not granted", header("Api-Key", r.poor), "POST", "/openai/deployments/text-embedding/chat/completions?api-version=2024-10-21", chatBody, 401, denied, "poor: no grant for chat/completions"},
		{"deployment not granted", header("Api-Key", r.key), "POST", "/openai/deployments/o3/chat/completions?api-version=2024-10-21", chatBody, 401, denied, "no grant"},
		{"body names another deployment", header("Api-Key", r.key), "POST", v1Chat, `{"model":"o3"}`, 401, denied, "no grant for chat/completions on o3"},
		{"v1 operation not granted", header("Api-Key", r.poor), "POST", v1Chat, chatBody, 401, denied, "no grant"},
		{"v1, not granted, bad body", header("Api-Key", r.poor), "POST", v1Chat, `{`, 401, denied, "no grant"},
		{"granted, not served", header("Api-Key", r.key), "POST", "/openai/deployments/unserved/embeddings?api-version=2024-10-21", `{}`, 404, noDeployment, "no backend"},

		{"unknown path", header("Api-Key", r.key), "POST", "/openai/v1/nothing", chatBody, 404, noRoute, "no such operation"},
		{"no api-version", header("Api-Key", r.key), "POST", "/openai/deployments/gpt-4o/chat/completions", chatBody, 404, noRoute, "no such operation"},
		{"escaped path", header("Api-Key", r.key), "POST", "/openai/deployments/o3%2f..%2fgpt-4o/chat/completions?api-version=2024-10-21", chatBody, 404, noRoute, "no such operation"},
		{"GET of chat", header("Api-Key", r.key), "GET", chatPath, "", 404, noRoute, "no such operation"},

		{"not JSON", header("Api-Key", r.key), "POST", chatPath, "{", 400, `{"error":{"code":"BadRequest","message": "the request body is not valid JSON."}}`, "not valid JSON"},
		{"model twice", header("Api-Key", r.key), "POST", v1Chat, `{"model":"gpt-4o","model":"o3"}`, 400, "", "twice"},
		{"Model and model", header("Api-Key", r.key), "POST", v1Chat, `{"model":"gpt-4o","Model":"o3"}`, 400, "", "only in case"},
		{"no model", header("Api-Key", r.key), "POST", v1Chat, `{}`, 400, "", "names no model"},
		{"invalid UTF-8", header("Api-Key", r.key), "POST", v1Chat, "{\"model\":\"gpt-4o\",\"x\":\"\xff\"}", 400, "", "UTF-8"},
		{"compressed", header("Api-Key", r.key, "Content-Encoding", "gzip"), "POST", chatPath, chatBody, 415, "", "compressed"},
		{"other charset", header("Api-Key", r.key, "Content-Type", "application/json; charset=utf-7"), "POST", chatPath, chatBody, 415, "", "Content-Type"},
		{"utf-8", header("Api-Key", r.key, "Content-Type", "application/json; charset=UTF-8"), "POST", chatPath, chatBody, 200, chatAnswer, "team: "},
		{"form for JSON", header("Api-Key", r.key, "Content-Type", "application/x-www-form-urlencoded"), "POST", chatPath, chatBody, 415, "", "Content-Type"},
		{"JSON for form", header("Api-Key", r.key), "POST", "/openai/deployments/whisper/audio/transcriptions?api-version=2024-10-21", "{}", 415, "", "Content-Type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := forwarded.Load()
			req := r.request(tt.method, tt.target, tt.body)
			req.Header = tt.header
			resp, body := r.do(req)
			call, result, kind := r.book.last(t)
			if resp.StatusCode != tt.status || tt.answer != "" && body != tt.answer {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			if id := resp.Header.Get("X-Ostiary-Call-Id"); len(id) != 36 {
				t.Errorf("call id %q", id)
			}
			allowed := tt.status == 200
			if (kind == ledger.Outcome) != allowed || (kind == ledger.Refusal) == allowed || (forwarded.Load()-before == 1) != allowed {
				t.Errorf("recorded as %s, forwarded %d times", kind, forwarded.Load()-before)
			}
			if !strings.Contains(call.Decision, tt.why) || result.Status != tt.status {
				t.Errorf("decision %q, status %d", call.Decision, result.Status)
			}
			if result.Response.Bytes != int64(len(body)) || result.Response.Commitment == "" {
				t.Errorf("response recorded as %+v, sent were %d bytes", result.Response, len(body))
			}
		})
	}
	r.verifyLedger(len(tests))
}

// verifyLedger closes the ledger and reads it back.
func (r *rig) verifyLedger(calls int) {
	r.t.Helper()
	if err := r.book.Close(); err != nil {
		r.t.Fatal(err)
	}
	open, ended := map[string]bool{}, 0
	err := ledger.Read(r.book.dir, 0, func(_ uint64, rec ledger.Record) error {
		switch rec.Kind {
		case ledger.Intent:
			open[rec.ID] = true
		case ledger.Outcome:
			if !open[rec.ID] {
				return fmt.Errorf("outcome of %s without its intent", rec.ID)
			}
			delete(open, rec.ID)
			ended++
		case ledger.Refusal:
			ended++
		}
		return nil
	})
	if err != nil || len(open) != 0 || ended != calls {
		r.t.Errorf("%d calls ended, %d are open, want %d and none: %v", ended, len(open), calls, err)
	}
}

func TestRecordOfACall(t *testing.T) {
	r := newRig(t, whole)
	req := r.request("POST", chatPath, chatBody)
	req.Header.Set("X-Ms-Client-Request-Id", "mine-1")
	resp, body := r.do(req)
	call, result, _ := r.book.last(t)
	id := resp.Header.Get("X-Ostiary-Call-Id")
	if call.Received.IsZero() || call.Client == "" || call.Request.Commitment != r.book.Commitment(id, []byte(chatBody)) {
		t.Errorf("%+v", call)
	}
	call.Received, call.Client, call.Request.Commitment = result.End, "", ""
	wantCall := ledger.Call{
		Received: result.End, Issuer: "key", Subject: "team-key", Name: "team-key", Workload: "team",
		Operation: "chat/completions", APIVersion: "2024-10-21", Deployment: "gpt-4o", Backend: "stub",
		Decision: "team: * on gpt-4o*,text*,whisper,unserved", Correlation: "mine-1",
		Request: ledger.Body{Bytes: int64(len(chatBody))},
	}
	if !reflect.DeepEqual(call, wantCall) {
		t.Errorf("got  %+v\nwant %+v", call, wantCall)
	}
	commit := r.book.Commit(id)
	_, _ = commit.Write([]byte(body))
	if result.FirstByte.IsZero() || result.End.Before(result.FirstByte) {
		t.Errorf("first byte %v, end %v", result.FirstByte, result.End)
	}
	wantResult := ledger.Result{
		FirstByte: result.FirstByte, End: result.End, Status: 200, Model: "gpt-4o-2024", FinishReasons: []string{"stop"},
		Usage: ledger.Usage{Prompt: 6, Completion: 7, Total: 13}, Response: commit.Sum(), UpstreamID: "apim-1",
	}
	if !reflect.DeepEqual(result, wantResult) {
		t.Errorf("got  %+v\nwant %+v", result, wantResult)
	}
}

func TestUsage(t *testing.T) {
	tests := map[string]struct {
		stub http.HandlerFunc
		want ledger.Usage
	}{
		"stream with usage":    {streamed(chatStream, chatUsage, chatDone), ledger.Usage{Prompt: 6, Completion: 1, Total: 7}},
		"stream without usage": {streamed(chatStream, chatDone), ledger.Usage{Prompt: 6, Completion: 3, Total: 9, Estimated: true}}, // 23 and 9 bytes
		"whole without usage":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"choices":[]}`) }, ledger.Usage{Prompt: 6, Total: 6, Estimated: true}},
		"refused upstream":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, ledger.Usage{}},
	}
	for name, tt := range tests {
		r := newRig(t, tt.stub)
		r.do(r.request("POST", chatPath, streamBody))
		if _, result, _ := r.book.last(t); result.Usage != tt.want {
			t.Errorf("%s: %+v", name, result.Usage)
		}
	}
	r := newRig(t, whole)
	r.do(r.request("GET", "/openai/v1/models", ""))
	if call, result, _ := r.book.last(t); result.Usage.Estimated || call.Deployment != "" || call.Request.Commitment != "" {
		t.Errorf("models: %+v %+v", call, result)
	}
}

func TestUpstreamErrorPasses(t *testing.T) {
	const body = `{"error":{"code":"429","message": "Rate limit is exceeded. Try again in 4 seconds."}}`
	r := newRig(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "4")
		w.Header().Set("Policy-Id", "DeploymentRatelimit-Call")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, body)
	})
	resp, got := r.do(r.request("POST", chatPath, chatBody))
	if resp.StatusCode != http.StatusTooManyRequests || got != body || resp.Header.Get("Retry-After") != "4" || resp.Header.Get("Policy-Id") != "DeploymentRatelimit-Call" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, got)
	}
	if _, result, kind := r.book.last(t); kind != ledger.Outcome || result.Status != 429 || result.ErrorCode != "429" {
		t.Errorf("%s %+v", kind, result)
	}
}

// TestBytesPass compares every header and byte, both ways, with what the stub
// and the client wrote.
func TestBytesPass(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"whole":      whole,
		"streamed":   streamed(chatStream, chatUsage, chatDone),
		"odd events": streamed(": hello\r\n\r\n", "event: x\ndata: {\"a\":", "1}\n\ndata: [DO", "NE]\n\n", ": after\n\n", "partial"),
		"no end":     streamed(chatStream),
		"empty":      func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "application/json") },
		"no content": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"binary":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0, 1, 2, '{', 0xff}) },
		"long": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"data":"`+strings.Repeat("x", 300000)+`"}`)
		},
		"long stream": streamed("data: {\"x\":\""+strings.Repeat("y", 600000)+"\"}\n\n", chatDone),
		"with length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, strings.Repeat("z", 100000))
		},
		"odd headers": func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h["X-Ms-Region"], h["X-Ratelimit-Remaining-Tokens"] = []string{"East US 2"}, []string{"-1"}
			h["Set-Cookie"] = []string{"a=1", "b=2"}
			h.Set("Strict-Transport-Security", "max-age=31536000")
			h.Set("Location", "https://elsewhere.example/")
			w.WriteHeader(http.StatusFound)
		},
	}
	for name, stub := range answers {
		t.Run(name, func(t *testing.T) {
			var got http.Header
			var gotBody []byte
			var gotTarget string
			r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
				got, gotTarget = req.Header.Clone(), req.RequestURI
				gotBody, _ = io.ReadAll(req.Body)
				stub(w, req)
			})
			body := " {\"x\" : 1.0e+2, \"model\":\"gpt-4o\"}\r\n"
			req := r.request("POST", chatPath+"&extra=%20a", body)
			req.Header.Set("X-Stainless-Lang", "js")
			req.Header.Set("User-Agent", "OpenAI/JS 5.0")
			resp, answer := r.do(req)
			if string(gotBody) != body || gotTarget != chatPath+"&extra=%20a" {
				t.Errorf("the stub got %q for %q", gotBody, gotTarget)
			}
			want := http.Header{
				"Api-Key": {upstreamKey}, "Content-Type": {"application/json"}, "X-Stainless-Lang": {"js"}, "User-Agent": {"OpenAI/JS 5.0"},
				"Accept-Encoding": {"identity"}, "Content-Length": {strconv.Itoa(len(body))},
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the stub got the headers %v", got)
			}
			direct := httptest.NewServer(stub)
			defer direct.Close()
			ask, err := http.NewRequest(http.MethodPost, direct.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			ask.Header.Set("Accept-Encoding", "identity")
			wantResp, wantAnswer := r.do(ask)
			resp.Header.Del("X-Ostiary-Call-Id")
			wantResp.Header.Set("Date", resp.Header.Get("Date"))
			if answer != wantAnswer || resp.StatusCode != wantResp.StatusCode || resp.ContentLength != wantResp.ContentLength || !reflect.DeepEqual(resp.Header, wantResp.Header) {
				t.Errorf("%d bytes, want %d; status %d, length %d\ngot  %v\nwant %v", len(answer), len(wantAnswer), resp.StatusCode, resp.ContentLength, resp.Header, wantResp.Header)
			}
			if _, result, _ := r.book.last(t); result.Response.Bytes != int64(len(answer)) || result.Aborted != "" {
				t.Errorf("recorded %+v", result)
			}
		})
	}
}

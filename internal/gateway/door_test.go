package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/policy"
)

// listening serves a rig's handler behind the listener that the product has.
func (r *rig) listening() string {
	r.t.Helper()
	ln, err := httpd.Listen("127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- httpd.Serve(ctx, ln, r.Handler(), nil, r.cfg.Logger) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	return ln.Addr().String()
}

// badInput is what a client sends, and the status that it gets.
type badInput struct {
	bytes  string
	status int
}

// badInputs are whole requests with a good key, each wrong in one way.
func (r *rig) badInputs() map[string]badInput {
	const version = "?api-version=2024-10-21"
	head := func(target, fields string) string {
		return "POST " + target + " HTTP/1.1\r\nHost: g\r\nApi-Key: " + r.key + "\r\nContent-Type: application/json\r\n" + fields + "\r\n"
	}
	sized := func(target, body string) string {
		return head(target, fmt.Sprintf("Content-Length: %d\r\n", len(body))) + body
	}
	chunked := func(target, body string) string { return head(target, "Transfer-Encoding: chunked\r\n") + body }
	all := map[string]badInput{
		"CL and TE":      {head(v1Chat, "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\nG", 400},
		"TE and CL":      {head(v1Chat, "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + "5c\r\n" + chatBody, 400},
		"two lengths":    {head(v1Chat, "Content-Length: 4\r\nContent-Length: 92\r\n") + chatBody, 400},
		"equal lengths":  {head(v1Chat, "Content-Length: 2\r\nContent-Length: 2\r\n") + "{}", 400},
		"bare LF":        {strings.Replace(sized(v1Chat, chatBody), "Host: g\r\n", "Host: g\n", 1), 400},
		"obs-fold":       {head(v1Chat, "X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n") + "{}", 400},
		"TE in disguise": {head(v1Chat, "Transfer-Encoding: \x0bchunked\r\n") + "0\r\n\r\n", 400},
		"TE twice":       {head(v1Chat, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n") + "0\r\n\r\n", 400},
		"unknown coding": {head(v1Chat, "Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", 501},
		"bad chunk":      {chunked(v1Chat, "zz\r\n"+chatBody+"\r\n0\r\n\r\n"), 400},
		"absurd chunk":   {chunked(v1Chat, "fffffffffffffffff\r\n"+chatBody), 400},
		"chunk too long": {chunked(v1Chat, "1\r\n"+chatBody+"\r\n0\r\n\r\n"), 400},
		"big header":     {head(v1Chat, "X: "+strings.Repeat("x", 70<<10)+"\r\n"), 431},
		"big body":       {head(v1Chat, "Content-Length: 99999999999\r\n") + "{", 413},
		"big in chunks":  {chunked(v1Chat, "20000\r\n"+strings.Repeat(" ", 0x20000)+"\r\n0\r\n\r\n"), 413},

		"escaped slash":         {sized("/openai/deployments/gpt-4o%2fchat/completions"+version, chatBody), 404},
		"escaped dots":          {sized("/openai/deployments/%2e%2e/chat/completions"+version, chatBody), 404},
		"dots":                  {sized("/openai/deployments/gpt-4o/../o3/chat/completions"+version, chatBody), 404},
		"one dot":               {sized("/openai/./v1/chat/completions", chatBody), 404},
		"two slashes":           {sized("/openai//v1/chat/completions", chatBody), 404},
		"three slashes":         {sized("///openai/v1/chat/completions", chatBody), 404},
		"semicolon":             {sized("/openai/deployments/gpt-4o;o3/chat/completions"+version, chatBody), 404},
		"backslash":             {sized(`/openai\v1/chat/completions`, chatBody), 404},
		"another in the query":  {sized(chatPath+"&deployment=o3", chatBody), 404},
		"another as model":      {sized(v1Chat+"?model=o3", chatBody), 404},
		"two versions":          {sized(chatPath+"&api-version=2023-05-15", chatBody), 404},
		"semicolon in query":    {sized(chatPath+";deployment=o3", chatBody), 404},
		"fragment":              {sized(chatPath+"#/o3", chatBody), 404},
		"absolute":              {sized("http://o3.openai.azure.com"+chatPath, chatBody), 400},
		"another in the path":   {sized(strings.Replace(chatPath, "gpt-4o", "o3", 1), chatBody), 401},
		"another in the body":   {sized(v1Chat, `{"model":"o3"}`), 401},
		"two models":            {sized(v1Chat, `{"model":"gpt-4o","model":"o3"}`), 400},
		"model in two cases":    {sized(v1Chat, `{"model":"gpt-4o","Model":"o3"}`), 400},
		"model by escape":       {sized(v1Chat, `{"model":"gpt-4o","mode\u006c":"o3"}`), 400},
		"unknown backend":       {sized("/west/team"+chatPath, `{"max_tokens":1}`), 404},
		"another's workload":    {sized("/stub/poor"+chatPath, chatBody), 401},
		"two workloads":         {strings.Replace(sized("/stub/team"+chatPath, chatBody), "Host:", "X-Ostiary-Workload: poor\r\nHost:", 1), 400},
		"workload header twice": {strings.Replace(sized(chatPath, chatBody), "Host:", "X-Ostiary-Workload: team\r\nX-Ostiary-Workload: poor\r\nHost:", 1), 400},

		"no JSON":           {sized(v1Chat, "model=gpt-4o"), 400},
		"half of JSON":      {sized(v1Chat, chatBody[:len(chatBody)-1]), 400},
		"two of JSON":       {sized(v1Chat, chatBody+chatBody), 400},
		"an array":          {sized(v1Chat, "["+chatBody+"]"), 400},
		"nothing":           {sized(v1Chat, ""), 400},
		"NUL":               {sized(v1Chat, "\x00"), 400},
		"BOM":               {sized(v1Chat, "\ufeff"+chatBody), 400},
		"invalid UTF-8":     {sized(v1Chat, `{"model":"gpt-4o","x":"`+"\xc3\x28"+`"}`), 400},
		"overlong UTF-8":    {sized(v1Chat, `{"model":"gpt-4o","x":"`+"\xc0\xaf"+`"}`), 400},
		"surrogate":         {sized(v1Chat, `{"model":"gpt-4o","x":"`+"\xed\xa0\x80"+`"}`), 400},
		"deep":              {sized(v1Chat, `{"model":"gpt-4o","x":`+strings.Repeat("[", 10000)+strings.Repeat("]", 10000)+"}"), 400},
		"NaN":               {sized(v1Chat, `{"model":"gpt-4o","max_tokens":NaN}`), 400},
		"hexadecimal":       {sized(v1Chat, `{"model":"gpt-4o","max_tokens":0x10}`), 400},
		"leading zero":      {sized(v1Chat, `{"model":"gpt-4o","max_tokens":01}`), 400},
		"no content type":   {strings.Replace(sized(v1Chat, chatBody), "Content-Type: application/json\r\n", "", 1), 415},
		"two content types": {strings.Replace(sized(v1Chat, chatBody), "Host:", "Content-Type: text/plain\r\nHost:", 1), 415},
		"UTF-16":            {strings.Replace(sized(v1Chat, chatBody), "application/json", "application/json; charset=utf-16", 1), 415},
		"compressed":        {strings.Replace(sized(v1Chat, chatBody), "Host:", "Content-Encoding: gzip\r\nHost:", 1), 415},
	}
	for _, number := range []string{"-1", "1e999", "9223372036854775808", "4.5e9", "999999999999999999999999", `"64"`, "[64]", "true"} {
		all["max_tokens "+number] = badInput{sized(v1Chat, `{"model":"gpt-4o","messages":[],"max_tokens":`+number+`}`), 401} // the condition does not hold
	}
	return all
}

// TestBadInput: none of it reaches a backend or makes the gateway panic, and
// each is refused in one of Azure's shapes.
func TestBadInput(t *testing.T) {
	var forwarded atomic.Int64
	r := newRig(t, func(http.ResponseWriter, *http.Request) { forwarded.Add(1) }, func(c *Config) {
		c.MaxBody = 64 << 10
		p, err := policy.New([]policy.Workload{
			{Name: "team", Grants: []policy.Grant{{Deployments: []string{"gpt-4o*"}, Operations: []string{"*"}, When: "max_tokens <= 100"}}},
			{Name: "poor", Grants: []policy.Grant{{Deployments: []string{"text*"}, Operations: []string{"embeddings"}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Policy = p
	})
	address := r.listening()
	for name, tt := range r.badInputs() {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() { _, _ = io.WriteString(conn, tt.bytes) }()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			var shape struct {
				Error struct{ Code, Message string }
			}
			azure := json.Unmarshal(body, &shape) == nil && shape.Error.Code != "" && shape.Error.Message != ""
			if resp.StatusCode != tt.status || err != nil || !azure || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %q %v", resp.StatusCode, body, err)
			}
		})
	}
	if n := forwarded.Load(); n != 0 {
		t.Errorf("%d reached the backend", n)
	}
	if strings.Contains(r.logs.String(), "panic") {
		t.Error(r.logs.String())
	}
}

// TestNamedInThePath: a backend and a workload may be named, and then no other
// is taken.
func TestNamedInThePath(t *testing.T) {
	var east, west atomic.Int64
	var seen atomic.Value
	count := func(n *atomic.Int64) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) { n.Add(1); seen.Store(req.RequestURI); whole(w, req) }
	}
	r := newRig(t, count(&east), func(c *Config) {
		other := newRig(t, count(&west))
		pool, err := backend.NewPool(backend.Config{Backends: []backend.Settings{
			{Name: "east", URL: other.upstream.URL, APIKey: secretRef(t, "k")},
			{Name: "west", URL: other.upstream.URL, APIKey: secretRef(t, "k"), Deployments: []string{"gpt-4o"}, Priority: 2},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c.Backends = pool
	})
	for name, tt := range map[string]struct {
		path, header string
		status       int
		backend, why string
	}{
		"backend and workload":       {"/west/team" + chatPath, "", 200, "west", "team: "},
		"the other":                  {"/east/team" + chatPath, "", 200, "east", "team: "},
		"base URL with a slash":      {"/west/team/" + chatPath, "", 200, "west", "team: "},
		"a slash alone":              {"/" + chatPath, "", 200, "east", "team: "},
		"v1":                         {"/west/team" + v1Chat, "", 200, "west", "team: "},
		"header":                     {chatPath, "team", 200, "east", "team: "},
		"both":                       {"/west/team" + chatPath, "team", 200, "west", "team: "},
		"header of another":          {chatPath, "poor", 401, "", "does not belong to the workload"},
		"path of another":            {"/west/poor" + chatPath, "", 401, "", "does not belong to the workload"},
		"unknown workload":           {"/west/nobody" + chatPath, "", 401, "", "does not belong to the workload"},
		"unknown backend":            {"/north/team" + chatPath, "", 404, "", "no backend serves"},
		"a backend without it":       {"/west/team/openai/deployments/text-a/embeddings?api-version=2024-10-21", "", 404, "", "no backend serves"},
		"unknown backend, no grant":  {"/north/team/openai/deployments/o3/embeddings?api-version=2024-10-21", "", 401, "", "no grant"},
		"unknown backend, in a body": {"/north/team" + v1Chat, "", 404, "", "no backend serves"},
	} {
		t.Run(name, func(t *testing.T) {
			req := r.request("POST", tt.path, chatBody)
			if tt.header != "" {
				req.Header.Set("X-Ostiary-Workload", tt.header)
			}
			resp, body := r.do(req)
			call, _, _ := r.book.last(t)
			if resp.StatusCode != tt.status || call.Backend != tt.backend || !strings.Contains(call.Decision, tt.why) {
				t.Errorf("%d %s: %+v", resp.StatusCode, body, call)
			}
			if got, _ := seen.Load().(string); tt.status == 200 && !strings.HasPrefix(got, "/openai/") {
				t.Errorf("the backend was asked for %s", got)
			}
		})
	}
}

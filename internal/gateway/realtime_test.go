package gateway

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/policy"
)

// frame makes one; a mask other than zero makes it a client's.
func frame(first byte, mask uint32, payload string) []byte {
	b := []byte{first}
	bit := byte(0)
	if mask != 0 {
		bit = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, bit|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, bit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, bit|127), uint64(n))
	}
	if mask == 0 {
		return append(b, payload...)
	}
	key := binary.BigEndian.AppendUint32(nil, mask)
	b = append(b, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

const (
	final   = 0x80
	mask    = 0x01020304
	goodbye = "\x03\xe8bye"
)

func text(payload string) []byte { return frame(final|opText, 0, payload) }

// socketServer is a backend that switches protocols and hands its connection over.
func socketServer(t *testing.T, seen *http.Request, talk func(conn net.Conn, r *bufio.Reader)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if seen != nil {
			*seen = *req
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: accepted\r\nSec-WebSocket-Protocol: realtime\r\nApim-Request-Id: apim-7\r\n\r\n")
		talk(conn, buffered.Reader)
	}
}

func realtimeRig(t *testing.T, stub http.HandlerFunc) *rig {
	return newRig(t, stub, func(c *Config) {
		p, err := policy.New([]policy.Workload{
			{Name: "team", Grants: []policy.Grant{{Deployments: []string{"gpt-4o*"}, Operations: []string{"realtime"}}}},
			{Name: "poor", Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"chat/completions"}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Policy = p
	})
}

const (
	realtimePath = "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-4o"
	socketFields = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: realtime, openai-insecure-api-key.CANARY\r\n"
)

// dial asks for a session, and gives the answer to that.
func (r *rig) dial(target, fields string) (net.Conn, *bufio.Reader, *http.Response) {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	_, _ = io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: g\r\n"+fields+"\r\n")
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return conn, br, resp
}

var realtimeEvents = []string{
	`{"type":"session.created","session":{"model":"gpt-realtime-2025"}}`,
	`{"type":"response.created","response":{"id":"r1"}}`,
	`{"type":"response.output_audio.delta","delta":"` + strings.Repeat("QUJD", 20000) + `"}`,
	`{"type":"response.done","response":{"status":"completed","usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"cached_tokens":64}}}}`,
	`{"type":"response.created","response":{"id":"r2"}}`,
	`{"type":"response.done","response":{"status":"cancelled","usage":{"total_tokens":10,"input_tokens":9,"output_tokens":1}}}`,
}

func eventFrames() []byte {
	var b []byte
	for i, e := range realtimeEvents {
		if i == 2 { // in three frames, with a ping between
			b = append(b, frame(opText, 0, e[:5])...)
			b = append(b, frame(final|opPing, 0, "p")...)
			b = append(b, frame(opMore, 0, e[5:70000])...)
			b = append(b, frame(final|opMore, 0, e[70000:])...)
			continue
		}
		b = append(b, text(e)...)
	}
	return append(b, frame(final|opBinary, 0, "{\"type\":\"response.done\"}")...)
}

// TestRealtimeSession: every byte passes both ways, credentials and extensions
// do not, the session's use is summed up, and its end waits for the outcome.
func TestRealtimeSession(t *testing.T) {
	var seen http.Request
	fromClient := bytes.Join([][]byte{
		frame(final|opText, mask, `{"type":"session.update"}`), frame(final|opBinary, mask, strings.Repeat("x", 70000)),
		frame(final|opPing, mask, ""), frame(final|opPong, mask, "p"), frame(final|opClose, mask, goodbye),
	}, nil)
	got := make(chan []byte, 1)
	r := realtimeRig(t, socketServer(t, &seen, func(conn net.Conn, br *bufio.Reader) {
		_, _ = conn.Write(eventFrames())
		all := make([]byte, len(fromClient))
		_, _ = io.ReadFull(br, all)
		got <- all
		_, _ = conn.Write(frame(final|opClose, 0, goodbye))
		_, _ = io.Copy(io.Discard, br)
	}))
	recorded := false
	r.book.outcome = func(ledger.Result) error { recorded = true; return nil }
	conn, br, resp := r.dial(realtimePath, "Api-Key: "+r.key+"\r\n"+socketFields)
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != "websocket" || resp.Header.Get("Sec-Websocket-Accept") != "accepted" ||
		resp.Header.Get("Sec-Websocket-Protocol") != "realtime" || resp.Header.Get("Apim-Request-Id") != "apim-7" || len(resp.Header.Get("X-Ostiary-Call-Id")) != 36 {
		t.Fatalf("%+v", resp)
	}
	events := make([]byte, len(eventFrames()))
	if _, err := io.ReadFull(br, events); err != nil || !bytes.Equal(events, eventFrames()) {
		t.Fatalf("the server's bytes came changed: %v", err)
	}
	_, _ = conn.Write(fromClient)
	if !bytes.Equal(<-got, fromClient) {
		t.Error("the client's bytes came changed")
	}
	end := make([]byte, len(frame(final|opClose, 0, goodbye)))
	if _, err := io.ReadFull(br, end); err != nil || !recorded || !bytes.Equal(end, frame(final|opClose, 0, goodbye)) {
		t.Errorf("the end %q came before the outcome was recorded (%v): %v", end, !recorded, err)
	}
	if rest, err := io.ReadAll(br); err != nil || len(rest) > 0 {
		t.Errorf("then %q %v", rest, err)
	}
	call, result, kind := r.book.last(t)
	if kind != ledger.Outcome || call.Operation != "realtime" || call.Deployment != "gpt-4o" || call.APIVersion != "2025-04-01-preview" {
		t.Errorf("%s %+v", kind, call)
	}
	if result.Status != 101 || result.Aborted != "" || result.Model != "gpt-realtime-2025" || result.UpstreamID != "apim-7" || fmt.Sprint(result.FinishReasons) != "[completed cancelled]" ||
		result.Usage != (ledger.Usage{Prompt: 141, Completion: 122, Cached: 64, Total: 263}) || result.Response.Bytes != int64(len(eventFrames())+len(end)) {
		t.Errorf("%+v", result)
	}
	h := seen.Header
	if seen.RequestURI != realtimePath || h.Get("Api-Key") != upstreamKey || h.Get("Sec-Websocket-Extensions") != "" || h.Get("Sec-Websocket-Protocol") != "realtime" ||
		h.Get("Sec-Websocket-Key") != "dGhlIHNhbXBsZSBub25jZQ==" || h.Get("Upgrade") != "websocket" || h.Get("Connection") != "Upgrade" {
		t.Errorf("the backend saw %s %v", seen.RequestURI, h)
	}
}

// TestRealtimeEnds: how a session can end otherwise, and what is recorded.
func TestRealtimeEnds(t *testing.T) {
	begun := append(text(realtimeEvents[1]), text(`{"type":"response.text.delta","delta":"four and more"}`)...)
	partial := ledger.Usage{Completion: 4, Total: 4, Estimated: true}
	tests := map[string]struct {
		client  func(conn net.Conn)
		server  []byte // after begun; the server then waits for its client to leave, or leaves
		leaves  bool
		aborted string
	}{
		"the client goes":        {func(conn net.Conn) { conn.Close() }, nil, false, clientLeft},
		"the client is unmasked": {func(conn net.Conn) { _, _ = conn.Write(text("x")) }, nil, false, clientLeft},
		"too large a frame": {func(conn net.Conn) {
			_, _ = conn.Write([]byte{final | opBinary, 0xff, 0, 0, 0, 0, 0xff, 0, 0, 0, 1, 2, 3, 4})
		}, nil, false, clientLeft},
		"nobody speaks":                     {func(net.Conn) {}, nil, false, clientLeft},
		"the server goes":                   {func(net.Conn) {}, nil, true, upstreamFailed},
		"the server breaks off":             {func(net.Conn) {}, text("whole")[:3], true, upstreamFailed},
		"the server is masked":              {func(net.Conn) {}, frame(final|opText, mask, "x"), false, upstreamFailed},
		"the server compresses":             {func(net.Conn) {}, frame(final|0x40|opText, 0, "x"), false, upstreamFailed},
		"half a goodbye":                    {func(net.Conn) {}, frame(final|opClose, 0, goodbye)[:4], true, upstreamFailed},
		"the client parts, the server goes": {func(conn net.Conn) { _, _ = conn.Write(frame(final|opClose, mask, "")) }, nil, false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left := make(chan struct{})
			r := realtimeRig(t, socketServer(t, nil, func(conn net.Conn, br *bufio.Reader) {
				defer close(left)
				_, _ = conn.Write(append(begun[:len(begun):len(begun)], tt.server...))
				if tt.leaves {
					return
				}
				for {
					p := make([]byte, 6)
					if _, err := io.ReadFull(br, p); err != nil || p[0] == final|opClose {
						return
					}
				}
			}))
			if name == "nobody speaks" {
				r.sessionIdle = 50 * time.Millisecond
			}
			conn, br, resp := r.dial(realtimePath, "Api-Key: "+r.key+"\r\n"+socketFields)
			if resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatal(resp.StatusCode)
			}
			_, _ = io.ReadFull(br, make([]byte, len(begun)))
			tt.client(conn)
			<-left
			_, result, kind := r.book.last(t)
			if kind != ledger.Outcome || result.Aborted != tt.aborted || result.Usage != partial {
				t.Errorf("%s %+v", kind, result)
			}
			if rest, _ := io.ReadAll(br); bytes.Contains(rest, []byte{final | opClose}) {
				t.Errorf("the client was told of a good end: %q", rest)
			}
		})
	}
}

func TestRealtimeNotRecorded(t *testing.T) {
	r := realtimeRig(t, socketServer(t, nil, func(conn net.Conn, br *bufio.Reader) {
		_, _ = conn.Write(frame(final|opClose, 0, goodbye))
		_, _ = io.Copy(io.Discard, br)
	}))
	r.book.outcome = func(ledger.Result) error { return errDisk }
	_, br, _ := r.dial(realtimePath, "Api-Key: "+r.key+"\r\n"+socketFields)
	if rest, _ := io.ReadAll(br); len(rest) > 0 {
		t.Errorf("the client was sent %q", rest)
	}
	<-r.book.completed
	r.book.intent = func(ledger.Call) error { return errDisk }
	if _, _, resp := r.dial(realtimePath, "Api-Key: "+r.key+"\r\n"+socketFields); resp.StatusCode != http.StatusServiceUnavailable {
		t.Error(resp.StatusCode)
	}
}

// TestRealtimeRefused: no session, in HTTP.
func TestRealtimeRefused(t *testing.T) {
	r := realtimeRig(t, func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.RequestURI, "gpt-4o-plain") {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		conn, _, _ := http.NewResponseController(w).Hijack()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	})
	key := "Api-Key: " + r.key + "\r\n"
	for name, tt := range map[string]struct {
		target, fields string
		status         int
	}{
		"nobody":                  {realtimePath, socketFields, 401},
		"a bad key in the query":  {realtimePath + "&api-key=nope", socketFields, 401},
		"a key and another":       {realtimePath + "&api-key=" + r.poor, key + socketFields, 401},
		"not granted":             {realtimePath, "Api-Key: " + r.poor + "\r\n" + socketFields, 401},
		"another deployment":      {"/openai/v1/realtime?model=o3", key + socketFields, 401},
		"no WebSocket":            {realtimePath, key, 426},
		"an old WebSocket":        {realtimePath, key + strings.Replace(socketFields, "13", "8", 1), 426},
		"the backend refuses":     {"/openai/v1/realtime?model=gpt-4o-plain", key + socketFields, 429},
		"the backend compresses":  {realtimePath, key + socketFields, 502},
		"the same key in a query": {realtimePath + "&api-key=" + r.key, key + socketFields, 502},
		"a bearer in the query":   {realtimePath + "&Authorization=Bearer%20" + r.key, socketFields, 502},
		"a bad bearer there":      {realtimePath + "&Authorization=Bearer+nope", socketFields, 401},
		"a bearer and a key":      {realtimePath + "&Authorization=Bearer+" + r.key, "Api-Key: " + r.poor + "\r\n" + socketFields, 401},
		"a key in the query":      {realtimePath + "&api-key=" + r.key, socketFields, 502},
	} {
		_, _, resp := r.dial(tt.target, tt.fields)
		if resp.StatusCode != tt.status {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
		if _, result, _ := r.book.last(t); result.Status != tt.status {
			t.Errorf("%s: recorded %+v", name, result)
		}
	}
	if logs := r.logs.String(); strings.Contains(logs, r.key) || strings.Contains(logs, "CANARY") {
		t.Error(logs)
	}
}

func TestFrames(t *testing.T) {
	for name, bad := range map[string][]byte{
		"reserved bit":      frame(final|0x40|opText, 0, "x"),
		"unknown opcode":    frame(final|3, 0, "x"),
		"unknown control":   frame(final|11, 0, "x"),
		"masked":            frame(final|opText, mask, "x"),
		"more of nothing":   frame(final|opMore, 0, "x"),
		"text within text":  append(frame(opText, 0, "x"), frame(final|opText, 0, "x")...),
		"ping in pieces":    frame(opPing, 0, "x"),
		"long ping":         frame(final|opPing, 0, strings.Repeat("x", 126)),
		"long goodbye":      frame(final|opClose, 0, strings.Repeat("x", 126)),
		"length too long":   {final | opText, 126, 0, 1, 'x'},
		"length in 64 bits": {final | opText, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
		"huge":              {final | opText, 127, 0, 0, 0, 0, 1, 0, 0, 1},
		"absurd":            {final | opText, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		f := frames{}
		if _, err := f.feed(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// FuzzFrames: cut anywhere, the same bytes mean the same.
func FuzzFrames(f *testing.F) {
	f.Add(eventFrames()[:300], 7, false)
	f.Add(append(frame(final|opText, mask, "abc"), frame(final|opClose, mask, goodbye)...), 3, true)
	f.Fuzz(func(t *testing.T, p []byte, at int, masked bool) {
		read := func(pieces ...[]byte) (before int, messages []string, bad, closed bool) {
			var message []byte
			f := frames{masked: masked, text: func(p []byte, end bool) {
				if message = append(message, p...); end {
					messages, message = append(messages, string(message)), nil
				}
			}}
			for _, p := range pieces {
				n, err := f.feed(p)
				if before += n; err != nil {
					return before, messages, true, f.closed
				}
			}
			return before, messages, false, f.closed
		}
		at = max(0, min(at, len(p)))
		n1, m1, bad1, c1 := read(p)
		n2, m2, bad2, c2 := read(p[:at], p[at:])
		if n1 != n2 || fmt.Sprint(m1) != fmt.Sprint(m2) || bad1 != bad2 || c1 != c2 || n1 > len(p) {
			t.Fatalf("%d %q %v %v, in two pieces %d %q %v %v", n1, m1, bad1, c1, n2, m2, bad2, c2)
		}
	})
}

package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/policy"
	"github.com/ostiary/ostiary/internal/seal"
)

// sealedBook is a ledger that keeps bodies for an auditor alone.
func sealedBook(t *testing.T) (*book, seal.Identity) {
	t.Helper()
	who, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "ledger")
	l, err := ledger.Open(ledger.Config{Directory: dir, Bodies: ledger.BodyConfig{Auditors: []seal.Recipient{who.Recipient()}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &book{Ledger: l, dir: dir, completed: make(chan struct{}, 10)}, who
}

// TestRealtimeIsKept: of a workload with capture full, what the client says in
// a session is kept as the server's frames are, for the auditor alone, however
// the session ends; and the words stand nowhere else.
func TestRealtimeIsKept(t *testing.T) {
	const said, answered = "CANARY-SAID", "CANARY-ANSWERED"
	events := []string{`{"type":"session.update"}`, `{"type":"conversation.item.create","text":"` + said + strings.Repeat(" on", 40000) + `"}`}
	sent := bytes.Join([][]byte{
		frame(final|opText, mask, events[0]), frame(opText, 0x7f00ff10, events[1][:70001]), frame(final|opPing, mask, "p"),
		frame(final|opMore, mask, events[1][70001:]),
	}, nil)
	for _, leaves := range []bool{false, true} {
		kept, auditor := sealedBook(t)
		r := newRig(t, socketServer(t, nil, func(conn net.Conn, br *bufio.Reader) {
			_, _ = conn.Write(text(`{"type":"response.done","response":{"text":"` + answered + `"}}`))
			_, _ = io.CopyN(io.Discard, br, int64(len(sent)))
			if !leaves {
				_, _ = conn.Write(frame(final|opClose, 0, goodbye))
			}
			_, _ = io.Copy(io.Discard, br)
		}), func(c *Config) {
			p, err := policy.New([]policy.Workload{{
				Name: "team", Capture: "full", Grants: []policy.Grant{{Deployments: []string{"*"}, Operations: []string{"realtime"}}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			c.Policy, c.Ledger = p, kept
		})
		conn, br, resp := r.dial(realtimePath, "Api-Key: "+r.key+"\r\n"+socketFields)
		id := resp.Header.Get("X-Ostiary-Call-Id")
		_, _ = conn.Write(sent)
		if leaves {
			conn.Close()
		} else {
			_, _ = io.Copy(io.Discard, br)
		}
		_, result, _ := kept.last(t)
		if err := kept.Close(); err != nil {
			t.Fatal(err)
		}
		call, err := ledger.OpenCall(kept.dir, id, &auditor)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Join(events, "\n") + "\n"; call.Request.Err != nil || string(call.Request.Content) != want || !call.Request.Checked || result.Request.Bytes != int64(len(want)) {
			t.Errorf("leaves %v: kept are %d bytes of %d, %v; %+v", leaves, len(call.Request.Content), len(want), call.Request.Err, result.Request)
		}
		if !leaves && (call.Response.Err != nil || !strings.Contains(string(call.Response.Content), answered)) {
			t.Errorf("of the answer: %q %v", call.Response.Content, call.Response.Err)
		}
		for where, text := range map[string]string{"log": r.logs.String(), "ledger": slurp(t, kept.dir)} {
			for _, word := range []string{said, answered} {
				if len(text) < 100 || strings.Contains(text, word) {
					t.Errorf("%s is in the %s, or nothing is", word, where)
				}
			}
		}
	}
}

// TestSaidIsBounded: what a session's client says is kept up to a bound, and
// the session ends there.
func TestSaidIsBounded(t *testing.T) {
	b := newBook(t)
	s := &said{kept: b.Body("id", ledger.Request, ledger.Call{}), bytes: maxSaid - 3}
	s.take([]byte("ab"), false)
	s.take(nil, true)
	if s.err != nil {
		t.Error(s.err)
	}
	s.take([]byte("c"), false)
	if s.err == nil {
		t.Error("more was taken than is kept")
	}
	if kept := s.end(); kept.Bytes != 3 {
		t.Errorf("%+v", kept)
	}
	s.take([]byte("late"), false)
	if kept := s.end(); kept.Bytes != 3 {
		t.Errorf("after the end: %+v", kept)
	}
}

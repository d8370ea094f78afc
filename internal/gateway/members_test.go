package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
	"github.com/ostiary/ostiary/internal/revocation"
)

// membersRig is a gateway that serves members as in production.
type membersRig struct {
	*rig
	ca      *pki.CA
	us      pkitest.Credentials
	keeper  *revocation.Keeper
	address string
}

func newMembersRig(t *testing.T, stub http.HandlerFunc, line ...func(net.Listener) net.Listener) *membersRig {
	t.Helper()
	m := &membersRig{ca: pkitest.Project(t, "demo")}
	m.keeper = revocation.New(revocation.Config{Path: filepath.Join(t.TempDir(), "list"), Root: m.ca.Certificate(), Since: time.Now()})
	m.us = pkitest.Member(t, m.ca, pki.ID{Project: "demo", Role: pki.Gateway, Member: "g"})
	m.us.Stands = m.keeper
	m.rig = newRig(t, stub, func(c *Config) { c.Member = m.us })
	config, err := m.MemberTLS()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.address = ln.Addr().String()
	for _, f := range line {
		ln = f(ln)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { _ = httpd.Serve(ctx, m.MemberListener(ln), m.MemberHandler(), config, nil) })
	t.Cleanup(func() { cancel(); serving.Wait() })
	return m
}

func (m *membersRig) inlet(name string, signed time.Time, life time.Duration) pkitest.Credentials {
	id := pki.ID{Project: "demo", Role: pki.Inlet, Member: name}
	return pkitest.MemberAt(m.t, m.ca, id, signed, life)
}

// transport is a client of its own, with one connection.
func (m *membersRig) transport(me pkitest.Credentials) *http.Transport {
	tr := &http.Transport{TLSClientConfig: pki.MutualTLS(me, pki.Exactly(m.us.ID()), memberProtocol)}
	m.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func (m *membersRig) call(tr *http.Transport, body string) (*http.Response, error) {
	req := m.request("POST", v1Chat, body)
	req.URL.Scheme, req.URL.Host = "https", m.address
	return tr.RoundTrip(req)
}

func (m *membersRig) revoke(epoch uint64, who pkitest.Credentials) {
	m.t.Helper()
	list, err := revocation.Sign(revocation.List{Project: "demo", Epoch: epoch, Members: []string{who.ID().String()}}, m.ca.Signer())
	if err == nil {
		err = m.keeper.Offer(list)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// A member is revoked while an answer streams to it and another connection of
// it is idle: the answer is cut, the work upstream ends, both connections are
// closed, new ones are refused, and the other member notices nothing.
func TestRevokedMemberIsCut(t *testing.T) {
	upstream := make(chan struct{}, 2)
	m := newMembersRig(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) == chatBody {
			whole(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "data: {\"choices\":[]}\n\n")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
		upstream <- struct{}{}
	})
	now := time.Now()
	victim, other := m.inlet("victim", now, time.Hour), m.inlet("other", now, time.Hour)
	streams := map[string]*bufio.Scanner{}
	for name, who := range map[string]pkitest.Credentials{"victim": victim, "other": other} {
		resp, err := m.call(m.transport(who), streamBody)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		streams[name] = bufio.NewScanner(resp.Body)
		if !streams[name].Scan() {
			t.Fatal(streams[name].Err())
		}
	}
	idle := m.transport(victim)
	resp, err := m.call(idle, chatBody)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()

	m.revoke(1, victim)
	for streams["victim"].Scan() {
	}
	if streams["victim"].Err() == nil {
		t.Error("the answer ended cleanly")
	}
	<-upstream
	for _, tr := range []*http.Transport{idle, m.transport(victim)} {
		if resp, err := m.call(tr, chatBody); err == nil {
			t.Errorf("a revoked member is answered: %d", resp.StatusCode)
			_ = resp.Body.Close()
		}
	}
	if !streams["other"].Scan() {
		t.Errorf("the other member was hurt: %v", streams["other"].Err())
	}
	// A refused handshake may still be closing.
	left := 0
	for range 200 {
		m.members.mu.Lock()
		left = len(m.members.at)
		m.members.mu.Unlock()
		if left <= 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d connections are remembered, one is open", left)
}

// In the last quarter of a certificate's life a client is asked to connect
// again; when it has expired an answer that is under way goes on to its end.
func TestMemberConnectionsEndWithTheirCertificate(t *testing.T) {
	m := newMembersRig(t, whole)
	now := time.Now()
	for name, c := range map[string]struct {
		signed time.Time
		life   time.Duration
		close  bool
	}{
		"young": {now, time.Hour, false},
		"old":   {now.Add(-50 * time.Minute), time.Hour, true},
	} {
		resp, err := m.call(m.transport(m.inlet(name, c.signed, c.life)), chatBody)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Close != c.close {
			t.Errorf("%s: status %d, close %v", name, resp.StatusCode, resp.Close)
		}
	}
	hold := newMembersRig(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"choices\":[]}\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(3 * time.Second):
			_, _ = io.WriteString(w, chatDone)
		case <-r.Context().Done():
		}
	})
	resp, err := hold.call(hold.transport(hold.inlet("dying", now, 2*time.Second)), streamBody)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !strings.HasSuffix(string(got), chatDone) {
		t.Errorf("an answer was cut when the certificate ended: %q, %v", got, err)
	}
}

// slowLine takes its time for everything that is sent once it is slow.
type slowLine struct {
	net.Listener
	slow atomic.Bool
}

type slowLineConn struct {
	net.Conn
	line *slowLine
}

func (l *slowLine) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return slowLineConn{c, l}, err
}

func (c slowLineConn) Write(p []byte) (int, error) {
	if c.line.slow.Load() {
		time.Sleep(700 * time.Millisecond)
	}
	return c.Conn.Write(p)
}

// The end of an answer is still on its way, in net/http's buffers, when its
// certificate has expired and its handler has returned: it arrives whole, and
// then the connection is closed.
func TestEndOfAnAnswerOutlivesItsCertificate(t *testing.T) {
	now := time.Now()
	const life = 2 * time.Second
	var line slowLine
	m := newMembersRig(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"choices\":[]}\n\n")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(time.Until(now.Add(life - 100*time.Millisecond)))
		line.slow.Store(true)
		_, _ = io.WriteString(w, chatDone)
	}, func(ln net.Listener) net.Listener { line.Listener = ln; return &line })
	dying := m.transport(m.inlet("dying", now, life))
	resp, err := m.call(dying, streamBody)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !strings.HasSuffix(string(got), chatDone) {
		t.Errorf("the answer: %q, %v", got, err)
	}
	for range 200 {
		m.members.mu.Lock()
		left := len(m.members.at)
		m.members.mu.Unlock()
		if left == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the connection outlives its certificate")
}

package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/httpd"
)

// What the parts of the demo tell of themselves after a call: who they are, how
// fresh their list is, and their sessions with bytes and round trip.
func TestStatus(t *testing.T) {
	w := startDemo(t)
	client := trusting(t, w.CAFile)
	if why := once(client, w.InletURL+"/openai/v1/chat/completions", `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"?"}]}`); why != "" {
		t.Fatal(why)
	}
	status := func(name string) (s node.Status) {
		resp, err := httpd.UnixClient(filepath.Join(w.Dir, name+".sock")).Get("http://admin" + node.StatusPath)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&s); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v", name, resp.Status, err)
		}
		return s
	}
	for name, c := range map[string]struct{ me, peer, outlet string }{
		"inlet":  {"spiffe://demo/inlet/health-corp", "spiffe://demo/outlet/ai-corp", ""},
		"outlet": {"spiffe://demo/outlet/ai-corp", "spiffe://demo/inlet/health-corp", ""},
		"relay":  {"spiffe://demo/relay/relay-1", "spiffe://demo/inlet/health-corp", "spiffe://demo/outlet/ai-corp"},
	} {
		s := status(name)
		for deadline := time.Now().Add(20 * time.Second); s.Revocations.Epoch == 0 && time.Now().Before(deadline); s = status(name) {
			time.Sleep(10 * time.Millisecond)
		}
		if s.Member != c.me || s.Ready != "yes" || s.Expires.Before(time.Now()) || s.Revocations.Epoch != 1 || s.Revocations.Stale {
			t.Errorf("%s: %+v", name, s)
		}
		if len(s.Sessions) == 0 {
			t.Errorf("%s: no sessions", name)
			continue
		}
		var carried int64
		for _, at := range s.Sessions {
			carried += at.Sent + at.Received
			if at.Peer != c.peer || at.Outlet != c.outlet || at.Since.IsZero() {
				t.Errorf("%s: %+v", name, at)
			}
		}
		if c.outlet == "" && carried < 1000 {
			t.Errorf("%s: %d bytes carried", name, carried)
		}
	}
}

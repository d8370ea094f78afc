package e2e

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
)

// The inlet of a revoked member says so, to its log, and does not have its
// clients wait for a session that will never come.
func TestRevokedInletSaysSo(t *testing.T) {
	var said buffer
	p := found(t, "demo", slog.New(slog.NewTextHandler(&said, nil)))
	target := httpTarget(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	out, me := p.join(pki.Outlet, "owner", service("openai")), p.join(pki.Inlet, "consumer", service("openai"))
	p.outlet(out, target, portal.Rule{Member: me.ID()})
	url := "http://" + p.inlet(portal.InletConfig{Credentials: me, Outlet: out.ID(), HTTP: &portal.HTTP{}}, true)
	get := func() (int, string) {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	if status, body := get(); status != http.StatusOK || body != "here" {
		t.Fatalf("%d %s", status, body)
	}
	if _, err := p.authority.Revoke(t.Context(), authority.RevokeRequest{Member: me.ID().String()}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cut", func() bool { status, _ := get(); return status == http.StatusBadGateway })
	eventually(t, "the reason in the log", func() bool {
		return strings.Contains(string(said.Bytes()), "this inlet's member has been revoked")
	})
	if strings.Contains(string(said.Bytes()), "no session with the outlet") {
		t.Error("a client waited to the end for a session that could not come")
	}
}

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/emulator"
)

// TestRealtimeOfficialClient holds a session by OpenAI's own client from npm,
// with the emulator and through a gateway: the same events with the same words.
func TestRealtimeOfficialClient(t *testing.T) {
	dir := npm(t, "a realtime session of the official openai client")
	w := &twins{t: t, state: t.TempDir(), now: time.Now()}
	e, err := emulator.New(emulator.Config{
		Settings: emulator.Settings{State: w.state, Accounts: []emulator.Account{{
			Name: "ostiary-demo", Deployments: []emulator.Deployment{{Name: "talk", Model: "gpt-realtime"}},
		}}},
		Public: listen(t), Private: listen(t), Issuer: listen(t), Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, e.Run)
	azureKey, err := e.Key("ostiary-demo")
	if err != nil {
		t.Fatal(err)
	}
	front := strings.TrimPrefix(e.URLs().Private, "https://")
	key, _, address := w.talking(front)

	type session struct {
		Events []string
		Tokens int64
		Status string
	}
	hold := func(address, key string) (s session) {
		cmd := exec.CommandContext(t.Context(), "node", "--no-warnings", "--experimental-websocket", "realtime.mjs")
		cmd.Dir = dir
		cmd.Env = []string{
			"PATH=" + os.Getenv("PATH"), "NODE_EXTRA_CA_CERTS=" + e.CAFile(),
			"OSTIARY_BASE_URL=https://" + address, "OSTIARY_KEY=" + key, "OSTIARY_QUESTION=What is Ockham's Razor?",
		}
		var said buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", address, err, said.Bytes())
		}
		if err := json.Unmarshal(out, &s); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		return s
	}
	want, got := hold(front, azureKey.Reveal()), hold(address, key.Reveal())
	if len(want.Events) < 8 || want.Tokens == 0 || want.Status != "completed" {
		t.Errorf("the emulator: %+v", want)
	}
	if !slices.Equal(want.Events, got.Events) || got.Tokens != want.Tokens || got.Status != want.Status {
		t.Errorf("through the gateway %+v\ndirectly %+v", got, want)
	}
}

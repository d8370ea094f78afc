package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/emulator"
)

// Microsoft's identity library for JavaScript signs applications and people in
// at the emulated Entra. The one for Go is tried in internal/emulator.
func TestAzureIdentityForJavaScript(t *testing.T) {
	dir := npm(t, "@azure/identity against the emulated Entra")
	e, err := emulator.New(emulator.Config{
		Settings: emulator.Settings{State: t.TempDir(), Directory: emulator.Directory{DevicePoll: time.Second}},
		Public:   listen(t), Private: listen(t), Issuer: listen(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	background(t, e.Run)
	app, err := e.App("ostiary-chat")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "entra.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+e.CAFile(), "AUTHORITY="+e.URLs().Issuer,
		"TENANT="+app.Tenant, "CLIENT="+app.ClientID, "SECRET="+app.Secret.Reveal(), "PUBLIC_CLIENT="+cliID)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 4 {
		t.Fatalf("%s", out)
	}
	person := strings.Fields(lines[1])[3]
	for i, want := range []string{
		"application 1.0 https://cognitiveservices.azure.com " + app.ObjectID + " " + app.ClientID + " -",
		"person 2.0 " + gatewayID + " " + person + " " + cliID + " user_impersonation",
		"again 1.0 https://cognitiveservices.azure.com " + person + " " + cliID + " user_impersonation",
		"behalf 2.0 " + gatewayID + " " + person + " " + app.ClientID + " user_impersonation",
	} {
		if lines[i] != want {
			t.Errorf("%s\nwant %s", lines[i], want)
		}
	}
}

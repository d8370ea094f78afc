package e2e

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/emulator"
)

// TestAProgramStandsInTheNetwork lets a server of this machine be a machine of
// the network: it is reached there by those whom the network lets through, for
// as long as `emulate exec --listen` runs.
func TestAProgramStandsInTheNetwork(t *testing.T) {
	az := startAzure(t, emulator.Network{})
	az.network("", "")
	az.machine("gateway", "Microsoft.Network/virtualNetworks/vnet/subnets/clients", "10.3.0.20", "")
	ln := listen(t)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a gateway") })}
	go func() { _ = server.Serve(ln) }()
	defer server.Close()

	hold, release := io.Pipe()
	standing := exec.CommandContext(t.Context(), "ostiary", "emulate", "exec", "--state", az.state, "--from", "gateway", "--listen", "8080="+ln.Addr().String(), "--", "sh", "-c", "echo ready; cat; exit 3")
	var said bytes.Buffer
	out, err := standing.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	standing.Stdin, standing.Stderr = hold, &said
	if err := standing.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	reach := func(place string) string {
		got, _ := az.from(place, "curl", "-sS", "-p", "http://10.3.0.20:8080/")
		return got
	}
	if got := reach("vnet/endpoints"); got != "a gateway" {
		t.Errorf("from the next subnet: %s", got)
	}
	if got := reach("internet"); !strings.Contains(got, "502") {
		t.Errorf("from the internet: %s", got)
	}
	if err := release.Close(); err != nil {
		t.Fatal(err)
	}
	if err := standing.Wait(); err == nil || standing.ProcessState.ExitCode() != 3 {
		t.Errorf("the command's end: %v", err)
	}
	if got := reach("vnet/endpoints"); !strings.Contains(got, "502") {
		t.Errorf("after its end: %s", got)
	}
}

// TestExecSaysWhatIsWrong.
func TestExecSaysWhatIsWrong(t *testing.T) {
	az := startAzure(t, emulator.Network{})
	exec := []string{"emulate", "exec", "--state"}
	for want, args := range map[string][]string{
		"no such place; name one of internet":       append(exec, az.state, "--from", "nowhere", "--", "true"),
		"no emulator with a network runs here":      append(exec, t.TempDir(), "--from", "internet", "--", "true"),
		"cannot run the command":                    append(exec, az.state, "--from", "internet", "--", "no-such-program"),
		"nothing can stand at internet":             append(exec, az.state, "--from", "internet", "--listen", "80=127.0.0.1:80", "--", "true"),
		"not a port and an address":                 append(exec, az.state, "--from", "internet", "--listen", "80", "--", "true"),
		"can't find nobody.openai.azure.com":        {"emulate", "nslookup", "--state", az.state, "--from", "internet", "nobody.openai.azure.com"},
		"can't find www.example.com: REFUSED":       {"emulate", "nslookup", "--state", az.state, "--from", "internet", "www.example.com"},
		"Name:\tmanagement.azure.com\nAddress: 192": {"emulate", "nslookup", "--state", az.state, "--from", "internet", "management.azure.com"},
	} {
		if got, code := az.ostiary(args...); !strings.Contains(got, want) || (code == 0) != strings.HasPrefix(want, "Name:") {
			t.Errorf("%v: exit %d, %s", args, code, got)
		}
	}
}

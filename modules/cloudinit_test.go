package modules_test

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What machines get is what cloud-init knows: every rendered cloud-config, and
// those of deploy/cloud-init, pass its own schema. Whether they do what they are
// for, `make test-boot` shows.
func TestCloudConfigPassesItsSchema(t *testing.T) {
	if _, err := exec.LookPath("cloud-init"); err != nil {
		t.Skip("NOT CHECKED: cloud-init is not installed, so that no cloud-config was held to its schema")
	}
	files, err := filepath.Glob("../deploy/cloud-init/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("deploy/cloud-init is empty: ", err)
	}
	const node = `node = {url = "https://downloads.example.com/ostiary-node", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}`
	const ticket = `secret_url = "https://acme-tkt-012345.vault.azure.net/secrets/inlet-ticket?api-version=7.4", client_id = "00000000-0000-0000-0000-000000000011"`
	for name, values := range map[string]string{
		"authority": `role = "authority", configuration = yamlencode({authority = {listen = "0.0.0.0:7443"}}), secret_url = "", client_id = "", questions = []`,
		"relay":     `role = "relay", configuration = yamlencode({relay = {listen = "0.0.0.0:443"}}), questions = [], ` + ticket,
		"inlet": `role = "inlet", configuration = yamlencode({inlet = {listen = "127.0.0.1:8443", relays = ["192.0.2.1:443"]}}), ` + ticket +
			`, questions = [{url = "http://127.0.0.1:8443/openai/v1/chat/completions", body = jsonencode({messages = [{role = "user", content = "What is Ockham's Razor?"}]})}]`,
	} {
		if file := rendered(t, name, "{"+values+", "+node+"}"); file != "" {
			files = append(files, file)
		}
	}
	for _, file := range files {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if out, err := exec.CommandContext(ctx, "cloud-init", "schema", "--config-file", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
		cancel()
	}
}

// rendered is the portal's template as Terraform fills it in; empty where there
// is no Terraform.
func rendered(t *testing.T, name, values string) string {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Log("NOT CHECKED: terraform is not installed, so that the portal's cloud-config was not rendered")
		return ""
	}
	template, err := filepath.Abs("portal/cloud-init.yaml.tftpl")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "terraform", "console")
	c.Dir, c.Env = t.TempDir(), append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+os.DevNull)
	c.Stdin = strings.NewReader(`base64encode(templatefile("` + template + `", ` + values + "))\n")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("terraform console: %v\n%s", err, out)
	}
	data, err := base64.StdEncoding.DecodeString(strings.Trim(strings.TrimSpace(string(out)), `"`))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

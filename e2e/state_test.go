package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/emulator"
)

const stateHCL = `terraform {
  backend "azurerm" {
    storage_account_name = "samplestate"
    container_name       = "tfstate"
    key                  = "prod.tfstate"
  }
}

resource "terraform_data" "word" {
  input = "kept"
}

output "word" {
  value = terraform_data.word.output
}
`

// Terraform keeps its state in the emulated Blob Storage, with an access key and
// with a token, and is locked out while another holds the lock. Outside, once
// public access is off, nobody reads it.
func TestTerraformKeepsItsState(t *testing.T) {
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("NOT CHECKED: Terraform's own backend against the emulated Blob Storage: terraform is not installed")
	}
	a := startAzure(t, emulator.Network{})
	store := a.id("Microsoft.Storage/storageAccounts/samplestate")
	const account = `{"location":"japaneast","kind":"StorageV2","sku":{"name":"Standard_LRS"},"properties":{"publicNetworkAccess":"ACCESS"}}`
	a.put(store, "2023-05-01", strings.Replace(account, "ACCESS", "Enabled", 1))
	a.put(store+"/blobServices/default/containers/tfstate", "2023-05-01", `{"properties":{}}`)
	_, keys := a.arm(http.MethodPost, store+"/listKeys", "2023-05-01", "")
	list, _ := keys["keys"].([]any)
	first, _ := list[0].(map[string]any)
	key, _ := first["value"].(string)

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(stateHCL), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "empty.rc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TF_CLI_CONFIG_FILE", filepath.Join(dir, "empty.rc"))
	t.Setenv("CHECKPOINT_DISABLE", "1")
	terraform := func(code int, part string, args ...string) {
		t.Helper()
		line := append([]string{"emulate", "exec", "--state", a.state, "--from", "internet", "--azure", "--", "terraform", "-chdir=" + dir}, args...)
		if out, got := a.ostiary(line...); got != code || !strings.Contains(out, part) {
			t.Errorf("terraform %v: exit %d, want %d with %q:\n%s", args, got, code, part, out)
		}
	}
	byToken := []string{"init", "-input=false", "-no-color", "-reconfigure", "-backend-config=use_azuread_auth=true"}
	terraform(1, "AuthorizationPermissionMismatch", byToken...) // an owner holds no data actions
	terraform(0, "Successfully configured", "init", "-input=false", "-no-color", "-reconfigure", "-backend-config=access_key="+key)
	terraform(0, `word = "kept"`, "apply", "-auto-approve", "-input=false", "-no-color")

	a.put("/subscriptions/"+a.r.Subscription+"/providers/Microsoft.Authorization/roleAssignments/5b1c7a52-3c7d-4f0e-9a51-0d7f0a1e2b33", "2022-04-01",
		`{"properties":{"roleDefinitionId":"/subscriptions/`+a.r.Subscription+`/providers/Microsoft.Authorization/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe","principalId":"`+a.ownerID()+`"}}`)
	terraform(0, "Successfully configured", byToken...)
	terraform(0, "No changes", "plan", "-input=false", "-no-color")

	blob := "https://samplestate.blob.core.windows.net/tfstate/prod.tfstate"
	lease := func(action string, more ...string) {
		t.Helper()
		token := a.tokenFor("https://storage.azure.com/.default")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, blob+"?comp=lease", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range append(more, "Authorization: Bearer "+token, "X-Ms-Lease-Action: "+action, "X-Ms-Version: 2023-11-03") {
			name, value, _ := strings.Cut(line, ": ")
			req.Header.Set(name, value)
		}
		resp, err := a.owner.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode >= 300 {
			t.Fatalf("lease %s: %s", action, resp.Status)
		}
	}
	lease("acquire", "X-Ms-Lease-Duration: -1")
	terraform(1, "state blob is already locked", "apply", "-auto-approve", "-input=false", "-no-color")
	lease("break")
	terraform(0, "0 destroyed", "apply", "-auto-approve", "-input=false", "-no-color")

	a.put(store, "2023-05-01", strings.Replace(account, "ACCESS", "Disabled", 1))
	terraform(1, "AuthorizationFailure", "plan", "-input=false", "-no-color")
}

// tokenFor is a token of the subscription's owner for another service.
func (a *azure) tokenFor(scope string) string {
	a.t.Helper()
	secret, err := a.r.Secret()
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := a.owner.PostForm("https://login.microsoftonline.com/"+a.r.Tenant+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {a.r.ClientID}, "client_secret": {secret.Reveal()}, "scope": {scope},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Token == "" {
		a.t.Fatalf("no token: %s, %v", resp.Status, err)
	}
	return got.Token
}

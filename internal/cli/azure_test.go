package cli

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// In a job of GitHub Actions the runner is asked, unless the environment has a
// login of its own.
func TestAzureLogin(t *testing.T) {
	for _, name := range []string{"AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "ARM_CLIENT_ID", "ARM_TENANT_ID"} {
		t.Setenv(name, "")
	}
	t.Setenv("AZURE_CLIENT_ID", "22222222-3333-4444-5555-666666666666")
	t.Setenv("AZURE_TENANT_ID", "11111111-2222-3333-4444-555555555555")
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://runner.example/")
	jobs := func() bool {
		t.Helper()
		c, err := azureLogin()
		if err != nil || c == nil {
			t.Fatal(c, err)
		}
		_, ok := c.(*azidentity.ClientAssertionCredential)
		return ok
	}
	if jobs() {
		t.Error("a runner that gives no token is asked for one")
	}
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the runner's own")
	if !jobs() {
		t.Error("the runner is not asked")
	}
	t.Setenv("AZURE_CLIENT_SECRET", "any")
	if jobs() {
		t.Error("the environment's secret does not come first")
	}
}

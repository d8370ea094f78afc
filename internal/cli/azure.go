package cli

import (
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/login"
)

// azureLogin is the login at hand: a secret or a federated token of the
// environment, a job of GitHub Actions, the identity of the host, or a person's
// `az login`. What the environment says outright comes first.
func azureLogin() (azcore.TokenCredential, error) {
	if os.Getenv("AZURE_CLIENT_SECRET") == "" && os.Getenv("AZURE_FEDERATED_TOKEN_FILE") == "" {
		if c, err := login.Pipeline(os.Getenv, azcore.ClientOptions{}); c != nil || err != nil {
			return c, err
		}
	}
	c, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "no login to Azure").
			Fix("sign in with az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET").Because(err)
	}
	return c, nil
}

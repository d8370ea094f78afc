package provision

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/ostiary/ostiary/internal/fault"
)

// registryUser is the name that Azure's registries take with a refresh token in
// the password's place (Azure Container Registry, "Authenticate with a service
// principal or token").
const registryUser = "00000000-0000-0000-0000-000000000000"

// registryLogin changes an Entra token of the login for one of the registry.
func registryLogin(ctx context.Context, server string, cred azcore.TokenCredential, client *http.Client) (authn.Authenticator, error) {
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://containerregistry.azure.net/.default"}})
	if err != nil {
		return nil, fault.New(fault.Unauthenticated, "no token for the registry").At(server).Because(err).Fix("sign in, for example with az login")
	}
	form := url.Values{"grant_type": {"access_token"}, "service": {server}, "access_token": {token.Token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+server+"/oauth2/exchange", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the registry does not answer").At(server).Because(err).
			Fix("see that the estate's operators include this machine's public address")
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Token string `json:"refresh_token"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK || answer.Token == "" {
		return nil, fault.New(fault.Denied, "the registry does not take the login: "+resp.Status).At(server).
			Fix("the role AcrPush was given a moment ago and takes minutes to count; run the same command again")
	}
	return &authn.Basic{Username: registryUser, Password: answer.Token}, nil
}

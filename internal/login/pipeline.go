package login

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/ostiary/ostiary/internal/fault"
)

const (
	// exchange is the audience of tokens that stand for a client's secret.
	exchange = "api://AzureADTokenExchange"

	maxToken     = 64 << 10
	tokenTimeout = 30 * time.Second
)

// Pipeline is the identity of a job of GitHub Actions: each time that Entra has
// to be asked, the runner gives a fresh token of its own, and Entra exchanges it
// ("OpenID Connect reference" of GitHub's documentation; workload identity
// federation of Entra's). So it works as long as the job does, where a token
// that was fetched once ends after minutes. It is nil where getenv, as os.Getenv
// does, knows no runner, or no client and tenant.
func Pipeline(getenv func(string) string, client azcore.ClientOptions) (azcore.TokenCredential, error) {
	from, bearer := getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	id := cmp.Or(getenv("AZURE_CLIENT_ID"), getenv("ARM_CLIENT_ID"))
	tenant := cmp.Or(getenv("AZURE_TENANT_ID"), getenv("ARM_TENANT_ID"))
	if from == "" || bearer == "" || id == "" || tenant == "" {
		return nil, nil //nolint:nilnil // not in a pipeline, and that is no error
	}
	u, err := url.Parse(from)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Invalid, "not a URL").At("ACTIONS_ID_TOKEN_REQUEST_URL").Fix("leave it as the runner sets it")
	}
	q := u.Query()
	q.Set("audience", exchange)
	u.RawQuery = q.Encode()
	ask := func(ctx context.Context) (string, error) { return jobToken(ctx, u.String(), bearer) }
	return azidentity.NewClientAssertionCredential(tenant, id, ask, &azidentity.ClientAssertionCredentialOptions{ClientOptions: client})
}

// jobToken asks the runner for a token.
func jobToken(ctx context.Context, from, bearer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Accept", "application/json")
	refused := fault.New(fault.Unavailable, "the runner gives no token").At("ACTIONS_ID_TOKEN_REQUEST_URL").
		Fix("give the job `permissions: {id-token: write}`; a pull request from a fork cannot have it")
	// It has the runner's credential: it is sent there and nowhere else.
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := once.Do(req)
	if err != nil {
		return "", refused.Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxToken+1))
	var answer struct {
		Value string `json:"value"`
	}
	if err != nil || resp.StatusCode != http.StatusOK || len(data) > maxToken || json.Unmarshal(data, &answer) != nil || answer.Value == "" {
		return "", refused.Because(err)
	}
	return answer.Value, nil
}

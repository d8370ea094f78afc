package provision

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/fault"
)

// maxAnswer bounds one answer of ARM, in bytes: a region's models are the
// longest, about 1 MB.
const maxAnswer = 16 << 20

// manager asks Azure Resource Manager what preflight wants to know. It writes
// nothing but the registration of resource providers, when told to.
// Microsoft Graph is asked by the same hands.
type manager struct {
	pipeline runtime.Pipeline
	base     string
	name     string // of the service
	denied   string // what to do about 403
}

func newManager(c azure.Config) (*manager, error) {
	if c.Cloud.Services == nil {
		c.Cloud = cloud.AzurePublic
	}
	if c.Transport == nil {
		c.Transport = azure.Transport(nil)
	}
	client, err := arm.NewClient("ostiary", "v1.0.0", c.Credential, &arm.ClientOptions{
		DisableRPRegistration: true,
		ClientOptions: policy.ClientOptions{
			Cloud: c.Cloud, Transport: c.Transport, Retry: c.Retry,
			Telemetry: policy.TelemetryOptions{Disabled: true},
		},
	})
	if err != nil {
		return nil, fault.New(fault.Invalid, "no client for Azure Resource Manager").Because(err)
	}
	return &manager{
		client.Pipeline(), strings.TrimSuffix(c.Cloud.Services[cloud.ResourceManager].Endpoint, "/"), "Azure Resource Manager",
		"ask for the role Contributor, and User Access Administrator for role assignments, at the subscription",
	}, nil
}

// get asks, and decodes the answer; status 404 is found = false.
func (m *manager) get(ctx context.Context, path, version string, into any) (found bool, err error) {
	return m.ask(ctx, http.MethodGet, path, version, nil, into)
}

func (m *manager) post(ctx context.Context, path, version string, question, into any) error {
	found, err := m.ask(ctx, http.MethodPost, path, version, question, into)
	return notFound(found, err, path)
}

func (m *manager) ask(ctx context.Context, method, path, version string, question, into any) (bool, error) {
	u := m.base + path
	if !strings.HasPrefix(path, "/") {
		u = path // a nextLink
	} else if version != "" {
		u += "?api-version=" + version
	}
	if !m.ours(u) {
		return false, fault.New(fault.Invalid, m.name+" leads to another host").At(path)
	}
	req, err := runtime.NewRequest(ctx, method, u)
	if err != nil {
		return false, fault.New(fault.Internal, "a question to Azure").At(path).Because(err)
	}
	if question != nil {
		data, err := json.Marshal(question)
		if err != nil {
			return false, err
		}
		if err := req.SetBody(nopCloser{bytes.NewReader(data)}, "application/json"); err != nil {
			return false, err
		}
	}
	resp, err := m.pipeline.Do(req)
	if err != nil {
		return false, fault.New(fault.Unavailable, m.name+" does not answer").At(path).Because(err).
			Fix("sign in with az login, and see that " + strings.TrimPrefix(m.base, "https://") + " is reached from here")
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(data) > maxAnswer {
		return false, fault.New(fault.Unavailable, "the answer cannot be read, or is over 16 MiB").At(path).Because(err)
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return false, nil
	case resp.StatusCode/100 != 2:
		return false, m.refusal(path, resp.StatusCode, data)
	case into == nil:
		return true, nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return false, fault.New(fault.Unavailable, "the answer is not JSON as expected").At(path).Because(err)
	}
	return true, nil
}

// ours keeps the login's token at the endpoint that was configured.
func (m *manager) ours(link string) bool {
	base, err1 := url.Parse(m.base)
	u, err2 := url.Parse(link)
	return err1 == nil && err2 == nil && u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host)
}

// refusal is what the service says, with what to do about the usual ones.
func (m *manager) refusal(path string, status int, body []byte) error {
	var e struct {
		Error struct{ Code, Message string } `json:"error"`
	}
	_ = json.Unmarshal(body, &e)
	kind, fix := fault.Unavailable, "try again, or ask Azure's status page"
	switch status {
	case http.StatusUnauthorized:
		fix = "sign in again, for example with az login"
	case http.StatusForbidden:
		kind, fix = fault.Denied, m.denied
	case http.StatusBadRequest:
		kind, fix = fault.Invalid, "mend the estate's file"
	}
	text := e.Error.Message
	if text == "" {
		text = http.StatusText(status)
	}
	return fault.New(kind, "Azure refuses: "+e.Error.Code+": "+text).At(path).Fix(fix)
}

// all follows a list to its end.
func list[T any](ctx context.Context, m *manager, path, version string) ([]T, error) {
	var items []T
	for pages := 0; path != ""; pages++ {
		if pages == 100 {
			return nil, fault.New(fault.Unavailable, "a list without an end").At(path)
		}
		var page struct {
			Value    []T    `json:"value"`
			NextLink string `json:"nextLink"`
			OData    string `json:"@odata.nextLink"` // Graph's
		}
		if _, err := m.get(ctx, path, version, &page); err != nil {
			return nil, err
		}
		items = append(items, page.Value...)
		path = cmp.Or(page.NextLink, page.OData)
	}
	return items, nil
}

// subscription is the one asked for, if the login sees it, or the only one.
func (m *manager) subscription(ctx context.Context, asked string) (string, error) {
	subs, err := list[struct {
		ID   string `json:"subscriptionId"`
		Name string `json:"displayName"`
	}](ctx, m, "/subscriptions", "2022-12-01")
	if err != nil {
		return "", err
	}
	for _, s := range subs {
		if strings.EqualFold(s.ID, asked) {
			return s.ID, nil
		}
	}
	switch {
	case asked != "":
		return "", fault.New(fault.Denied, "the login does not see this subscription").At(asked).
			Fix("sign in as somebody who does, or name another with subscription")
	case len(subs) == 1:
		return subs[0].ID, nil
	case len(subs) == 0:
		return "", fault.New(fault.Denied, "the login sees no subscription").Fix("sign in as somebody who has one")
	}
	return "", fault.New(fault.Invalid, "the login sees several subscriptions").Fix("say which with subscription in the estate's file")
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

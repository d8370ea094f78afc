package azure

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/ostiary/ostiary/internal/fault"
)

const (
	maxAnswer = 32 << 20  // bytes of one answer
	maxTotal  = 256 << 20 // bytes of all answers: what package estate reads by default
	maxPages  = 2000      // of one list

	maxRetries = 4
	maxDelay   = 2 * time.Minute // a longer Retry-After is not waited for
	tryTime    = time.Minute     // for one attempt, answer included
)

// client asks ARM. Every request goes to base's host, and no other.
type client struct {
	pipeline runtime.Pipeline
	base     *url.URL
	left     atomic.Int64 // bytes of maxTotal
}

// Custom is the configuration of another cloud, for example a rehearsal's: an
// https endpoint of ARM, and the audience of its tokens (empty: the endpoint).
func Custom(endpoint, audience string) cloud.Configuration {
	if audience == "" {
		audience = endpoint
	}
	return cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
		cloud.ResourceManager: {Endpoint: endpoint, Audience: strings.TrimSuffix(audience, "/.default")},
	}}
}

// Transport speaks HTTPS to ARM: through the environment's proxy if there is
// one, TLS 1.2 or later, trusting roots (nil: the system's). It follows no
// redirect, for the token must not.
func Transport(roots *x509.CertPool) policy.Transporter {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    10 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

func newClient(c Config) (*client, error) {
	service := c.Cloud.Services[cloud.ResourceManager]
	base, err := url.Parse(service.Endpoint)
	if err != nil || base.Scheme != "https" || base.Host == "" || base.User != nil || strings.Trim(base.Path, "/") != "" {
		return nil, fault.New(fault.Invalid, "the cloud's endpoint is no https address of Azure Resource Manager").
			Fix("give one like https://management.azure.com")
	}
	inner, err := arm.NewClient("ostiary", "v1.0.0", login{c.Credential}, &arm.ClientOptions{
		DisableRPRegistration: true, // a reader registers nothing
		ClientOptions: policy.ClientOptions{
			Cloud:     c.Cloud,
			Transport: bounded{c.Transport},
			Retry:     c.Retry,
			Telemetry: policy.TelemetryOptions{Disabled: true},
		},
	})
	if err != nil {
		return nil, fault.New(fault.Invalid, "the cloud's configuration is not usable").Because(err)
	}
	cl := &client{pipeline: inner.Pipeline(), base: &url.URL{Scheme: base.Scheme, Host: base.Host}}
	cl.left.Store(maxTotal)
	return cl, nil
}

// login marks the errors of a credential, to tell them from ARM's.
type login struct{ azcore.TokenCredential }

type loginError struct{ error }

func (e loginError) Unwrap() error { return e.error }

func (l login) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := l.TokenCredential.GetToken(ctx, o)
	if err != nil {
		err = loginError{err}
	}
	return token, err
}

// bounded cuts an answer that is too long, before the pipeline keeps it.
type bounded struct{ inner policy.Transporter }

func (b bounded) Do(req *http.Request) (*http.Response, error) {
	resp, err := b.inner.Do(req)
	if resp != nil && resp.Body != nil {
		resp.Body = &limited{ReadCloser: resp.Body, left: maxAnswer}
	}
	return resp, err
}

type limited struct {
	io.ReadCloser
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, tooLongError{}
	}
	return n, err
}

// tooLongError is an error that the pipeline does not retry.
type tooLongError struct{}

func (tooLongError) Error() string { return "an answer longer than 32 MiB" }
func (tooLongError) NonRetriable() {}

// send asks once, retries included. The error is fatal to the whole reading:
// the context ended, there is no token, or ARM does not answer at all.
func (c *client) send(ctx context.Context, u *url.URL, question map[string]any) ([]byte, *refusal, error) {
	req, err := c.request(ctx, u, question)
	if err != nil {
		return nil, nil, fault.New(fault.Internal, "a request to ARM cannot be made").At(u.Path).Because(err)
	}
	resp, err := c.pipeline.Do(req)
	if err != nil {
		why, err := failure(ctx, err, u)
		return nil, why, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := runtime.Payload(resp) // in memory already
	if err != nil {
		return nil, nil, fault.New(fault.Unavailable, "ARM's answer broke off").At(u.Path).Because(err)
	}
	if c.left.Add(-int64(len(body))) < 0 {
		return nil, nil, fault.New(fault.TooLarge, "the estate is larger than 256 MiB").
			Fix("read fewer subscriptions at a time")
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return nil, refused(resp.StatusCode, body), nil
	}
	return body, nil, nil
}

func (c *client) request(ctx context.Context, u *url.URL, question map[string]any) (*policy.Request, error) {
	to := *u
	to.Scheme, to.Host, to.User, to.Fragment = c.base.Scheme, c.base.Host, nil, ""
	if question == nil {
		return runtime.NewRequest(ctx, http.MethodGet, to.String())
	}
	req, err := runtime.NewRequest(ctx, http.MethodPost, to.String())
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	return req, req.SetBody(streaming.NopCloser(bytes.NewReader(body)), "application/json")
}

// failure sorts an error of the pipeline.
func failure(ctx context.Context, err error, u *url.URL) (*refusal, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if _, long := errors.AsType[tooLongError](err); long {
		return unusable("TooLarge", err.Error()), nil
	}
	if l, ok := errors.AsType[loginError](err); ok {
		return nil, fault.New(fault.Unavailable, "no token for Azure Resource Manager").
			Fix("sign in, for example with az login, and check the tenant").Because(l.error)
	}
	return nil, fault.New(fault.Unavailable, "Azure Resource Manager does not answer").At(u.Path).
		Fix("check the way there and the endpoint, and run it again").Because(err)
}

func (c *client) url(path, version, filter string) *url.URL {
	q := url.Values{"api-version": {version}}
	if filter != "" {
		q.Set("$filter", filter)
	}
	u := *c.base
	u.Path, u.RawQuery = path, strings.ReplaceAll(q.Encode(), "+", "%20")
	return &u
}

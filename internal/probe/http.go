package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	maxBody   = 4 << 10 // bytes read of an answer
	maxHeader = 64 << 10

	version = "2024-10-21" // the last stable api-version of the classic routes
	models  = "/openai/models?api-version=" + version
	madeUp  = "ostiary-probe-made-up-key"
)

// call is one request, and how its answer is judged.
type call struct {
	name, method, path, body string
	expect                   string
	credential               func(context.Context, Endpoint) (credential, error)
	judge                    func(response, credential) (Status, string)
	failed                   func(stage) Status // there was no answer
}

// credential is what a call carries. A real one is guarded.
type credential struct {
	header, value string
	real          bool
}

// calls are the looks over HTTP.
func (p *prober) calls(e Endpoint) []look {
	all := p.outside()
	if e.Inside {
		all = p.inside()
	}
	looks := make([]look, len(all))
	for i, c := range all {
		looks[i] = look{e, func(ctx context.Context, e Endpoint) []Observation {
			ctx, cancel := context.WithTimeout(ctx, p.Timeout)
			defer cancel()
			return []Observation{p.call(ctx, e, c)}
		}}
	}
	return looks
}

// outside is what must be refused: a question to a model, and every listing.
func (p *prober) outside() []call {
	all := []call{
		{name: "http-inference", method: http.MethodPost, path: "/openai/deployments/ostiary-probe/chat/completions?api-version=" + version, body: "{}"},
		{name: "http-models", path: models},
		{name: "http-models-v1", path: "/openai/v1/models"},
		{name: "http-files", path: "/openai/files?api-version=" + version},
		{name: "http-fine-tuning", path: "/openai/fine_tuning/jobs?api-version=" + version},
		{name: "http-fine-tuning-v1", path: "/openai/v1/fine_tuning/jobs"},
	}
	for i := range all {
		c := &all[i]
		c.expect, c.credential, c.judge = "Azure's 403, or no connection", p.best, judgeOutside
		c.failed = func(s stage) Status {
			if s == noConnect || s == noTLS {
				return Pass
			}
			return Unknown // a name that nobody knows, a stranger's certificate, silence
		}
	}
	return all
}

func (p *prober) inside() []call {
	key := call{name: "http-key", path: models, expect: "403 AuthenticationTypeDisabled", credential: p.key, judge: judgeKey}
	key.failed = func(stage) Status { return Unknown }
	if p.Credential == nil {
		return []call{key}
	}
	token := call{name: "http-token", path: models, expect: "200", credential: p.token, judge: judgeToken}
	token.failed = func(s stage) Status {
		if s == noTrust || s == noAnswer {
			return Unknown
		}
		return Fail
	}
	return []call{key, token}
}

// best is what would let a call in, were the network open.
func (p *prober) best(ctx context.Context, e Endpoint) (credential, error) {
	if p.Credential != nil {
		return p.token(ctx, e)
	}
	return p.key(ctx, e)
}

func (p *prober) key(context.Context, Endpoint) (credential, error) {
	if p.Key.Empty() {
		return credential{"Api-Key", madeUp, false}, nil
	}
	return credential{"Api-Key", p.Key.Reveal(), true}, nil
}

func (p *prober) token(ctx context.Context, e Endpoint) (credential, error) {
	scope := p.Scope
	switch {
	case scope != "":
	case strings.HasSuffix(e.Host, ".azure.us"):
		scope = "https://cognitiveservices.azure.us/.default"
	default:
		scope = "https://cognitiveservices.azure.com/.default"
	}
	t, err := p.Credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	return credential{"Authorization", "Bearer " + t.Token, true}, err
}

// call makes one call.
func (p *prober) call(ctx context.Context, e Endpoint, c call) Observation {
	if c.method == "" {
		c.method = http.MethodGet
	}
	path, _, _ := strings.Cut(c.path, "?")
	o := Observation{Name: c.name, Target: e.Host + " " + c.method + " " + path, Expect: c.expect, Status: Unknown}
	cred, err := c.credential(ctx, e)
	if err != nil {
		o.Got, o.Detail = "not called", "no token: "+reason(err)
		return o
	}
	r, tried, err := p.send(ctx, e, c, cred)
	o.Tried = tried
	if f, ok := errors.AsType[*failure](err); ok {
		o.Got, o.Status, o.Seen = f.said(), c.failed(f.stage), f.stage.seen()
		return o
	}
	if err != nil {
		o.Got = "not called: " + reason(err)
		return o
	}
	o.Got, o.Seen = r.said(cred), r.seen()
	o.Status, o.Detail = c.judge(r, cred)
	return o
}

func (f *failure) said() string {
	word := "no connection: "
	switch f.stage {
	case noTrust:
		word = "not called: "
	case noAnswer:
		word = "connected, but no answer: "
	}
	return word + reason(f.err)
}

func (p *prober) send(ctx context.Context, e Endpoint, c call, cred credential) (response, []Try, error) {
	host := e.Host
	if e.Port != 443 {
		host = net.JoinHostPort(e.Host, strconv.Itoa(e.Port))
	}
	req, err := http.NewRequestWithContext(ctx, c.method, "https://"+host+c.path, strings.NewReader(c.body))
	if err != nil {
		return response{}, nil, err
	}
	req.Header.Set(cred.header, cred.value)
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	conn, tried, err := p.secure(ctx, e, cred.real)
	if err != nil {
		return response{}, tried, err
	}
	defer func() { _ = conn.Close() }()
	transport := &http.Transport{
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DisableKeepAlives:      true,
		DisableCompression:     true, // a bounded body must not grow
		MaxResponseHeaderBytes: maxHeader,
	}
	resp, err := transport.RoundTrip(req) // not a Client: a redirect is an answer
	if err != nil {
		return response{}, tried, &failure{noAnswer, err}
	}
	defer func() { _ = resp.Body.Close() }()
	return readResponse(resp), tried, nil
}

// secure connects for a call. What is real is sent only where the certificate
// is the host's and its issuer recognised.
func (p *prober) secure(ctx context.Context, e Endpoint, guarded bool) (net.Conn, []Try, error) {
	conn, tried, err := p.connect(ctx, e, e.Host)
	if err != nil {
		return nil, tried, err
	}
	c, err := handshake(ctx, conn, e.Host, tls.VersionTLS12)
	if err != nil {
		return nil, tried, err
	}
	v := p.trust.check(c.ConnectionState(), e.Host)
	err = errors.Join(v.chain, v.name)
	if err == nil && guarded && !v.recognised {
		err = errors.New("the certificate is not from who signs for Azure: " + v.issuer)
	}
	if err != nil {
		_ = c.Close()
		return nil, tried, &failure{noTrust, err}
	}
	return c, tried, nil
}

// usual is a transport for one call without credentials, to a resolver. Its
// connection ends with ctx, from which net/http would part it.
func (p *prober) usual(ctx context.Context) *http.Transport {
	return &http.Transport{
		DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			return p.Dial(ctx, network, address)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.trust.roots},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
}

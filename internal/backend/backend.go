package backend

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/upstream"
)

// Backend is one server that answers.
type Backend struct {
	name        string
	region      string
	kind        Kind
	base        url.URL // path without trailing slash
	deployments openai.Patterns
	credential  credential
	transport   http.RoundTripper
}

// Request is what goes to a backend.
type Request struct {
	Route      openai.Route
	Deployment string // from the path or the body; empty where the operation has none
	Header     http.Header
	Body       []byte
	Peeked     openai.Peeked // of Body, where it is JSON
}

// New opens a backend: it reads the files and secrets that s names, and makes
// no connection. Errors are faults of kind Invalid that name the backend.
func New(s Settings) (*Backend, error) {
	where := "backends." + s.Name
	var problem error
	s.Check(func(path, what, fix string) {
		problem = fault.New(fault.Invalid, what).At(where + " " + path).Fix(fix)
	})
	if problem != nil {
		return nil, problem
	}
	base, err := url.Parse(s.URL)
	if err != nil {
		return nil, fault.New(fault.Invalid, "not a URL").At(where)
	}
	b := &Backend{name: s.Name, region: s.Region, kind: s.Kind, base: url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")}}
	if b.kind == "" {
		b.kind = Azure
	}
	if len(s.Deployments) == 0 {
		s.Deployments = []string{"*"}
	}
	if b.deployments, err = openai.ParsePatterns(s.Deployments); err != nil {
		return nil, err
	}
	if b.credential, err = s.credential(); err != nil {
		return nil, err
	}
	b.transport, err = s.transport()
	return b, err
}

// transport speaks HTTP/1.1: a stream has its connection to itself, and ending
// it ends the work behind it. Prompts go where the configuration says, never
// where the environment's proxy does.
func (s *Settings) transport() (http.RoundTripper, error) {
	roots, err := pki.ReadPool(s.CA)
	if err != nil {
		return nil, err
	}
	if s.FirstByte == 0 {
		s.FirstByte = defaultFirstByte
	}
	return &upstream.Transport{
		TLS:           &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		HeaderTimeout: s.FirstByte,
	}, nil
}

// Name is its name in the configuration.
func (b *Backend) Name() string { return b.name }

// Region is the Azure region that the configuration says it is in; empty if it
// does not.
func (b *Backend) Region() string { return b.region }

// serves says whether the backend can be sent this. A form names its model
// inside, where a server of kind openai would have to be told another.
func (b *Backend) serves(route openai.Route, deployment string) bool {
	if b.kind == OpenAI && route.Body == openai.FormBody {
		return false
	}
	return deployment == "" || b.deployments.Match(deployment)
}

// Send sends the request and gives the answer once its header is there. The
// caller closes the body. Errors are faults of kind Upstream, or ctx's own.
func (b *Backend) Send(ctx context.Context, r Request) (*http.Response, error) {
	req, err := b.request(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := b.credential.apply(ctx, req.Header); err != nil {
		return nil, err
	}
	resp, err := b.transport.RoundTrip(req) // not a Client: redirects and cookies are the client's affair
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.New(fault.Upstream, "the backend did not answer").At(b.name).
			Fix("check its url, and that the gateway reaches it").Because(err)
	}
	return resp, nil
}

func (b *Backend) request(ctx context.Context, r Request) (*http.Request, error) {
	target, body := b.base, r.Body
	target.Path, target.RawQuery = target.Path+r.Route.Path, r.Route.Query
	if b.kind == OpenAI {
		target.Path = b.base.Path + "/" + r.Route.Suffix
		target.RawQuery = withoutVersion(r.Route.Query)
		if r.Deployment != "" && r.Deployment != r.Peeked.Model {
			body = openai.SetModel(body, r.Peeked, r.Deployment)
		}
	}
	var reader io.Reader = http.NoBody
	if len(body) > 0 {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Route.Method, target.String(), reader)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the request cannot be forwarded").Because(err)
	}
	req.Header = requestHeader(r.Header)
	return req, nil
}

// withoutVersion drops Azure's api-version from a query.
func withoutVersion(query string) string {
	var kept []string
	for parameter := range strings.SplitSeq(query, "&") {
		rawName, _, _ := strings.Cut(parameter, "=")
		name, _ := url.QueryUnescape(rawName) // ParseRoute has checked it
		if parameter != "" && !strings.EqualFold(name, "api-version") {
			kept = append(kept, parameter)
		}
	}
	return strings.Join(kept, "&")
}

// Pool is the backends, in order.
type Pool struct{ backends []*Backend }

// NewPool opens every backend. Names must be distinct, and there must be one.
func NewPool(all []Settings) (*Pool, error) {
	p := &Pool{}
	names := map[string]bool{}
	for _, s := range all {
		if names[s.Name] {
			return nil, fault.New(fault.Invalid, "two backends of one name").At("backends." + s.Name).Fix("name them apart")
		}
		names[s.Name] = true
		b, err := New(s)
		if err != nil {
			return nil, err
		}
		p.backends = append(p.backends, b)
	}
	if len(p.backends) == 0 {
		return nil, fault.New(fault.Invalid, "no backend").At("backends").Fix("add one")
	}
	return p, nil
}

// Pick gives the first backend that serves the deployment, false where none
// does. An empty deployment is served by any.
func (p *Pool) Pick(route openai.Route, deployment string) (*Backend, bool) {
	for _, b := range p.backends {
		if b.serves(route, deployment) {
			return b, true
		}
	}
	return nil, false
}

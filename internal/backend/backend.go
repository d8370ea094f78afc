package backend

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/openai"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/upstream"
)

// Backend is one server that answers.
type Backend struct {
	name        string
	region      string
	workload    string // that it is reserved for; empty: none
	kind        Kind
	base        url.URL // path without trailing slash
	deployments openai.Patterns
	priority    int
	weight      int
	askUsage    bool
	*link
}

// Request is what goes to a backend.
type Request struct {
	Route      openai.Route
	Deployment string // from the path or the body; empty where the operation has none
	Header     http.Header
	Body       []byte
	Peeked     openai.Peeked // of Body, where it is JSON
	Edits      []openai.Edit // of Body, beside that of its model
	Token      secret.String // the caller's own, for a backend that NeedsToken; empty if it has none
}

// New opens a backend: it reads the files and secrets that s names, and makes
// no connection. Errors are faults of kind Invalid that name the backend.
func New(s Settings) (*Backend, error) { return open(s, nil) }

// open takes over what it can of the backends before.
func open(s Settings, before []*Backend) (*Backend, error) {
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
	b := &Backend{
		name: s.Name, region: s.Region, workload: s.Workload, kind: cmp.Or(s.Kind, Azure), priority: s.Priority, weight: cmp.Or(s.Weight, 1),
		askUsage: s.StreamUsage == nil || *s.StreamUsage,
		base:     url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")},
	}
	if len(s.Deployments) == 0 {
		s.Deployments = []string{"*"}
	}
	if b.deployments, err = openai.ParsePatterns(s.Deployments); err != nil {
		return nil, err
	}
	b.link, err = s.link(before)
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
	t := &upstream.Transport{
		TLS:           &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		HeaderTimeout: s.FirstByte,
	}
	if s.Proxy != nil {
		t.Dial, err = s.Proxy.dialer()
	}
	return t, err
}

// Name is its name in the configuration.
func (b *Backend) Name() string { return b.name }

// Region is the Azure region that the configuration says it is in; empty if it
// does not.
func (b *Backend) Region() string { return b.region }

// Workload is the only one that the backend may be used for; empty: it is
// anybody's.
func (b *Backend) Workload() string { return b.workload }

// Deployments are those that it serves, as patterns; nobody may change them.
func (b *Backend) Deployments() openai.Patterns { return b.deployments }

// NeedsToken says whether the backend is shown the caller's own token instead
// of a credential of ours.
func (b *Backend) NeedsToken() bool { return b.credential == nil }

// AsksUsage says whether streams may be asked for their usage here.
func (b *Backend) AsksUsage() bool { return b.askUsage }

// serves says whether the backend can be sent this: a path may name the one that
// it is for. A form names its model inside, where a server of kind openai would
// have to be told another; a file's form names none. What is stored is reached
// only where it all belongs to one workload.
func (b *Backend) serves(route openai.Route, deployment string) bool {
	stored := route.Operation.Stored()
	switch {
	case route.Backend != "" && route.Backend != b.name,
		stored && b.workload == "",
		b.kind == OpenAI && route.Body == openai.FormBody && !stored:
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
	if err := b.prove(ctx, req.Header, r.Token); err != nil {
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

// prove shows the backend who asks.
func (b *Backend) prove(ctx context.Context, h http.Header, token secret.String) error {
	if b.credential != nil {
		return b.credential.apply(ctx, h)
	}
	if token.Empty() {
		return fault.New(fault.Unauthenticated, "the caller has no token to show the backend").At(b.name)
	}
	h.Set("Authorization", "Bearer "+token.Reveal())
	return nil
}

func (b *Backend) request(ctx context.Context, r Request) (*http.Request, error) {
	target, edits := b.base, r.Edits
	target.Path, target.RawQuery = target.Path+r.Route.Path, r.Route.Query
	if b.kind == OpenAI {
		target.Path = b.base.Path + "/" + r.Route.Suffix
		target.RawQuery = withoutVersion(r.Route.V1Query())
	}
	inBody := b.kind == OpenAI || r.Route.DeploymentInBody()
	if inBody && r.Deployment != "" && r.Deployment != r.Peeked.Model {
		edits = append(slices.Clip(edits), openai.ModelEdit(r.Peeked, r.Deployment))
	}
	// What http.NewRequest would do after it had parsed the URL once more; what
	// must not be written to a connection, the transport refuses.
	req := (&http.Request{
		Method: r.Route.Method, URL: &target, Host: target.Host, Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if len(r.Body) > 0 {
		var body io.Reader
		body, req.ContentLength = openai.Splice(r.Body, edits...)
		req.Body = io.NopCloser(body)
	}
	req.Header = requestHeader(r.Header)
	if r.Route.Operation == openai.Realtime {
		askSocket(req.Header)
	}
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

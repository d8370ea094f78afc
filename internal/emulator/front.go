package emulator

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/cloud"
)

// maxBody bounds a request's body, in bytes: 2,048 embedding inputs of 8,192
// tokens are about this much, and no prompt that a model accepts is larger.
const maxBody = 64 << 20

const strictTransport = "max-age=31536000; includeSubDomains; preload"

// dataPlane is what both fronts share.
type dataPlane struct {
	accounts []*account
	live     *liveAccounts // of the Resource Manager; nil for none
	hosts    []string      // further names of the fronts themselves
	tokens   verifier
	corpus   func() *corpus
	stored   *responseStore
	delay    time.Duration
	now      func() time.Time
	log      *slog.Logger
	calls    *prometheus.CounterVec // front, operation, status, code
}

// verifier checks a bearer token for Azure OpenAI.
type verifier interface {
	verify(token string) (claims, bool)
}

// front is the data plane as seen from one side of the private endpoint.
type front struct {
	*dataPlane
	name    string
	public  bool
	network bool // the way that a call came stands in its context
}

// call is one request on its way through: route, then authenticate, then the
// operation. Every step may refuse it.
type call struct {
	route
	*http.Request
	account    *account
	deployment *deployment
	started    time.Time
}

// ServeHTTP answers one call and is the one place that writes a refusal.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, started: f.now()}
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	setCommonHeaders(w.Header(), r)
	refused := f.serve(seen, c)
	code := ""
	if refused != nil {
		code = refused.code
		writeRefusal(seen, refused)
	}
	if f.calls != nil {
		f.calls.WithLabelValues(f.name, string(c.operation), strconv.Itoa(seen.status), code).Inc()
	}
	f.log.Info("call", "front", f.name, "operation", string(c.operation), "status", seen.status, "code", code,
		"duration", f.now().Sub(c.started))
}

func (f *front) serve(w http.ResponseWriter, c *call) *refusal {
	c.account = f.accountFor(c.Host)
	if c.account == nil {
		return noRoute()
	}
	switch c.account.admits(f.origin(c)) {
	case cloud.PublicOff:
		return publicAccessDisabled()
	case cloud.NotInRules:
		return notInRules()
	}
	w.Header().Set("X-Ms-Region", c.account.Region)
	var refused *refusal
	if c.route, refused = parseRoute(c.Method, c.URL.Path, c.URL.Query()); refused != nil {
		return refused
	}
	if refused := f.authenticate(c); refused != nil {
		return refused
	}
	return f.operate(w, c)
}

func (f *front) operate(w http.ResponseWriter, c *call) *refusal {
	switch c.operation {
	case opChat:
		return f.chat(w, c)
	case opCompletions:
		return f.completions(w, c)
	case opEmbeddings:
		return f.embeddings(w, c)
	case opResponses:
		return f.createResponse(w, c)
	case opResponse:
		return f.getResponse(w, c)
	case opDeleteResponse:
		return f.deleteResponse(w, c)
	case opImages:
		return f.images(w, c)
	case opSpeech:
		return f.speech(w, c)
	case opTranscription, opTranslation:
		return f.transcription(w, c)
	case opRealtime:
		return f.realtime(w, c)
	case opModels:
		return f.listModels(w, c)
	default:
		return f.oneModel(w, c)
	}
}

// accountFor picks the account by the first label of the host, as Azure does.
// A bare address, localhost and the configured hosts stand for the first
// account, so that a client needs no name; a foreign name is nobody's.
func (d *dataPlane) accountFor(hostport string) *account {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	label, _, named := strings.Cut(host, ".")
	if d.live != nil {
		if a := d.live.find(label); a != nil {
			return a
		}
	}
	for _, a := range d.accounts {
		if strings.EqualFold(a.Name, label) {
			return a
		}
	}
	if d.live != nil {
		return nil // in a network nothing answers without a name
	}
	if net.ParseIP(strings.Trim(host, "[]")) != nil || !named || slices.Contains(d.hosts, host) {
		return d.accounts[0]
	}
	return nil
}

// setCommonHeaders sets what every answer carries, refusals included.
func setCommonHeaders(h http.Header, r *http.Request) {
	h.Set("Apim-Request-Id", randomGUID())
	h.Set("Strict-Transport-Security", strictTransport)
	h.Set("X-Content-Type-Options", "nosniff")
	if id := r.Header.Get("X-Ms-Client-Request-Id"); id != "" && len(id) <= 128 {
		h.Set("X-Ms-Client-Request-Id", id)
	} else {
		h.Set("X-Ms-Client-Request-Id", h.Get("Apim-Request-Id"))
	}
}

// setModelHeaders sets what the model's service adds to a 200.
func (f *front) setModelHeaders(h http.Header, c *call, tokens int) {
	d := c.deployment
	h.Set("X-Request-Id", randomGUID())
	h.Set("X-Accel-Buffering", "no")
	h.Set("X-Ms-Deployment-Name", d.Name)
	h.Set("X-Ms-Is-Spilled-Over", "false")
	h.Set("X-Ms-Rai-Invoked", "true")
	h.Set("X-Ms-Served-Model", servedName(d.model, d.Version))
	h.Set("Azureml-Model-Session", "d00000000000000-ostiary")
	d.quota.take(f.now(), tokens).set(h)
}

func writeRefusal(w http.ResponseWriter, r *refusal) {
	if r.policy != "" {
		w.Header().Set("Policy-Id", r.policy)
	}
	maps.Copy(w.Header(), r.header)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	_, _ = io.WriteString(w, r.body) //nolint:gosec // it is JSON, and says so with nosniff
}

// writeAnswer sends a 200. The body ends in a newline, as recorded.
func writeAnswer(w http.ResponseWriter, v any) {
	body := marshal(v) + "\n"
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.WriteString(w, body)
}

// readBody reads the whole body, or refuses it for its size. A body that
// breaks off is no JSON.
func readBody(w http.ResponseWriter, c *call) ([]byte, *refusal) {
	if c.ContentLength > maxBody {
		return nil, bodyTooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, c.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, bodyTooLarge()
	}
	if err != nil {
		return nil, notJSON()
	}
	return body, nil
}

// deployed finds the deployment that a call names, fit for its operation.
func deployed(c *call, name string) *refusal {
	d, ok := c.account.deployments[name]
	if !ok {
		return noDeployment()
	}
	if !d.model.can(c.operation) {
		return wrongOperation(c.operation, d.model.name)
	}
	c.deployment = d
	return nil
}

// statusWriter remembers the status; Unwrap gives ResponseController the rest.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func newMetrics(r prometheus.Registerer) (*prometheus.CounterVec, error) {
	if r == nil {
		return nil, nil
	}
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ostiary_emulator_calls_total",
		Help: "Data-plane calls that the emulator answered.",
	}, []string{"front", "operation", "status", "code"})
	return calls, r.Register(calls)
}

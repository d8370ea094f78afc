package arm

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/internal/estate"
)

const (
	maxBody  = 4 << 20 // bytes of a request, as ARM
	maxDepth = 32      // levels of a document
)

// Server is the emulated Resource Manager. It may be used by several
// goroutines.
type Server struct {
	cfg    Config
	kinds  map[string]*kind
	routes []route

	mu      sync.Mutex
	records map[string]*record         // by folded id
	below   map[string]map[string]bool // folded parent → folded ids
	users   map[string]map[string]bool // folded id → folded ids of those that name it
	undo    []func()                   // takes the change at hand back
	seq     uint64
	version uint64
	changed chan struct{}
	estate  *estate.Estate
	estated uint64 // the version that estate is of
}

// New makes a server with nothing in its subscription but the owner's role, or
// what Config.File holds. Errors: Invalid for a Config that cannot work or a
// file that is no state of ours, Unavailable for one that cannot be read.
func New(c Config) (*Server, error) {
	if err := c.defaults(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: c, kinds: kinds(), routes: routes(), records: map[string]*record{},
		below: map[string]map[string]bool{}, users: map[string]map[string]bool{}, changed: make(chan struct{}),
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	if s.records["/subscriptions/"+c.Subscription] == nil {
		s.found()
	}
	return s, nil
}

// query is one request, read.
type query struct {
	s       *Server
	method  string
	at      address
	params  url.Values
	body    doc
	header  http.Header
	by      Caller
	base    string // scheme and host that links lead to
	version string
}

// answer is what goes back; a nil body is an empty one.
type answer struct {
	status int
	body   any
}

// ServeHTTP answers as Azure Resource Manager does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	a, no := s.answer(r)
	if no != nil {
		s.cfg.Logger.Info("refused", "method", r.Method, "path", clip(r.URL.Path), "code", no.code)
		a = answer{no.status, doc{"error": doc{"code": no.code, "message": no.message}}}
		w.Header().Set("X-Ms-Failure-Cause", "gateway")
		if no.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="`+s.cfg.Login+"/"+s.cfg.Tenant+`", error="invalid_token", error_description="The authentication failed because of missing 'Authorization' header."`)
		}
	}
	s.write(w, r, a)
}

func clip(s string) string { return s[:min(len(s), 300)] }

func (s *Server) write(w http.ResponseWriter, r *http.Request, a answer) {
	h := w.Header()
	id := guidOf("request", r.URL.Path, s.cfg.Now().String())
	h.Set("X-Ms-Request-Id", id)
	h.Set("X-Ms-Correlation-Request-Id", id)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.status == http.StatusAccepted {
		s.promise(h, r)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	if d, ok := a.body.(doc); ok {
		if etag := text(d, "etag"); etag != "" {
			h.Set("ETag", etag)
		}
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(encode(a.body)) // a client that went away needs no answer
	}
}

func (s *Server) answer(r *http.Request) (answer, *refusal) {
	if strings.EqualFold(r.URL.Path, "/metadata/endpoints") {
		return answer{http.StatusOK, s.metadata(r.Host)}, nil
	}
	by, no := s.who(r)
	if no != nil {
		return answer{}, no
	}
	q := &query{s: s, method: r.Method, params: r.URL.Query(), header: r.Header, by: by, base: "https://" + r.Host}
	var ok bool
	if q.at, ok = parsePath(r.URL.Path); !ok {
		return answer{}, badPath()
	}
	if no := q.checkVersion(); no != nil {
		return answer{}, no
	}
	if no := q.read(r.Body); no != nil {
		return answer{}, no
	}
	return s.do(q)
}

// do carries a request out: wholly, or not at all.
func (s *Server) do(q *query) (answer, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undo = nil
	a, no := q.route()
	if no != nil {
		for i := len(s.undo) - 1; i >= 0; i-- {
			s.undo[i]()
		}
		return a, no
	}
	if len(s.undo) > 0 {
		s.version++
		close(s.changed)
		s.changed = make(chan struct{})
		s.cfg.Logger.Info("changed", "method", q.method, "path", clip(q.at.path))
		if err := s.save(); err != nil {
			s.cfg.Logger.Error("state not kept", "error", err)
		}
	}
	return a, nil
}

func (s *Server) who(r *http.Request) (Caller, *refusal) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return Caller{}, refuse(http.StatusUnauthorized, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
	}
	if s.cfg.Verify == nil {
		return Caller{ObjectID: s.cfg.Owner}, nil
	}
	by, ok := s.cfg.Verify(token)
	if !ok {
		return Caller{}, refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "The access token is invalid.")
	}
	return by, nil
}

var versionPattern = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-[a-z]+(\.\d+)?)?$`)

func (q *query) checkVersion() *refusal {
	for k, v := range q.params {
		if strings.EqualFold(k, "api-version") && len(v) > 0 {
			q.version = v[0]
		}
	}
	switch {
	case q.version == "":
		return badRequest("MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	case !versionPattern.MatchString(strings.ToLower(q.version)):
		return badRequest("InvalidApiVersionParameter", "The api-version '%s' is invalid. The supported versions are those of the form 'yyyy-mm-dd' or 'yyyy-mm-dd-preview'.", clip(q.version))
	}
	return nil
}

// read takes the body in, whatever the method.
func (q *query) read(from io.Reader) *refusal {
	if from == nil {
		return nil
	}
	raw, err := io.ReadAll(from)
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return refuse(http.StatusRequestEntityTooLarge, "RequestContentTooLarge", "The request content size exceeds the maximum size of 4 MB.")
	}
	if err != nil {
		return badContent("the content broke off")
	}
	if len(strings.TrimSpace(string(raw))) == 0 {
		return nil
	}
	if deeper(raw, maxDepth) {
		return badContent("the content is nested too deeply")
	}
	var d doc
	if err := json.Unmarshal(raw, &d); err != nil || d == nil {
		if q.method == http.MethodPost || q.method == http.MethodGet {
			return nil // some actions are sent a bare value, which none of ours reads
		}
		return badContent("the content is not a JSON object")
	}
	q.body = d
	return nil
}

// deeper says whether JSON nests arrays and objects more than n levels.
func deeper(raw []byte, n int) bool {
	depth, quoted, escaped := 0, false, false
	for _, c := range raw {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			if depth++; depth > n {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

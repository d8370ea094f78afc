package openai

import (
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/internal/secret"
)

// Operation names what a call does, as grants, records and metrics write it.
type Operation string

// The operations that the gateway serves.
const (
	ChatCompletions  Operation = "chat/completions"
	Completions      Operation = "completions"
	Embeddings       Operation = "embeddings"
	Responses        Operation = "responses"
	Models           Operation = "models" // list and get
	ImageGenerations Operation = "images/generations"
	ImageEdits       Operation = "images/edits"
	Speech           Operation = "audio/speech"
	Transcriptions   Operation = "audio/transcriptions"
	Translations     Operation = "audio/translations"
	Realtime         Operation = "realtime" // a WebSocket

	Files           Operation = "files"            // these four are Stored
	Batches         Operation = "batches"          //
	VectorStores    Operation = "vector_stores"    // with the files in them
	StoredResponses Operation = "responses/stored" // by their ids
)

// Form is the shape of the path.
type Form string

// The two forms that Azure serves.
const (
	Classic Form = "classic" // /openai/…?api-version=…
	V1      Form = "v1"      // /openai/v1/…
)

// Body is what a request of an operation carries.
type Body string

// The kinds of request body.
const (
	NoBody   Body = ""
	JSONBody Body = "application/json"
	FormBody Body = "multipart/form-data"
)

// Route is where a request is going.
type Route struct {
	Operation  Operation
	Form       Form
	Deployment string // from the path or the query; empty where the body names it, or nothing does
	APIVersion string // empty only on v1
	Body       Body
	Method     string
	Suffix     string // the path below /openai/v1 or below the deployment
	Path       string // from /openai on, to forward
	Query      string // as received, to forward, but for credentials

	Backend  string // that the path names, empty for none
	Workload string // that the path names, empty for none
	// Key is the one of the query, where Azure takes it: for a WebSocket, to
	// which a browser can add no header. Elsewhere it is dropped.
	Key secret.String
}

// DeploymentInBody says whether the body's model is the deployment.
func (r Route) DeploymentInBody() bool {
	return r.Deployment == "" && r.Body == JSONBody && !r.Operation.Stored()
}

const (
	maxPath  = 1024
	maxQuery = 4096
	maxName  = 128 // of a deployment or model in a path; Azure's own are 64
)

// Operations lists every operation, in a fixed order.
func Operations() []Operation {
	return []Operation{
		ChatCompletions, Completions, Embeddings, Responses, Models,
		ImageGenerations, ImageEdits, Speech, Transcriptions, Translations, Realtime,
		Files, Batches, VectorStores, StoredResponses,
	}
}

// ParseRoute reads a method and a request target in origin form ("/path" or
// "/path?query", RFC 9112 section 3.2.1). Before /openai may stand the names of
// a backend and of a workload, /BACKEND/WORKLOAD/openai/…. One slash too many
// right before "openai" is dropped, for SDKs make it of a base URL that ends in
// a slash, as the portal shows it.
//
// It is strict where servers differ: an escape, any other empty segment, a
// dotted one, a semicolon or a backslash in the path, a parameter api-version,
// deployment or model given twice or where it has no meaning, and whatever is
// not in the table, are not found. False stands for Azure's 404 "Resource not
// found".
func ParseRoute(method, target string) (Route, bool) {
	path, query, _ := strings.Cut(target, "?")
	if len(path) > maxPath || len(query) > maxQuery {
		return Route{}, false
	}
	r := Route{Form: Classic, Method: method}
	below, ok := r.root(path)
	if !ok || !plainPath(below) {
		return Route{}, false
	}
	named := false
	r.Suffix = below
	if rest, ok := strings.CutPrefix(below, "v1/"); ok {
		r.Form, r.Suffix = V1, rest
	} else if rest, ok := strings.CutPrefix(below, "deployments/"); ok {
		r.Deployment, r.Suffix, named = strings.Cut(rest, "/")
	}
	shape := r.Suffix
	if model, ok := strings.CutPrefix(shape, "models/"); ok && !strings.Contains(model, "/") {
		shape = oneModel
	}
	e, ok := lookup(method, r.Form, named, shape)
	if !ok && !named {
		e, ok = lookupStored(method, r.Form, r.Suffix)
	}
	if !ok || !r.readQuery(query, e.Query) {
		return Route{}, false
	}
	r.Operation, r.Body = e.Operation, e.Body
	return r, r.APIVersion != "" || r.Form == V1
}

// root takes what stands before "/openai/", and gives what stands below it.
func (r *Route) root(path string) (below string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return "", false
	}
	if first, after, _ := strings.Cut(rest, "/"); first != "openai" && first != "" {
		r.Backend = first
		if r.Workload, rest, ok = strings.Cut(after, "/"); !ok || !plainPath(r.Backend) || !plainPath(r.Workload) {
			return "", false
		}
	}
	rest = strings.TrimPrefix(rest, "/")
	r.Path = path[len(path)-len(rest)-1:]
	return strings.CutPrefix(rest, "openai/")
}

// plainPath says whether each segment is a plain name: 1 to maxName unreserved
// characters, ':' or '@' (RFC 3986 section 3.3 without escapes and sub-delims),
// and not a dotted one.
func plainPath(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || len(segment) > maxName {
			return false
		}
		for _, c := range []byte(segment) {
			alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
			if !alnum && strings.IndexByte("-._~:@", c) < 0 {
				return false
			}
		}
	}
	return true
}

// readQuery finds api-version and, in the parameter naming, the deployment. It
// takes out the parameters by which Azure takes a key: a client's own must not
// reach a backend.
func (r *Route) readQuery(query, naming string) bool {
	if query == "" {
		return naming == ""
	}
	var kept []string
	for parameter := range strings.SplitSeq(query, "&") {
		rawName, rawValue, _ := strings.Cut(parameter, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil || !printable(parameter) {
			return false
		}
		plain := value == rawValue
		switch name = strings.ToLower(name); name {
		case "subscription-key":
			continue
		case "api-key", "authorization":
			if naming != "" && !r.readKey(name, value) {
				return false
			}
			continue
		case "api-version":
			if r.APIVersion != "" || !plain || !isVersion(value) {
				return false
			}
			r.APIVersion = value
		case "deployment", "model":
			if name != naming || r.Deployment != "" || !plain || !plainPath(value) || strings.Contains(value, "/") {
				return false
			}
			r.Deployment = value
		}
		kept = append(kept, parameter)
	}
	r.Query = strings.Join(kept, "&")
	return naming == "" || r.Deployment != ""
}

// readKey takes a credential of the query: a key, or "Bearer" and a token, as
// OpenAI's own client sends what it has for Azure. Two must be one.
func (r *Route) readKey(name, value string) bool {
	if name == "authorization" {
		scheme, token, ok := strings.Cut(value, " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return false
		}
		value = token
	}
	if !r.Key.Empty() && !r.Key.Equal(value) {
		return false
	}
	r.Key = secret.New(value)
	return true
}

// V1Query is the query for a server that speaks v1 alone, which names the
// deployment of a WebSocket by another parameter.
func (r Route) V1Query() string {
	if r.Operation == Realtime {
		return r.naming("model", r.Deployment)
	}
	return r.Query
}

// naming is the query with another deployment, and by another parameter if one
// is given.
func (r Route) naming(parameter, deployment string) string {
	kept := strings.Split(r.Query, "&")
	for i, p := range kept {
		rawName, _, _ := strings.Cut(p, "=")
		name, _ := url.QueryUnescape(rawName) // readQuery has checked it
		switch strings.ToLower(name) {
		case "deployment", "model":
			if parameter == "" {
				parameter = rawName
			}
			kept[i] = parameter + "=" + deployment
		}
	}
	return strings.Join(kept, "&")
}

// printable refuses what net/http would not send on, and the semicolon, which
// some servers read as '&'.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ';' || r == '#' })
}

// isVersion accepts dates, dates with -preview, and the words of v1.
func isVersion(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

package openai

import (
	"net/http"
	"net/url"
	"strings"
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
	Deployment string // from the path; empty where the body names it, or nothing does
	APIVersion string // empty only on v1
	Body       Body
	Method     string
	Suffix     string // the path below /openai/v1 or below the deployment
	Path       string // as received, to forward
	Query      string // as received, to forward, but for credentials
}

// DeploymentInBody says whether the body's model is the deployment.
func (r Route) DeploymentInBody() bool { return r.Deployment == "" && r.Body == JSONBody }

const (
	maxPath  = 1024
	maxQuery = 4096
	maxName  = 128 // of a deployment or model in a path; Azure's own are 64
)

// Operations lists every operation, in a fixed order.
func Operations() []Operation {
	return []Operation{
		ChatCompletions, Completions, Embeddings, Responses, Models,
		ImageGenerations, ImageEdits, Speech, Transcriptions, Translations,
	}
}

// endpoint is a key of the one table below: {name} stands for a path segment.
type endpoint struct{ method, path string }

// lookup is the table of what is served; anything else is not found. Stored
// objects (files, batches, a response by its id) belong to no deployment and
// to no caller in the path, so that no grant could tell whose they are: they
// are left out. So are multipart bodies on v1, whose deployment would have to
// be read out of the form.
func lookup(e endpoint) (Operation, Body, bool) {
	const post, get = http.MethodPost, http.MethodGet
	switch e {
	case endpoint{post, "deployments/{name}/chat/completions"}, endpoint{post, "v1/chat/completions"}:
		return ChatCompletions, JSONBody, true
	case endpoint{post, "deployments/{name}/completions"}, endpoint{post, "v1/completions"}:
		return Completions, JSONBody, true
	case endpoint{post, "deployments/{name}/embeddings"}, endpoint{post, "v1/embeddings"}:
		return Embeddings, JSONBody, true
	case endpoint{post, "responses"}, endpoint{post, "v1/responses"}:
		return Responses, JSONBody, true
	case endpoint{post, "deployments/{name}/images/generations"}, endpoint{post, "v1/images/generations"}:
		return ImageGenerations, JSONBody, true
	case endpoint{post, "deployments/{name}/audio/speech"}, endpoint{post, "v1/audio/speech"}:
		return Speech, JSONBody, true
	case endpoint{post, "deployments/{name}/images/edits"}:
		return ImageEdits, FormBody, true
	case endpoint{post, "deployments/{name}/audio/transcriptions"}:
		return Transcriptions, FormBody, true
	case endpoint{post, "deployments/{name}/audio/translations"}:
		return Translations, FormBody, true
	case endpoint{get, "models"}, endpoint{get, "models/{name}"},
		endpoint{get, "v1/models"}, endpoint{get, "v1/models/{name}"}:
		return Models, NoBody, true
	}
	return "", NoBody, false
}

// ParseRoute reads a method and a request target in origin form ("/path" or
// "/path?query", RFC 9112 section 3.2.1). It is strict where servers differ:
// an escape, an empty or dotted segment, a semicolon or a backslash in the
// path, a parameter api-version given twice, and whatever is not in the table
// are not found. False stands for Azure's 404 "Resource not found".
func ParseRoute(method, target string) (Route, bool) {
	path, query, _ := strings.Cut(target, "?")
	below, ok := strings.CutPrefix(path, "/openai/")
	if !ok || len(path) > maxPath || len(query) > maxQuery || !plainPath(below) {
		return Route{}, false
	}
	r := Route{Form: Classic, Method: method, Path: path, Suffix: below}
	shape := below
	if rest, ok := strings.CutPrefix(below, "v1/"); ok {
		r.Form, r.Suffix = V1, rest
	} else if rest, ok := strings.CutPrefix(below, "deployments/"); ok {
		r.Deployment, r.Suffix, _ = strings.Cut(rest, "/")
		shape = "deployments/{name}/" + r.Suffix
	}
	if model, ok := strings.CutPrefix(r.Suffix, "models/"); ok && r.Deployment == "" && !strings.Contains(model, "/") {
		shape = strings.TrimSuffix(shape, model) + "{name}"
	}
	if r.Operation, r.Body, ok = lookup(endpoint{method, shape}); !ok {
		return Route{}, false
	}
	r.Query, r.APIVersion, ok = readQuery(query)
	return r, ok && (r.APIVersion != "" || r.Form == V1)
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

// readQuery finds api-version, and drops the parameters by which Azure takes a
// key: a client's own key must not reach a backend.
func readQuery(query string) (forward, version string, ok bool) {
	if query == "" {
		return "", "", true
	}
	var kept []string
	for parameter := range strings.SplitSeq(query, "&") {
		rawName, rawValue, _ := strings.Cut(parameter, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil || !printable(parameter) {
			return "", "", false
		}
		switch strings.ToLower(name) {
		case "api-key", "subscription-key":
			continue
		case "api-version":
			if version != "" || !isVersion(value) || value != rawValue {
				return "", "", false
			}
			version = value
		}
		kept = append(kept, parameter)
	}
	return strings.Join(kept, "&"), version, true
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

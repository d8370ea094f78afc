package emulator

import (
	"net/url"
	"regexp"
	"strings"
)

// route is what path and query ask for.
type route struct {
	operation  operation
	v1         bool
	deployment string // classic calls; on v1 the body names it
	model      string // of GET models/{id}
	id         string // of a stored response
	version    string // api-version; empty on v1 unless given
}

// parseRoute knows the classic and the v1 shapes. Doubled slashes count as
// one: Azure serves them, and SDKs send them. Anything else is a 404, and so
// is a classic call without a plausible api-version.
func parseRoute(method, path string, query url.Values) (route, *refusal) {
	segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(segments) < 2 || segments[0] != "openai" {
		return route{}, noRoute()
	}
	r := route{version: query.Get("api-version")}
	rest := segments[1:]
	if rest[0] == "v1" {
		r.v1, rest = true, rest[1:]
	} else if rest[0] == "deployments" && len(rest) > 2 {
		r.deployment, rest = rest[1], rest[2:]
	}
	if !r.operate(method, rest) {
		return route{}, noRoute()
	}
	if r.operation == opRealtime {
		r.deployment = query.Get("deployment")
		if r.v1 {
			r.deployment = query.Get("model")
		}
	}
	switch {
	case r.v1 && !knownV1Version(r.version):
		return route{}, badVersion()
	case !r.v1 && !classicVersion.MatchString(r.version):
		return route{}, noRoute()
	}
	return r, nil
}

// inferences are the operations that a deployment has of its own; on v1 the
// body names it.
func inferences() map[string]operation {
	return map[string]operation{
		"chat/completions": opChat, "completions": opCompletions, "embeddings": opEmbeddings,
		"images/generations": opImages, "audio/speech": opSpeech,
		"audio/transcriptions": opTranscription, "audio/translations": opTranslation,
	}
}

// operate reads the part after the prefix. Models and responses are the
// account's; the rest needs a deployment, or v1.
func (r *route) operate(method string, rest []string) bool {
	inference := r.v1 || r.deployment != ""
	what := strings.Join(rest, "/")
	if op := inferences()[what]; op != "" && method == "POST" && inference {
		r.operation = op
		return true
	}
	switch {
	case r.deployment != "":
		return false
	case method == "POST" && what == "responses":
		r.operation = opResponses
	case method == "GET" && what == "realtime":
		r.operation = opRealtime
	case len(rest) == 2 && rest[0] == "responses" && method == "GET":
		r.operation, r.id = opResponse, rest[1]
	case len(rest) == 2 && rest[0] == "responses" && method == "DELETE":
		r.operation, r.id = opDeleteResponse, rest[1]
	case method == "GET" && what == "models":
		r.operation = opModels
	case method == "GET" && len(rest) == 2 && rest[0] == "models":
		r.operation, r.model = opModel, rest[1]
	default:
		return false
	}
	return true
}

var classicVersion = regexp.MustCompile(`^20\d{2}-\d{2}-\d{2}(-preview)?$`)

func knownV1Version(version string) bool {
	return version == "" || version == "v1" || version == "preview" || version == "latest"
}

// streamOptionsSince is the first api-version that knows stream_options.
const streamOptionsSince = "2024-09-01"

// knowsStreamOptions compares dates as text, which ISO 8601 is made for.
func (r route) knowsStreamOptions() bool {
	return r.v1 || r.version >= streamOptionsSince
}

package openai

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Error is an answer in one of Azure's error shapes.
type Error struct {
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration // rounded up to whole seconds; zero sends no retry advice
	Header     http.Header   // more of it; nil for none

	bare     bool // without the envelope, as Azure refuses a token
	tight    bool // no space after "message":, as Azure's authentication writes
	indented bool // and with the type, as Azure refuses a deployment since 2026
}

// BadToken is Azure's answer to no token or a bad one: it has no envelope.
func BadToken() Error {
	return Error{Status: http.StatusUnauthorized, Code: "401", bare: true,
		Message: "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."}
}

// BadKey is Azure's answer to an unknown api-key.
func BadKey() Error {
	return Error{Status: http.StatusUnauthorized, Code: "401", tight: true,
		Message: "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}
}

// PermissionDenied is Azure's answer to a known caller without the role: a
// 401, not a 403.
func PermissionDenied() Error {
	return Error{Status: http.StatusUnauthorized, Code: "PermissionDenied", tight: true,
		Message: "Principal does not have access to API/Operation."}
}

// DeploymentNotFound is Azure's answer to a deployment that does not exist.
func DeploymentNotFound() Error {
	return Error{Status: http.StatusNotFound, Code: "DeploymentNotFound", indented: true,
		Message: "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."}
}

// ResourceNotFound is Azure's answer to an unknown path, and to a classic path
// without api-version.
func ResourceNotFound() Error {
	return Error{Status: http.StatusNotFound, Code: "404", Message: "Resource not found"}
}

// Body is the answer's body. Azure writes a space after "message": and escapes
// no HTML; so does this.
func (e Error) Body() []byte {
	if e.bare {
		return []byte(`{"statusCode":` + strconv.Itoa(e.Status) + `,"message":` + quoteJSON(e.Message) + `}`)
	}
	if e.indented {
		return []byte("{\n  \"error\": {\n    \"type\": \"invalid_request_error\",\n    \"code\": " + quoteJSON(e.Code) +
			",\n    \"message\": " + quoteJSON(e.Message) + "\n  }\n}")
	}
	if e.tight {
		return []byte(`{"error":{"code":` + quoteJSON(e.Code) + `,"message":` + quoteJSON(e.Message) + `}}`)
	}
	return []byte(`{"error":{"code":` + quoteJSON(e.Code) + `,"message": ` + quoteJSON(e.Message) + `}}`)
}

// Write sends the answer.
func (e Error) Write(w http.ResponseWriter) {
	body := e.Body()
	h := w.Header()
	maps.Copy(h, e.Header)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	if e.RetryAfter > 0 {
		seconds := wholeSeconds(e.RetryAfter)
		h.Set("Retry-After", strconv.FormatInt(seconds, 10))
		h.Set("Retry-After-Ms", strconv.FormatInt(seconds*1000, 10))
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

func quoteJSON(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}

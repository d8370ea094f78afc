package probe

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// response is what is kept of an answer.
type response struct {
	status        int
	code, message string // of an error in Azure's form
}

// readResponse reads at most maxBody bytes. Azure's errors are of two forms:
// {"error": {"code", "message"}}, and for a bad token {"statusCode", "message"}.
func readResponse(resp *http.Response) response {
	r := response{status: resp.StatusCode}
	if r.status < http.StatusBadRequest {
		return r // what it holds is not ours to see
	}
	var body struct {
		Error struct {
			Code    json.RawMessage `json:"code"` // a number at times
			Message string          `json:"message"`
		} `json:"error"`
		Message string `json:"message"`
	}
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody)) // cut short, it is no JSON, and says nothing
	if json.Unmarshal(raw, &body) != nil {
		return r
	}
	r.code, r.message = clean(strings.Trim(string(body.Error.Code), `"`), 100), body.Error.Message
	if r.code == "" {
		r.message = body.Message
	}
	return r
}

// said is the response without what was sent.
func (r response) said(c credential) string {
	text := "HTTP " + strconv.Itoa(r.status)
	if r.code != "" {
		text += " " + r.code
	}
	if r.message != "" {
		text += ": " + r.message
	}
	secret := strings.TrimPrefix(c.value, "Bearer ")
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return clean(text, 400)
}

// keptOut reports whether Azure refused the call because of where it came
// from. Both codes and both sentences are seen in the wild.
func (r response) keptOut() bool {
	return r.status == http.StatusForbidden && (r.code == "AccessDenied" || r.code == "403") &&
		(r.message == "Public access is disabled. Please configure private endpoint." ||
			r.message == "Access denied due to Virtual Network/Firewall rules.")
}

const wentAround = "refused as from outside: the call went past the private endpoint, or its connection is not approved"

func judgeOutside(r response, c credential) (Status, string) {
	switch {
	case r.keptOut():
		return Pass, ""
	case r.status < 300:
		return Fail, "the account answers from here"
	case r.status == http.StatusForbidden && r.code == "":
		return Fail, "a 403, but not in Azure's words: something on the way answers"
	case r.status == http.StatusUnauthorized && !c.real:
		return Fail, "the made-up key was looked at, so the network let the call through; call with a token or a key to be sure"
	case r.status >= http.StatusInternalServerError:
		return Unknown, "whoever answers is not well"
	default:
		return Fail, "the network let the call through"
	}
}

func judgeToken(r response, _ credential) (Status, string) {
	switch {
	case r.status == http.StatusOK:
		return Pass, ""
	case r.keptOut():
		return Fail, wentAround
	case r.status == http.StatusUnauthorized && r.code == "PermissionDenied":
		return Fail, "the login is known and may not: give it the role Cognitive Services OpenAI User"
	case r.status == http.StatusUnauthorized:
		return Fail, "the token is not accepted: check its tenant and scope, and the account's custom subdomain"
	default:
		return Unknown, ""
	}
}

func judgeKey(r response, c credential) (Status, string) {
	switch {
	case r.status < 300:
		return Fail, "a key opens the account"
	case r.status == http.StatusForbidden && r.code == "AuthenticationTypeDisabled":
		return Pass, ""
	case r.keptOut():
		return Fail, wentAround
	case r.status == http.StatusUnauthorized && c.real:
		return Unknown, "the given key is not the account's"
	case r.status == http.StatusUnauthorized:
		return Unknown, "a made-up key was refused as wrong, not as switched off: keys seem to be on"
	default:
		return Unknown, ""
	}
}

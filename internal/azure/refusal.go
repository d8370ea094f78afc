package azure

import (
	"net/http"
	"strings"
)

// refusal is why a part could not be read, while others may.
type refusal struct {
	status  int
	code    string
	message string
}

// unusable is the refusal of an answer that came, but cannot be taken.
func unusable(code, message string) *refusal {
	return &refusal{status: http.StatusOK, code: code, message: message}
}

func malformed() *refusal {
	return unusable("MalformedAnswer", "the answer is not what ARM sends for a list or a resource")
}

// unregistered says whether the refusal means that the subscription does not
// use the resource provider, or that the cloud does not have it. A type or an
// api-version that ARM does not know is something else: resources may be there.
func (w *refusal) unregistered() bool {
	switch strings.ReplaceAll(w.code, " ", "") {
	case "MissingSubscriptionRegistration", "SubscriptionNotRegistered", "MissingRegistrationForResourceProvider",
		"MissingRegistrationForLocation", "InvalidResourceNamespace":
		return true
	}
	return false
}

// refused reads ARM's error, {"error": {"code", "message"}}.
func refused(status int, body []byte) *refusal {
	var answer struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if !decode(body, &answer) || answer.Error.Code == "" {
		answer.Error.Code = "UnexpectedStatus"
	}
	return &refusal{status: status, code: clean(answer.Error.Code, 100), message: clean(answer.Error.Message, 500)}
}

// clean keeps the printable part of a foreign text, and at most n bytes.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return ' '
		}
		return r
	}, s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

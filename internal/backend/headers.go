package backend

import (
	"net/http"
	"strings"
)

// ForwardHeader copies the headers of a request or an answer that go on:
// all but those of one connection (RFC 9110 section 7.6.1), and our own
// x-ostiary-*, which only the gateway may write.
func ForwardHeader(from http.Header) http.Header {
	to := make(http.Header, len(from)+4)
	CopyHeader(to, from)
	return to
}

// CopyHeader is ForwardHeader into what is there already.
func CopyHeader(to, from http.Header) {
	named := from["Connection"]
	for name, values := range from {
		if !perConnection(name) && !strings.HasPrefix(name, "X-Ostiary-") && !names(named, name) {
			to[name] = values
		}
	}
}

// names says whether the lists of a header Connection have the name.
func names(lists []string, name string) bool {
	for _, list := range lists {
		for each := range strings.SplitSeq(list, ",") {
			if http.CanonicalHeaderKey(strings.TrimSpace(each)) == name {
				return true
			}
		}
	}
	return false
}

// askSocket asks for a WebSocket (RFC 6455 section 4.1) without extensions: what
// is compressed cannot be metered. A browser's key, which OpenAI's own clients
// hide among the subprotocols, goes no further.
func askSocket(h http.Header) {
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	delete(h, "Sec-Websocket-Extensions")
	var kept []string
	for _, list := range h["Sec-Websocket-Protocol"] {
		for protocol := range strings.SplitSeq(list, ",") {
			if protocol = strings.TrimSpace(protocol); !strings.HasPrefix(protocol, "openai-insecure-api-key.") {
				kept = append(kept, protocol)
			}
		}
	}
	delete(h, "Sec-Websocket-Protocol")
	if len(kept) > 0 {
		h["Sec-Websocket-Protocol"] = []string{strings.Join(kept, ", ")}
	}
}

func perConnection(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"Proxy-Authenticate", "Proxy-Authorization",
		"Alt-Svc": // of the backend's own host (RFC 7838): it would lead clients past us
		return true
	}
	return false
}

// requestHeader is what goes to a backend: without anything by which the
// client proved itself or could prove itself to Azure, and asking for an answer
// that is not compressed, for a compressed one cannot be metered.
func requestHeader(from http.Header) http.Header {
	h := ForwardHeader(from)
	for _, name := range []string{
		"Api-Key", "Authorization", "Cookie", "X-Api-Key",
		"Ocp-Apim-Subscription-Key", "X-Ms-Authorization-Auxiliary",
		"Expect", "Content-Length", "Host", "X-Http-Method-Override",
	} {
		delete(h, name)
	}
	h["Accept-Encoding"] = []string{"identity"}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // or net/http would add its own
	}
	return h
}

package httpd

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ostiary/ostiary/internal/openai"
)

// framing is what a request's head says of what follows it.
type framing struct {
	length  int64 // of the body
	chunked bool  // the body says itself where it ends
	socket  bool  // a WebSocket is asked for: what follows may be no HTTP
}

// misfit is why a head is not let through; nil for one that is.
type misfit struct {
	status int
	why    string
}

func (m *misfit) answer() openai.Error {
	code := map[int]string{
		http.StatusRequestHeaderFieldsTooLarge: "RequestHeaderFieldsTooLarge",
		http.StatusExpectationFailed:           "ExpectationFailed",
		http.StatusHTTPVersionNotSupported:     "HttpVersionNotSupported",
		http.StatusNotImplemented:              "NotImplemented",
	}[m.status]
	if code == "" {
		code = "BadRequest"
	}
	return openai.Error{Status: m.status, Code: code, Message: m.why + "."}
}

func malformed(why string) *misfit { return &misfit{http.StatusBadRequest, why} }

// The values of the fields that say how a message is framed, as far as one was
// seen.
type fields struct {
	host, length, coding, expect, upgrade field
}

type field struct {
	value []byte
	times int
}

// checkHead holds the head of an HTTP/1 request, up to and with the empty line
// that ends it, to RFC 9112 where servers and proxies are known to differ in
// what they let pass. Each of these forms has been used to make two of them
// see two different requests in the same bytes ("request smuggling"):
//
//   - a line that ends with a bare LF, or holds a bare CR (section 2.2)
//   - a folded line, and blanks around a field's name (sections 5.1 and 5.2)
//   - a body with both Content-Length and Transfer-Encoding, two lengths even
//     if they are equal, a coding other than chunked (sections 6.1 and 6.3)
//   - no Host, or two (section 3.2), and a target in another than the origin
//     form, which is for proxies (section 3.2.2)
//
// What it lets through, net/http reads as it does; a fuzz test holds the two
// together.
func checkHead(head []byte) (framing, *misfit) {
	line, rest, ok := cutLine(head)
	if !ok {
		return framing{}, malformed("The request is malformed")
	}
	newer, bad := checkRequestLine(line)
	if bad != nil {
		return framing{}, bad
	}
	var f fields
	for {
		line, rest, ok = cutLine(rest)
		if !ok {
			return framing{}, malformed("A header line is malformed")
		}
		if len(line) == 0 {
			return f.framing(newer)
		}
		if bad := f.take(line); bad != nil {
			return framing{}, bad
		}
	}
}

// cutLine gives the next line without its CRLF; false where a CR or LF stands
// alone.
func cutLine(p []byte) (line, rest []byte, ok bool) {
	n := bytes.IndexByte(p, '\n')
	if n < 1 || p[n-1] != '\r' || bytes.IndexByte(p[:n-1], '\r') >= 0 {
		return nil, nil, false
	}
	return p[:n-1], p[n+1:], true
}

// checkRequestLine takes "METHOD SP /target SP HTTP/1.x", single blanks.
func checkRequestLine(line []byte) (newer bool, bad *misfit) {
	method, rest, ok1 := bytes.Cut(line, []byte{' '})
	target, version, ok2 := bytes.Cut(rest, []byte{' '})
	switch {
	case !ok1 || !ok2 || !isToken(method) || string(method) == refusedMethod || !isTarget(target):
		return false, malformed("The request line is malformed")
	case string(version) == "HTTP/1.1":
		return true, nil
	case string(version) == "HTTP/1.0":
		return false, nil
	case bytes.HasPrefix(version, []byte("HTTP/")):
		return false, &misfit{http.StatusHTTPVersionNotSupported, "The HTTP version is not supported"}
	}
	return false, malformed("The request line is malformed")
}

// isTarget wants the origin form: a path in visible ASCII, whose escapes are
// such.
func isTarget(t []byte) bool {
	if len(t) == 0 || t[0] != '/' {
		return false
	}
	path := true
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c <= ' ' || c > '~':
			return false
		case c == '?':
			path = false
		case c == '%' && path:
			if i+2 >= len(t) || !isHex(t[i+1]) || !isHex(t[i+2]) {
				return false
			}
			i += 2
		}
	}
	return true
}

// take reads one field line.
func (f *fields) take(line []byte) *misfit {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || !isToken(name) {
		return malformed("A header line is malformed")
	}
	value = bytes.Trim(value, " \t")
	if !isFieldValue(value) {
		return malformed("A header holds a control character")
	}
	switch {
	case is(name, "host"):
		f.host.put(value)
	case is(name, "content-length"):
		f.length.put(value)
	case is(name, "transfer-encoding"):
		f.coding.put(value)
	case is(name, "expect"):
		f.expect.put(value)
	case is(name, "upgrade"):
		f.upgrade.put(value)
	case is(name, "trailer"):
		return malformed("Trailers are not taken")
	}
	return nil
}

func (f *field) put(value []byte) { f.value, f.times = value, f.times+1 }

// framing judges the fields together.
func (f *fields) framing(newer bool) (framing, *misfit) {
	var to framing
	switch {
	case f.host.times > 1 || newer && f.host.times == 0 || !httpguts.ValidHostHeader(string(f.host.value)):
		return to, malformed("The request must have one valid Host")
	case f.length.times+f.coding.times > 1:
		return to, malformed("The length of the request body is said more than once")
	case f.coding.times == 1 && (!newer || !is(f.coding.value, "chunked")):
		return to, &misfit{http.StatusNotImplemented, "The transfer coding is not supported"}
	case f.expect.times > 1 || f.expect.times == 1 && !is(f.expect.value, "100-continue"):
		return to, &misfit{http.StatusExpectationFailed, "The expectation is not supported"}
	}
	to.chunked = f.coding.times == 1
	if f.length.times == 1 {
		n, err := strconv.ParseUint(string(f.length.value), 10, 62)
		if err != nil || f.length.value[0] == '+' {
			return to, malformed("The Content-Length is not a length")
		}
		to.length = int64(n)
	}
	to.socket = f.upgrade.times > 0 && is(f.upgrade.value, "websocket")
	if to.socket && (to.chunked || to.length > 0) {
		return to, malformed("A request for a WebSocket has no body")
	}
	return to, nil
}

// is compares with a name in lower case; case in header names and in these
// values means nothing (RFC 9110 section 5.1).
func is(s []byte, name string) bool { return len(s) == len(name) && strings.EqualFold(string(s), name) }

// isFieldValue refuses control characters but for the tab. A request's token is
// most of its head, so eight bytes are looked at together while none of them
// may be one: x-k·ones borrows into the top bit of a byte below k (Hacker's
// Delight, section 6-1).
func isFieldValue(s []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		del := x ^ 0x7f*ones
		if ((x-' '*ones)&^x|(del-ones)&^del)&tops != 0 {
			break
		}
	}
	for _, c := range s[i:] {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isToken as RFC 9110 section 5.6.2 has it.
func isToken(s []byte) bool {
	for _, c := range s {
		if !httpguts.IsTokenRune(rune(c)) {
			return false
		}
	}
	return len(s) > 0
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

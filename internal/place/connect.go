package place

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// Header of a refusal: the hop that decides.
const reasonHeader = "X-Ostiary-Reason"

var errHeadTooLong = errors.New("the head of the request is too long")

// connectAsk reads a request of an HTTP proxy's client. Where status is not
// 200, the request is answered with it and the text.
func connectAsk(r *bufio.Reader) (place string, q ask, status int, text string, err error) {
	head, err := readHead(r)
	if err != nil {
		return "", ask{}, 0, "", err
	}
	req, malformed := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if malformed != nil {
		return "", ask{}, http.StatusBadRequest, "This is no HTTP request.", nil //nolint:nilerr // it is answered
	}
	place, ok := basicPlace(req.Header.Get("Proxy-Authorization"))
	switch {
	case !ok:
		return "", ask{}, http.StatusProxyAuthRequired, "Name the place where you stand as the proxy's user, for example internet.", nil
	case req.Method != http.MethodConnect && req.URL.IsAbs():
		return "", ask{}, http.StatusForbidden, "Only tunnels go through here (CONNECT, or SOCKS 5): Azure's services take no plain HTTP. curl -p makes one.", nil
	case req.Method != http.MethodConnect:
		return "", ask{}, http.StatusBadRequest, "This is a proxy: it takes CONNECT HOST:PORT, or SOCKS 5.", nil
	}
	host, port, malformed := net.SplitHostPort(req.RequestURI)
	if n, bad := strconv.ParseUint(port, 10, 16); malformed == nil && bad == nil {
		q.port = uint16(n)
		q.named(host)
	}
	if !q.valid() {
		return "", ask{}, http.StatusBadRequest, "CONNECT needs HOST:PORT.", nil
	}
	return place, q, http.StatusOK, "", nil
}

// readHead reads up to the empty line, and no byte of what follows it: that is
// the tunnel's.
func readHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || b.Len()+len(line) > maxHead {
			return "", errHeadTooLong
		}
		if err != nil {
			return "", err
		}
		b.Write(line)
		if len(strings.TrimRight(string(line), "\r\n")) == 0 {
			return b.String(), nil
		}
	}
}

// basicPlace reads the place from RFC 7617's credentials.
func basicPlace(header string) (string, bool) {
	scheme, coded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", false
	}
	pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(coded))
	if err != nil {
		return "", false
	}
	user, password, _ := strings.Cut(string(pair), ":")
	return placeOf(user, password), user != ""
}

// connectRefused answers a request that makes no tunnel.
func connectRefused(w io.Writer, status int, text string) error {
	h := http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Connection": {"close"}}
	if status == http.StatusProxyAuthRequired {
		h.Set("Proxy-Authenticate", `Basic realm="place"`)
	}
	if status == http.StatusBadGateway {
		h.Set(reasonHeader, oneLine(text))
	}
	text += "\n"
	resp := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: h,
		ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)), Close: true,
	}
	return resp.Write(w)
}

// oneLine is a text fit for a header's value: printable ASCII (RFC 9110,
// section 5.5).
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

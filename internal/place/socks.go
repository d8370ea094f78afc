package place

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
)

// The replies of RFC 1928, section 6.
const (
	socksOK          byte = 0
	socksNotAllowed  byte = 2
	socksUnreachable byte = 4
	socksRefused     byte = 5
	socksNoCommand   byte = 7
	socksNoAddress   byte = 8
)

// Errors of clients that speak SOCKS 5 wrongly, or another thing.
var (
	errNoVersion5 = errors.New("not SOCKS 5")
	errNoPlace    = errors.New("the client names no place: give it as the proxy's user name")
	errNotTCP     = errors.New("a command other than CONNECT")
	errBadAddress = errors.New("neither a name nor an address")
)

// socksGreeting reads the client's methods, chooses the one that carries a user
// name, and reads the place from it.
func socksGreeting(r *bufio.Reader, w io.Writer) (place string, err error) {
	methods, err := socksField(r, 5)
	if err != nil {
		return "", err
	}
	const user, none = 2, 0xff
	if !strings.Contains(string(methods), string(rune(user))) {
		_, _ = w.Write([]byte{5, none})
		return "", errNoPlace
	}
	if _, err := w.Write([]byte{5, user}); err != nil {
		return "", err
	}
	name, err := socksField(r, 1) // RFC 1929: version 1
	if err != nil {
		return "", err
	}
	password, err := socksText(r)
	if err != nil {
		return "", err
	}
	return placeOf(string(name), string(password)), nil
}

// socksField reads a version and a field that its length precedes.
func socksField(r *bufio.Reader, version byte) ([]byte, error) {
	v, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	if v != version {
		return nil, errNoVersion5
	}
	return socksText(r)
}

func socksText(r *bufio.Reader) ([]byte, error) {
	n, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// socksRequest reads what the client wants. The reply is what to answer where
// it is refused.
func socksRequest(r *bufio.Reader) (q ask, reply byte, err error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return ask{}, socksNoCommand, err
	}
	if head[0] != 5 || head[2] != 0 {
		return ask{}, socksNoCommand, errNoVersion5
	}
	var name string
	switch head[3] {
	case 1:
		q.addr, err = socksAddr(r, 4)
	case 4:
		q.addr, err = socksAddr(r, 16)
	case 3:
		var b []byte
		b, err = socksText(r)
		name = string(b)
	default:
		return ask{}, socksNoAddress, errBadAddress
	}
	if err != nil {
		return ask{}, socksNoAddress, err
	}
	port := make([]byte, 2)
	if _, err := io.ReadFull(r, port); err != nil {
		return ask{}, socksNoCommand, err
	}
	if head[1] != 1 {
		return ask{}, socksNoCommand, errNotTCP
	}
	q.port = binary.BigEndian.Uint16(port)
	if head[3] == 3 {
		q.named(name)
	}
	if !q.valid() {
		return ask{}, socksNoAddress, errBadAddress
	}
	return q, socksOK, nil
}

func socksAddr(r *bufio.Reader, n int) (netip.Addr, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return netip.Addr{}, err
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr.Unmap(), nil
}

// named takes a name, or an address written as one.
func (q *ask) named(name string) {
	if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		q.addr = addr.Unmap().WithZone("")
		return
	}
	q.host = strings.ToLower(strings.TrimSuffix(name, "."))
}

// valid says whether it can be asked for at all. A name is one of host names
// (RFC 1123, section 2.1), with the underscores that DNS has too.
func (q *ask) valid() bool {
	if q.port == 0 || q.addr.IsValid() {
		return q.port != 0 && q.host == ""
	}
	if q.host == "" || len(q.host) > 253 {
		return false
	}
	for _, c := range q.host {
		if c != '-' && c != '_' && c != '.' && (c < 'a' || 'z' < c) && (c < '0' || '9' < c) {
			return false
		}
	}
	return true
}

// noPassword is what clients are given that send no user without a password,
// Python's for example.
const noPassword = "-"

// placeOf joins what a proxy's credentials hold: a colon in a user name ends
// it, so that internet:203.0.113.7 arrives as a name and a password. Any other
// password says nothing.
func placeOf(user, password string) string {
	if strings.EqualFold(user, internet) && password != "" && password != noPassword {
		return user + ":" + strings.TrimSuffix(password, ":")
	}
	return user
}

// socksReply answers a request. The address that was bound means nothing here.
func socksReply(w io.Writer, code byte) error {
	_, err := w.Write([]byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0})
	return err
}

// socks is the reply that says what a refusal says.
func (w why) socks() byte {
	switch w {
	case whyNotAllowed, whyElsewhere:
		return socksNotAllowed
	case whyClosed:
		return socksRefused
	}
	return socksUnreachable
}

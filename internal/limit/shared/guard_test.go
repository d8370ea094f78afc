package shared

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ostiary/ostiary/internal/limit"
)

// said is a connection on which only reading matters.
type said struct {
	net.Conn
	io.Reader
}

func (s said) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s said) Write(p []byte) (int, error) { return len(p), nil }

func TestGuard(t *testing.T) {
	for says, sane := range map[string]bool{
		"*5\r\n:0\r\n:1800000000\r\n:3\r\n:1099511627776\r\n:0\r\n": true,
		"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$-1\r\n":             true,
		"-ERR 123456789\r\n+12345678\r\n:9223372036854775807\r\n":   true,
		"$999\r\n":  true,
		"$1000\r\n": false, "*1000\r\n": false, "%1000\r\n": false, "~1000\r\n": false, ">1000\r\n": false, "|1000\r\n": false, "=1000\r\n": false, "!1000\r\n": false,
		"$+5\r\n": false, "*0005\r\n": false, "$-99999999999999999999\r\n": true, "1000000\r\n": false,
		":1\r\n*99999\r\n":            false,
		strings.Repeat("x", maxReply): true, strings.Repeat("x", maxReply+1): false,
	} {
		for name, in := range map[string]io.Reader{"at once": strings.NewReader(says), "byte by byte": iotest.OneByteReader(strings.NewReader(says))} {
			got, err := io.ReadAll(newGuard(said{Reader: in}, nil))
			if sane && (err != nil || string(got) != says) || !sane && !errors.Is(err, errReply) {
				t.Errorf("%s, %q: %q %v", name, says, got, err)
			}
		}
	}
	g := newGuard(said{Reader: strings.NewReader(strings.Repeat("x", 2*maxReply))}, nil)
	for range 2 {
		if _, err := io.ReadFull(g, make([]byte, maxReply)); err != nil {
			t.Error(err)
		}
		_, _ = g.Write([]byte("another question"))
	}
}

// FuzzGuard: whatever is said, and in whatever pieces, what passes has no length
// of more than three digits, and is what was said.
func FuzzGuard(f *testing.F) {
	f.Add([]byte("*5\r\n:0\r\n:1800000000\r\n:3\r\n:1\r\n:0\r\n"), 1)
	f.Add([]byte("$1000\r\nx"), 3)
	f.Add([]byte("*1\r\n*1\r\n$+100000\r\n"), 100)
	f.Fuzz(func(t *testing.T, says []byte, piece int) {
		g := newGuard(said{Reader: bytes.NewReader(says)}, nil)
		var got []byte
		buf := make([]byte, 1+max(piece, -piece, 0)%64)
		for {
			n, err := g.Read(buf)
			if got = append(got, buf[:n]...); err != nil {
				break
			}
		}
		if !bytes.HasPrefix(says, got) || len(got) > maxReply {
			t.Errorf("%q", got)
		}
		for line := range bytes.SplitSeq(got, []byte("\n")) {
			if len(line) > 1 && strings.IndexByte("$*%~>|=!", line[0]) >= 0 {
				digits := line[1:]
				if n := slices.IndexFunc(digits, func(b byte) bool { return b < '0' || b > '9' }); n >= 0 {
					digits = digits[:n]
				}
				if len(digits) > maxDigits || line[1] == '+' {
					t.Errorf("%q", line)
				}
			}
		}
	})
}

// FuzzAnswer: what is believed is what the script can have said.
func FuzzAnswer(f *testing.F) {
	f.Add(int64(0), int64(1), int64(1), int64(5), int64(0), int64(10), int64(100), int64(5))
	f.Add(int64(2), int64(1), int64(1), int64(99), int64(61), int64(0), int64(100), int64(500))
	f.Add(int64(1), int64(-1), int64(1), int64(99), int64(61), int64(0), int64(100), int64(500))
	f.Fuzz(func(t *testing.T, verdict, second, requests, tokens, wait, limitR, limitT, wants int64) {
		q := question{limits: limit.Limits{Requests: limitR, Tokens: limitT}, wants: wants}
		m, err := q.answer([]any{verdict, second, requests, tokens, wait})
		if err != nil {
			return
		}
		if m.second < 0 || m.used.Requests < 0 || m.used.Tokens < 0 {
			t.Errorf("%+v", m)
		}
		if m.over == "" {
			return
		}
		no := q.refusal(m)
		if no.Retry.Seconds() < 1 || no.Retry.Seconds() > 61 || no.Left.Requests < 0 || no.Left.Tokens < 0 {
			t.Errorf("%+v", no)
		}
	})
}

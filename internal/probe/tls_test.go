package probe

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestHandshakes(t *testing.T) {
	azure := newAuthority(t, "DigiCert Inc", "Microsoft Corporation")
	proxy := newAuthority(t, "Proxy Ltd", "Proxy Ltd")
	imitator := newAuthority(t, "Proxy Ltd", "Microsoft Corporation")
	for _, test := range []struct {
		name, names       string
		ca, trusted       authority
		known             []*x509.Certificate
		highest           uint16
		late              bool
		version, right    Status
		issuer, link      Status
		issuerGot, verGot string
	}{
		{"Azure", "*.openai.azure.com", azure, azure, nil, 0, false, Pass, Pass, Pass, Pass, "Microsoft Corporation", "TLS 1.3"},
		{"TLS 1.2", "*.openai.azure.com", azure, azure, nil, tls.VersionTLS12, false, Pass, Pass, Pass, Pass, "", "TLS 1.2"},
		{"TLS 1.1", "*.openai.azure.com", azure, azure, nil, tls.VersionTLS11, false, Fail, Pass, Pass, Pass, "", "TLS 1.1"},
		{"another's certificate", "*.example.com", azure, azure, nil, 0, false, Pass, Fail, Pass, Pass, "", ""},
		{"a certificate for any name", "*.openai.azure.com *.privatelink.openai.azure.com", azure, azure, nil, 0, false, Pass, Pass, Pass, Fail, "", ""},
		{"interception, trusted", "*.openai.azure.com", proxy, proxy, nil, 0, false, Pass, Pass, Fail, Pass, "reads along", ""},
		{"interception that borrows a name", "*.openai.azure.com", imitator, imitator, nil, 0, false, Pass, Pass, Fail, Pass, "reads along", ""},
		{"interception, not trusted", "*.openai.azure.com", proxy, azure, nil, 0, false, Pass, Pass, Fail, Pass, "not trusted here", ""},
		{"a known authority", "*.openai.azure.com", proxy, azure, []*x509.Certificate{proxy.root}, 0, false, Pass, Pass, Pass, Pass, "Proxy Ltd", ""},
		{"expired", "*.openai.azure.com", azure, azure, nil, 0, true, Pass, Pass, Fail, Pass, "expired", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.ca = test.trusted
			e := w.inside(http.HandlerFunc(account))
			first, second, _ := cut(test.names)
			names := []string{first}
			if second != "" {
				names = append(names, second)
			}
			w.routes["tcp "+inner+":443"] = w.https(http.HandlerFunc(account), test.ca.issue(t, names...), test.highest)
			c := w.config(e)
			c.Known, c.Credential = test.known, fixed(token)
			if test.late {
				c.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
			}
			all := Run(t.Context(), c)
			wantStatus(t, all, "tls-version", test.version, test.verGot)
			wantStatus(t, all, "tls-name", test.right, "a certificate for ")
			wantStatus(t, all, "tls-issuer", test.issuer, test.issuerGot)
			wantStatus(t, all, "tls-privatelink", test.link, "a certificate for ")
			// A token goes only where all of it is right.
			called := Unknown
			switch {
			case test.version == Fail:
				called = Fail
			case test.right == Pass && test.issuer == Pass:
				called = Pass
			}
			wantStatus(t, all, "http-token", called, "")
		})
	}
}

func cut(s string) (string, string, bool) {
	for i := range s {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func TestNoHandshake(t *testing.T) {
	w := newWorld(t)
	e := w.inside(http.HandlerFunc(account))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("SSH-2.0-x\r\n"))
			conn.Close()
		}
	}()
	w.routes["tcp "+inner+":443"] = l.Addr().String()
	all := Run(t.Context(), w.config(e))
	wantStatus(t, all, "tcp", Pass, "connected")
	wantStatus(t, all, "tls-version", Fail, "no connection: ")
	wantStatus(t, all, "tls-name", Unknown, "")
	wantStatus(t, all, "http-key", Unknown, "")
	// From outside such a door is as good as none.
	w.names[host] = e.Addresses
	all = Run(t.Context(), w.config(Endpoint{Host: host}))
	wantStatus(t, all, "http-models", Pass, "no connection: ")
	wantStatus(t, all, "tls-version", Pass, "")
}

// The private link name need not resolve for its certificate to be looked at.
func TestPrivateLinkNameThatDoesNotResolve(t *testing.T) {
	w := newWorld(t)
	e := w.inside(http.HandlerFunc(account))
	delete(w.names, linked)
	wantStatus(t, Run(t.Context(), w.config(e)), "tls-privatelink", Pass, "*.openai.azure.com")
}

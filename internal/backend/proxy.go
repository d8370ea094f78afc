package backend

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// Proxy is an HTTP proxy that knows CONNECT (RFC 9110, section 9.3.6), for
// backends that are spoken to over TLS.
type Proxy struct {
	Address  string     `yaml:"address" config:"required" doc:"host:port"`
	User     string     `yaml:"user" doc:"for Basic authentication; default none"`
	Password secret.Ref `yaml:"password" doc:"env:NAME or file:PATH; default none"`
}

// dialer makes connections through the proxy.
func (p *Proxy) dialer() (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	var password secret.String
	if !p.Password.IsZero() {
		var err error
		if password, err = p.Password.Resolve(); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.Address)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		head := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n"
		if p.User != "" {
			head += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(p.User+":"+password.Reveal())) + "\r\n"
		}
		if err := p.ask(conn, head+"\r\n"); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	}, nil
}

// ask reads no byte behind the answer's head: what a TLS server says comes only
// after its client has spoken.
func (p *Proxy) ask(conn net.Conn, head string) error {
	if _, err := conn.Write([]byte(head)); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 16<<10), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fault.New(fault.Upstream, fmt.Sprintf("the proxy answered %d to CONNECT", resp.StatusCode)).At(p.Address)
	}
	return nil
}

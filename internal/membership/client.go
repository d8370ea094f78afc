package membership

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// callTime bounds one call of the authority.
const callTime = 20 * time.Second

// client speaks to the one authority whose root key has the given pin. show,
// if set, is asked for our certificate.
func client(pin [32]byte, project string, show func() (*tls.Certificate, error)) *http.Client {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, //nolint:gosec // replaced, not skipped: the pin decides
		VerifyConnection: func(state tls.ConnectionState) error {
			return verifyAuthority(state, pin, project)
		},
	}
	if show != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return show() }
	}
	return &http.Client{
		Timeout:       callTime,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, MaxConnsPerHost: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// verifyAuthority wants, in the chain shown, a root with the pinned key, and a
// leaf of role authority that it signed.
func verifyAuthority(state tls.ConnectionState, pin [32]byte, project string) error {
	for _, cert := range state.PeerCertificates[1:] {
		if pki.Fingerprint(cert) != pin {
			continue
		}
		peer, _, err := pki.VerifyPeer(state, pki.Pool(cert), time.Now())
		if err != nil {
			return err
		}
		return pki.InRole(project, pki.Authority)(peer, nil)
	}
	return fault.New(fault.Denied, "this is not the authority that the ticket names").
		Fix("check the address, and that nothing between here and there opens TLS")
}

// post sends one request and reads its answer into out.
func post(ctx context.Context, c *http.Client, authority, path string, in, out any) error {
	defer c.CloseIdleConnections() // one call a day at most
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, answer, err := call(ctx, c, http.MethodPost, authority, path, body, MaxMessage)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fault.New(fault.Upstream, "the authority's answer is not understood").At(authority).Because(err)
	}
	return nil
}

// call gives the status, 200 or 204, and the body of at most limit bytes.
// Refusals are faults.
func call(ctx context.Context, c *http.Client, method, authority, path string, body []byte, limit int64) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "https://"+authority+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fault.New(fault.Invalid, "not an authority's address").At(authority).Because(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return 0, nil, fault.New(fault.Unavailable, "cannot reach the authority").At(authority).
			Fix("check the address and the way out; no ticket is used up").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil || int64(len(answer)) > limit {
		return 0, nil, fault.New(fault.Upstream, "the authority's answer cannot be read").At(authority).Because(err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return 0, nil, refused(authority, resp.StatusCode, answer)
	}
	return resp.StatusCode, answer, nil
}

func refused(authority string, status int, answer []byte) error {
	var p Problem
	if json.Unmarshal(answer, &p) != nil || p.Error == "" || len(p.Error) > 300 {
		p.Error = fmt.Sprintf("HTTP status %d", status)
	}
	kind := fault.Upstream
	switch status {
	case http.StatusBadRequest:
		kind = fault.Invalid
	case http.StatusForbidden, http.StatusUnauthorized, http.StatusNotFound:
		kind = fault.Denied
	case http.StatusConflict:
		kind = fault.Conflict
	case http.StatusTooManyRequests:
		kind = fault.Throttled
	case http.StatusServiceUnavailable:
		kind = fault.Unavailable
	}
	return fault.New(kind, "the authority refused: "+p.Error).At(authority)
}

// Ask sends one request to a path of the authority that wants our certificate.
func (m *Member) Ask(ctx context.Context, path string, in, out any) error {
	return post(ctx, client(m.pin, m.origin.Project, m.Certificate), m.origin.Authority, path, in, out)
}

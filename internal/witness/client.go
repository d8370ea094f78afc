package witness

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/pki"
)

// Witness is where checkpoints are taken to: a Client or a Directory.
type Witness interface {
	// Add hands in a checkpoint of a log, which extends the one of size old by
	// the proof. It returns the checkpoint as it is to be kept. A *SizeError
	// says that the witness has another size; a fault.Conflict that the
	// checkpoint does not extend what it has.
	Add(ctx context.Context, log note.Verifier, old uint64, proof tlog.TreeProof, msg []byte) (kept []byte, err error)
	// Latest is the newest checkpoint of a log that it has; fault.NotFound if
	// it has none.
	Latest(ctx context.Context, log note.Verifier) ([]byte, error)
}

// SizeError says that a witness has another checkpoint than was thought.
type SizeError struct{ Size uint64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the witness has a checkpoint over %d entries", e.Size)
}

// ClientConfig says which witness is asked, and how.
type ClientConfig struct {
	URL   string         // of the witness; required
	Key   note.Verifier  // of the witness; nil takes its word for what it has, and lets it be asked only
	Roots *x509.CertPool // in place of the system's; certificates of a project's authority are then known by their role
}

// Client asks a witness over HTTP.
type Client struct {
	base string
	key  note.Verifier
	http *http.Client
}

// callTime bounds one request.
const callTime = 20 * time.Second

// NewClient makes a client; it asks nothing yet.
func NewClient(cfg ClientConfig) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Invalid, "not the address of a witness").At(cfg.URL).Fix("write https://HOST/PATH")
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute, MaxIdleConns: 2}
	if cfg.Roots != nil {
		transport.TLSClientConfig = trust(cfg.Roots)
	}
	return &Client{base: strings.TrimSuffix(cfg.URL, "/"), key: cfg.Key, http: &http.Client{
		Timeout: callTime, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// trust accepts servers by the given roots alone. A project's authority is no
// host: its certificate has a SPIFFE id, and its role is what is checked. What
// a witness says is believed by its cosignature, not by this.
func trust(roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // replaced, not skipped: see VerifyConnection
		VerifyConnection: func(state tls.ConnectionState) error {
			if leaf := state.PeerCertificates[0]; len(leaf.URIs) == 0 {
				_, err := leaf.Verify(x509.VerifyOptions{
					Roots: roots, Intermediates: pki.Pool(state.PeerCertificates[1:]...), DNSName: state.ServerName,
				})
				return err
			}
			peer, _, err := pki.VerifyPeer(state, roots, time.Now())
			if err != nil {
				return err
			}
			return pki.InRole(peer.Project, pki.Authority)(peer, nil)
		},
	}
}

// Add is as Witness says.
func (c *Client) Add(ctx context.Context, log note.Verifier, old uint64, proof tlog.TreeProof, msg []byte) ([]byte, error) {
	if c.key == nil {
		return nil, fault.New(fault.Invalid, "the witness's public key is not known").At(c.base).Fix("add it")
	}
	own, err := ledger.OpenCheckpoint(msg, log)
	if err != nil {
		return nil, err
	}
	status, head, answer, err := c.do(ctx, http.MethodPost, addPath, addition{old, proof, msg}.encode())
	if err != nil {
		return nil, err
	}
	switch status {
	case http.StatusOK:
		return c.cosigned(log, own, answer)
	case http.StatusConflict:
		size, ok := bytes.CutSuffix(answer, []byte("\n"))
		if n, err := parseSize(size); err == nil && ok && head.Get("Content-Type") == sizeType {
			return nil, &SizeError{n}
		}
	case http.StatusUnprocessableEntity:
		return nil, fault.New(fault.Conflict, "the witness refuses the log's checkpoint: it does not extend the one it has").At(c.base).
			Fix("see what ledger verify --witness says; somebody may have put the log back or written it anew")
	case http.StatusNotFound:
		return nil, fault.New(fault.NotFound, "the witness does not watch this log").At(c.base).
			Fix("have the log's checkpoint.pub added to the logs of the witness")
	case http.StatusForbidden:
		return nil, fault.New(fault.Denied, "the witness knows this log by another key").At(c.base).
			Fix("have the log's checkpoint.pub compared with what the witness has")
	}
	return nil, odd(c.base, status)
}

// cosigned puts the valid cosignature of an answer to the checkpoint.
func (c *Client) cosigned(log note.Verifier, own ledger.Checkpoint, answer []byte) ([]byte, error) {
	whole, err := note.Sign(&note.Note{Text: own.Text, Sigs: []note.Signature{own.Log}})
	if err != nil {
		return nil, err
	}
	got, err := ledger.OpenCheckpoint(append(whole, answer...), log, c.key)
	if err != nil || len(got.Witnesses) != 1 {
		return nil, fault.New(fault.Upstream, "the witness's answer holds no valid cosignature").At(c.base).
			Fix("compare its public key with the one that was given").Because(err)
	}
	return note.Sign(&note.Note{Text: own.Text, Sigs: []note.Signature{own.Log, got.Witnesses[0]}})
}

// Latest is as Witness says. Where the client knows the witness's key, the
// checkpoint has its cosignature.
func (c *Client) Latest(ctx context.Context, log note.Verifier) ([]byte, error) {
	status, _, answer, err := c.do(ctx, http.MethodGet, "/"+place(log)+latestPath, nil)
	if err != nil {
		return nil, err
	}
	switch status {
	case http.StatusOK:
		return answer, nil
	case http.StatusNotFound:
		return nil, fault.New(fault.NotFound, "the witness has no checkpoint of this log").At(c.base)
	}
	return nil, odd(c.base, status)
}

func odd(base string, status int) error {
	return fault.New(fault.Upstream, fmt.Sprintf("the witness answers with status %d", status)).At(base).Fix("see the witness's log")
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) (status int, head http.Header, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, nil, fault.New(fault.Unavailable, "cannot reach the witness").At(c.base).
			Fix("check the address and the way out").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = readAll(resp.Body, ledger.MaxCheckpoint)
	if err != nil {
		return 0, nil, nil, fault.New(fault.Upstream, "the witness's answer cannot be read").At(c.base).Because(err)
	}
	return resp.StatusCode, resp.Header, answer, nil
}

var errTooLarge = errors.New("over its bound")

// readAll reads at most limit bytes; more is an error.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLarge
	}
	return data, err
}

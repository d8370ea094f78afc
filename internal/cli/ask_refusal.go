package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

const (
	maxRefusal = 64 << 10 // bytes of an error's body
	codeDenied = "PermissionDenied"
)

// trouble is an error as --json prints it.
type trouble struct {
	What  string `json:"what"`
	Do    string `json:"do,omitempty"`
	Retry int64  `json:"retry_after_s,omitempty"`
}

// refusalError is a call that the gateway, or the model, has refused.
type refusalError struct {
	fault *fault.Error
	retry time.Duration
}

// Error is the fault's text.
func (r *refusalError) Error() string { return r.fault.Error() }

// Unwrap gives errors.As the fault.
func (r *refusalError) Unwrap() error { return r.fault }

func troubleOf(err error) *trouble {
	t := &trouble{What: fault.PublicText(err)}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		t.What, t.Do = f.What, f.Hint
	}
	if r, ok := errors.AsType[*refusalError](err); ok {
		t.Retry = int64(r.retry.Seconds())
	}
	return t
}

// refusalBody is an error of Azure's, with or without its envelope.
type refusalBody struct {
	Code    string
	Message string
	Filters []string // what the content filter objects to
}

func errorOf(body []byte) refusalBody {
	var b struct {
		Error struct {
			Code    any    `json:"code"`
			Message string `json:"message"`
			Inner   struct {
				Filters map[string]struct {
					Filtered bool   `json:"filtered"`
					Severity string `json:"severity"`
				} `json:"content_filter_result"`
			} `json:"innererror"`
		} `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &b) != nil {
		return refusalBody{}
	}
	r := refusalBody{Message: printable(b.Error.Message + b.Message)}
	r.Code, _ = b.Error.Code.(string)
	for name, f := range b.Error.Inner.Filters {
		if f.Filtered {
			r.Filters = append(r.Filters, printable(name))
		}
	}
	slices.Sort(r.Filters)
	return r
}

// refusal puts a refused call into words: what happened, and what to do.
func (a *asker) refusal(resp *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	said := errorOf(data)
	e := a.explain(resp, said)
	if id := resp.Header.Get("X-Ostiary-Call-Id"); id != "" {
		e = e.Fix(e.Hint + " (call " + printable(id) + ")")
	}
	return &refusalError{e, retryAfter(resp.Header)}
}

func (a *asker) explain(resp *http.Response, said refusalBody) *fault.Error {
	switch {
	case resp.StatusCode == http.StatusUnauthorized && said.Code == codeDenied:
		return fault.New(fault.Denied, "policy does not let you ask "+a.model+" this").
			Fix("ask whoever runs the gateway for a grant")
	case resp.StatusCode == http.StatusUnauthorized:
		return a.unidentified()
	case said.Code == "DeploymentNotFound":
		return fault.New(fault.NotFound, "there is no model "+a.model+" here").Fix("choose another with --model; whoever runs the gateway knows the names")
	case resp.StatusCode == http.StatusTooManyRequests:
		return fault.New(fault.Throttled, "a limit is reached: too many questions or tokens in this minute").Fix("try again " + soon(retryAfter(resp.Header)))
	case said.Code == "content_filter":
		what := "the content filter refused the question"
		if len(said.Filters) > 0 {
			what += " (" + strings.Join(said.Filters, ", ") + ")"
		}
		return fault.New(fault.Denied, what).Fix("ask in other words")
	case resp.StatusCode == http.StatusRequestEntityTooLarge:
		return fault.New(fault.TooLarge, "the question is too large").Fix("add fewer or smaller files")
	case resp.StatusCode >= http.StatusInternalServerError:
		return fault.New(fault.Unavailable, fmt.Sprintf("the service cannot answer now (%d): %s", resp.StatusCode, said.Message)).
			Fix("try again " + soon(retryAfter(resp.Header)))
	case resp.StatusCode == http.StatusForbidden:
		return fault.New(fault.Denied, "refused: "+said.Message).Fix("check that --gateway is the gateway, and not the model behind it")
	case said.Message == "":
		return fault.New(fault.Upstream, fmt.Sprintf("an answer that is none of OpenAI's (%d)", resp.StatusCode)).Fix("check that --gateway is a gateway or an inlet")
	}
	return fault.New(fault.Invalid, fmt.Sprintf("refused (%d): %s", resp.StatusCode, said.Message))
}

func (a *asker) unidentified() *fault.Error {
	switch {
	case !a.key.Empty():
		return fault.New(fault.Unauthenticated, "the gateway does not accept this key: it is unknown, revoked or over").Fix("ask whoever gave it to you for another")
	case a.person != nil:
		return fault.New(fault.Unauthenticated, "the gateway does not accept your sign-in").Fix("run 'ostiary login', and check that tenant and scope are the gateway's")
	}
	return fault.New(fault.Unauthenticated, "the gateway wants to know who asks").Fix("run 'ostiary login --tenant ID --client-id ID', or give --key file:PATH")
}

// unreachable says why no answer came. The cause names addresses only.
func (a *asker) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	e := fault.New(fault.Unavailable, "the gateway cannot be reached").At(a.base)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e.Fix("if its certificate is of a company's own authority, name that with --ca FILE").Because(err)
	}
	return e.Fix("check --gateway, and the network").Because(err)
}

// noModel is the mistake of naming none. Azure's own list of models names no
// deployments, so nobody but the gateway's owner can say which there are.
func noModel() error {
	return fault.New(fault.Invalid, "which model to ask is not known").At("--model").
		Fix("give --model NAME, set OSTIARY_MODEL, or write model to ask.yaml; whoever runs the gateway knows the names")
}

func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseInt(h.Get("Retry-After-Ms"), 10, 64); err == nil && ms > 0 && ms < 1e9 {
		return time.Duration(ms) * time.Millisecond
	}
	if s, err := strconv.ParseInt(h.Get("Retry-After"), 10, 64); err == nil && s > 0 && s < 1e6 {
		return time.Duration(s) * time.Second
	}
	return 0
}

func soon(wait time.Duration) string {
	if wait == 0 {
		return "in a while"
	}
	return "in " + wait.Round(time.Second).String()
}

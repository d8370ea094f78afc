package node

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/internal/authority"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/membership"
)

// AdminFlag finds the authority's private listener.
type AdminFlag struct {
	Config string `xor:"admin" required:"" placeholder:"FILE" help:"Configuration file of the authority, to find its private listener."`
	Admin  string `xor:"admin" required:"" placeholder:"unix:PATH" help:"The authority's private listener itself."`
}

// call speaks to the admin API.
func (f *AdminFlag) call(env *Env, method, path string, in, out any) error {
	address := f.Admin
	if address == "" {
		s, err := section(env, f.Config, "authority", func(all Sections) *authority.Settings { return all.Authority })
		if err != nil {
			return err
		}
		address = s.AdminAddress()
	}
	socket, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return fault.New(fault.Invalid, "not a private listener").At(address).Fix("write unix:PATH")
	}
	return CallAdmin(env.Ctx, socket, method, path, in, out)
}

// CallAdmin calls the admin API behind a Unix socket: JSON in, JSON out.
func CallAdmin(ctx context.Context, socket, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := httpd.UnixClient(socket).Do(req)
	if err != nil {
		return fault.New(fault.Unavailable, "the authority does not answer").At("unix:" + socket).
			Fix("start `authority` first, and run this as the user that it runs as").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var p membership.Problem
		if json.Unmarshal(answer, &p) != nil || p.Error == "" {
			p.Error = resp.Status
		}
		return fault.New(fault.Invalid, p.Error)
	}
	return json.Unmarshal(answer, out)
}

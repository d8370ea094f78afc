package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/membership"
)

// gatewayAdminFlag finds a gateway's admin API.
type gatewayAdminFlag struct {
	Config string `xor:"admin" required:"" placeholder:"FILE" help:"Configuration file of the gateway, to find its private socket."`
	Admin  string `xor:"admin" required:"" placeholder:"unix:PATH" help:"The gateway's private socket itself."`
}

const maxAdminAnswer = 16 << 20 // bytes

// call asks the admin API; out takes the answers of these statuses.
func (f *gatewayAdminFlag) call(env *node.Env, method, path string, out any, takes ...int) error {
	address := f.Admin
	if address == "" {
		s, err := gatewayOf(f.Config)
		if err != nil {
			return err
		}
		address = s.AdminSocket()
	}
	socket, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return fault.New(fault.Invalid, "not a private socket").At(address).Fix("write unix:PATH")
	}
	req, err := http.NewRequestWithContext(env.Ctx, method, "http://admin"+path, nil)
	if err != nil {
		return err
	}
	client := httpd.UnixClient(socket)
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return fault.New(fault.Unavailable, "the gateway does not answer").At(address).
			Fix("start it first, and run this as the user that it runs as").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAdminAnswer))
	if err != nil {
		return fault.New(fault.Unavailable, "the gateway broke off").At(address).Because(err)
	}
	for _, status := range takes {
		if resp.StatusCode == status {
			return json.Unmarshal(answer, out)
		}
	}
	var p membership.Problem
	if json.Unmarshal(answer, &p) != nil || p.Error == "" {
		p.Error = "this socket is no gateway's: " + resp.Status
	}
	return fault.New(fault.Invalid, p.Error).At(address)
}

// gatewayReloadCmd is `gateway reload`.
type gatewayReloadCmd struct {
	gatewayAdminFlag
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (*gatewayReloadCmd) Help() string {
	return `It does what SIGHUP does, and waits for what comes of it: the file, and the secrets
and files that it names, are read again. What is not right changes nothing, is
told here as 'config check' would tell it, and is exit code 2.

Example:
  ostiary gateway reload --config ostiary.yaml`
}

// Run reloads.
func (c *gatewayReloadCmd) Run(env *node.Env) error {
	var came gateway.Reloaded
	if err := c.call(env, http.MethodPost, gateway.ReloadPath, &came, http.StatusOK, http.StatusUnprocessableEntity); err != nil {
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(env.Out).Encode(came); err != nil {
			return err
		}
	}
	if came.Error != "" {
		return fault.New(fault.Invalid, "the configuration in use is the old one: "+came.Error)
	}
	if c.JSON {
		return nil
	}
	out := &lines{w: env.Out}
	out.printf("the configuration is in force\n")
	if len(came.Later) > 0 {
		out.printf("at the next start: %s\n", strings.Join(came.Later, ", "))
	}
	return out.err
}

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ostiary/ostiary/internal/backend"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/limit/shared"
)

// gatewayStatusCmd is `gateway status`.
type gatewayStatusCmd struct {
	gatewayAdminFlag
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (*gatewayStatusCmd) Help() string {
	return `It asks a gateway that runs, by its private socket: admin.sock in the ledger's
directory, or what admin: names if that is a socket. A workload's use is that of
the last minute. A gateway that is not ready is exit code 1.

Examples:
  ostiary gateway status --config ostiary.yaml
  ostiary gateway status --admin unix:/var/lib/ostiary/ledger/admin.sock --json`
}

// Run prints the status.
func (c *gatewayStatusCmd) Run(env *node.Env) error {
	var s gateway.Status
	err := c.call(env, http.MethodGet, gateway.StatusPath, &s, http.StatusOK)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(env.Out).Encode(s)
	} else {
		err = printGateway(env.Out, s)
	}
	if err == nil && s.Ready != "yes" {
		err = fault.New(fault.No, "the gateway is not ready: "+s.Ready)
	}
	return err
}

func printGateway(w io.Writer, s gateway.Status) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	out := &lines{w: table}
	if s.Version != "" {
		out.printf("version\t%s\n", s.Version)
	}
	out.printf("since\t%s\nready\t%s\nin flight\t%d\n", clockTime(s.Since), s.Ready, s.InFlight)
	printReload(out, s.Reload)
	printLedger(out, s.Ledger)
	printShared(out, s.Shared)
	out.printf("\nBACKEND\tSTATE\tIN FLIGHT\tLATENCY\tLAST ERROR\tFOR\n")
	for _, b := range s.Backends {
		out.printf("%s\t%s\t%d\t%s\t%s\t%s\n", b.Name, backendState(b), b.InFlight, latency(b.Latency), lastError(b.LastError), b.Workload)
	}
	out.printf("\nWORKLOAD\tREQUESTS\tTOKENS\n")
	for _, u := range s.Workloads {
		out.printf("%s\t%s\t%s\n", u.Name, of(u.Used.Requests, u.Limits.Requests), of(u.Used.Tokens, u.Limits.Tokens))
	}
	if out.err != nil {
		return out.err
	}
	return table.Flush()
}

func clockTime(t time.Time) string { return t.Local().Format(time.DateTime) }

func printReload(out *lines, r *gateway.Reloaded) {
	if r == nil {
		return
	}
	what := "in force"
	if r.Error != "" {
		what = "refused, the configuration in use is the old one: " + strings.ReplaceAll(strings.TrimSpace(r.Error), "\n", "\n\t")
	}
	out.printf("reload\t%s %s\n", clockTime(r.At), what)
	if len(r.Later) > 0 {
		out.printf("\tat the next start: %s\n", strings.Join(r.Later, ", "))
	}
}

func printLedger(out *lines, l *gateway.LedgerStatus) {
	if l == nil {
		return
	}
	out.printf("ledger\t%s, %d entries\n", l.Directory, l.Entries)
	if l.Signed != nil {
		out.printf("\tsigned to %d, root %s\n", l.Signed.Size, l.Signed.Root)
	}
	for _, s := range l.Sinks {
		behind := "has all"
		if s.Lag > 0 {
			behind = strconv.FormatUint(s.Lag, 10) + " entries behind"
		}
		if !s.Oldest.IsZero() {
			behind += ", the oldest of " + clockTime(s.Oldest)
		}
		out.printf("sink\t%s %s\n", s.Name, behind)
	}
}

func printShared(out *lines, s *shared.Status) {
	if s == nil {
		return
	}
	state := "not asked yet"
	switch {
	case s.Up:
		state = "up since " + clockTime(s.Since)
	case !s.Since.IsZero():
		state = "down since " + clockTime(s.Since)
	}
	if s.Reason != "" {
		state += ", " + s.Reason
	}
	out.printf("shared limits\t%s %s; on failure %s\n", s.Address, state, s.OnFailure)
}

func backendState(b backend.Status) string {
	state := b.State
	if !b.Until.IsZero() {
		state += " until " + b.Until.Local().Format(time.TimeOnly)
	}
	if n := len(b.Throttled); n > 0 {
		state += fmt.Sprintf(", %d throttled", n)
	}
	return state
}

func latency(ms float64) string {
	if ms == 0 {
		return ""
	}
	return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
}

func lastError(e *backend.LastError) string {
	if e == nil {
		return ""
	}
	text := e.Kind
	if e.Status > 0 {
		text += " " + strconv.Itoa(e.Status)
	}
	return text + " at " + e.At.Local().Format(time.TimeOnly)
}

// of is a use, and its limit if there is one.
func of(used, limit int64) string {
	text := strconv.FormatInt(used, 10)
	if limit > 0 {
		text += " of " + strconv.FormatInt(limit, 10)
	}
	return text
}

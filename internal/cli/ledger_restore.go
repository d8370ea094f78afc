package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/secret"
	"github.com/ostiary/ostiary/internal/sink"
)

type ledgerRestoreCmd struct {
	remoteFlags
	Log  string `placeholder:"ID" help:"The log to restore, as --list names it."`
	Dir  string `placeholder:"DIR" help:"The directory to make; it must be empty or not there."`
	List bool   `help:"List the logs that are there."`
	JSON bool   `help:"Print as JSON."`
}

// remoteFlags name a ledger's remote.
type remoteFlags struct {
	Postgres secret.Ref `placeholder:"env:NAME|file:PATH" help:"Where the URL of the PostgreSQL database is written: it has a password, so it is no flag."`
	Kafka    []string   `placeholder:"HOST:PORT" help:"Brokers of Kafka or Event Hubs."`
	Topic    string     `help:"The topic, with --kafka."`

	Plaintext        bool       `help:"Speak without TLS, on loopback or on a network that you trust."`
	CA               string     `name:"ca" placeholder:"FILE" help:"PEM file of the only authority trusted for the server."`
	ConnectionString secret.Ref `placeholder:"env:NAME|file:PATH" help:"Log in at Event Hubs with this."`
	User             string     `help:"Log in at Kafka as this user."`
	Password         secret.Ref `placeholder:"env:NAME|file:PATH" help:"The user's password."`
	ManagedIdentity  bool       `help:"Log in at Azure as this host."`
	WorkloadIdentity bool       `help:"Log in at Azure as this Kubernetes pod."`
}

// settings are the same as in a configuration file, checked as there.
func (f *remoteFlags) settings() (s sink.RemoteSettings, err error) {
	var host *login.ManagedIdentity
	var pod *login.WorkloadIdentity
	if f.ManagedIdentity {
		host = &login.ManagedIdentity{}
	}
	if f.WorkloadIdentity {
		pod = &login.WorkloadIdentity{}
	}
	report := func(path, what, fix string) {
		if err == nil {
			err = fault.New(fault.Invalid, what).At(path).Fix(fix)
		}
	}
	if !f.Postgres.IsZero() {
		s.Postgres = &sink.PostgresSettings{URL: f.Postgres, Plaintext: f.Plaintext, CA: f.CA, ManagedIdentity: host, WorkloadIdentity: pod}
		s.Postgres.Check(report)
	}
	if len(f.Kafka) > 0 {
		s.Kafka = &sink.KafkaSettings{
			Brokers: f.Kafka, Topic: f.Topic, Plaintext: f.Plaintext, CA: f.CA,
			ConnectionString: f.ConnectionString, User: f.User, Password: f.Password, ManagedIdentity: host, WorkloadIdentity: pod,
		}
		if f.Topic == "" {
			report("", "no topic", "add --topic NAME")
		}
		s.Kafka.Check(report)
	}
	if (s.Postgres == nil) == (s.Kafka == nil) {
		report("", "no remote, or two", "name --postgres or --kafka")
	}
	return s, err
}

// Help is shown by --help.
func (*ledgerRestoreCmd) Help() string {
	return `For a ledger with a remote, whose disk is gone. It makes a directory that can be
verified, queried and opened as the ledger itself; the key that signs was on the
disk, so nobody can write to it. A gateway that starts on an empty disk begins
another log, with another id; --list shows all of them.

The restored log is verified, and the exit code is 1 if anything is wrong with it
or missing. Compare the key that is printed with a copy kept elsewhere, and hold
the log to a witness if there is one (ledger verify --witness).

Examples:
  LEDGER_URL=postgres://… ostiary ledger restore --postgres env:LEDGER_URL --list
  ostiary ledger restore --postgres file:/run/secrets/ledger-url --log 0f3a… --dir ./restored
  ostiary ledger restore --kafka NAMESPACE.servicebus.windows.net:9093 --topic ledger --managed-identity --log 0f3a… --dir ./restored`
}

// Run lists or restores.
func (c *ledgerRestoreCmd) Run(env *node.Env) error {
	s, err := c.settings()
	switch {
	case err != nil:
		return err
	case c.List:
		return c.list(env, s)
	case c.Log == "" || c.Dir == "":
		return fault.New(fault.Invalid, "nothing to restore, or nowhere").Fix("name --log and --dir, or ask with --list")
	}
	found, err := sink.RestoreRemote(env.Ctx, s, c.Log, c.Dir)
	if err != nil {
		return err
	}
	report, err := ledger.VerifyLog(c.Dir)
	if err != nil {
		return err
	}
	if err := c.print(env, found, report); err != nil {
		return err
	}
	if !report.OK() {
		return fault.New(fault.No, "what the remote has is not the whole log as it was written").At(c.Dir)
	}
	return nil
}

func (c *ledgerRestoreCmd) print(env *node.Env, found sink.Restored, report ledger.LogReport) error {
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(struct {
			sink.Restored
			ledger.LogReport
		}{found, report})
	}
	for _, g := range found.Lost {
		_, _ = fmt.Fprintf(env.Out, "entries %d to %d are not there any more\n", g.First, g.Last)
	}
	for _, p := range report.Problems {
		_, _ = fmt.Fprintln(env.Out, p)
	}
	_, err := fmt.Fprintf(env.Out, "restored: %d entries, %d key files; checkpoint over %d entries\nkey %s\n",
		report.Entries, found.Keys, report.Checkpoint, report.Key)
	return err
}

func (c *ledgerRestoreCmd) list(env *node.Env, s sink.RemoteSettings) error {
	logs, err := sink.RemoteLogs(env.Ctx, s)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(logs)
	}
	w := tabwriter.NewWriter(env.Out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "LOG\tFIRST BLOCK\tLAST BLOCK\tENTRIES\tSIGNED\tBYTES\tKEYS")
	for _, l := range logs {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d–%d\t%d\t%d\t%d\n", l.Log, second(l.Since), second(l.Until), l.First, max(l.Entries, 1)-1, l.Signed, l.Bytes, l.Keys)
	}
	return w.Flush()
}

func second(t time.Time) string { return t.UTC().Format(time.RFC3339) }

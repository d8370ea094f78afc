package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/report"
	"github.com/ostiary/ostiary/internal/topology"
)

// verifyCmd is `verify`.
type verifyCmd struct {
	Judge   judgeCmd   `cmd:"" default:"withargs" help:"Judge an estate; this is what verify does without a word more."`
	Diff    diffCmd    `cmd:"" help:"Compare two reports: what changed in who can reach."`
	Explain explainCmd `cmd:"" help:"Explain a check: what it looks at, why, and which rules elsewhere are like it."`
}

type judgeCmd struct {
	Snapshot     string   `xor:"source" required:"" placeholder:"FILE" help:"Resources as ARM returns them, or what --save kept."`
	Plan         string   `xor:"source" required:"" placeholder:"FILE" help:"Output of terraform show -json."`
	Live         bool     `xor:"source" required:"" help:"Read Azure with the login at hand; the role Reader is enough."`
	Subscription []string `placeholder:"ID" help:"With --live: read these alone; may be repeated."`
	Save         string   `placeholder:"FILE" help:"With --live: keep what was read."`
	Client       []string `placeholder:"ID" help:"An intended client: id or name of a network, subnet, app or site, or a prefix; may be repeated. Without it, rules that admit on purpose say who is meant."`
	Waivers      string   `placeholder:"FILE" help:"YAML with findings that are accepted until a day."`
	Strict       bool     `help:"Let advice decide too."`
	Format       string   `default:"table" enum:"table,json,sarif,junit,html" help:"table, json, sarif, junit or html (${default})."`
	Out          string   `placeholder:"FILE" help:"Write the report here; the verdict is still said."`
	All          bool     `help:"With table: list what passed too."`
	probeFlags
}

// Help is shown by --help.
func (*judgeCmd) Help() string { return verifyHelp }

// Help is shown by verify --help.
func (*verifyCmd) Help() string { return verifyHelp }

const verifyHelp = `It follows names, routes and security groups as Azure does, and says who can reach
the model, by which rule. It sends nothing into the network that it judges, unless
--probe asks it to look. What is seen is then held against what is modelled of the
place where this machine stands: --from, else the subnet that holds its address, else
the internet. A place that is modelled to reach an endpoint is meant to; --inside says
so of any other.

Exit codes: 0 private, 1 open, 2 usage, 3 could not find out.

Examples:
  ostiary verify --live --save estate.json
  ostiary verify --snapshot estate.json --client snet-apps --format html --out report.html
  terraform show -json plan.bin > plan.json && ostiary verify --plan plan.json --format sarif --out ostiary.sarif
  ostiary verify --snapshot estate.json --probe --from snet-apps
  ostiary verify diff before.json after.json`

// Run judges and reports.
func (c *judgeCmd) Run(env *node.Env, version node.Version, here Machine) error {
	o := posture.Options{Clients: c.Client, Now: time.Now()}
	if err := c.waivers(&o); err != nil {
		return err
	}
	e, err := c.read(env, &o)
	if err != nil {
		return err
	}
	t := topology.New(e, topology.Config{})
	r := posture.Judge(e, t, o)
	if err := c.look(env, t, here, o, &r); err != nil {
		return err
	}
	if err := c.write(env, e, r, version); err != nil {
		return err
	}
	return c.verdict(r)
}

// waivers reads the file of accepted findings.
func (c *judgeCmd) waivers(o *posture.Options) error {
	if c.Waivers == "" {
		return nil
	}
	var f struct {
		Waivers []posture.Waiver `yaml:"waivers" config:"required" doc:"findings that are accepted until a day"`
	}
	err := config.Load(c.Waivers, &f, config.Options{})
	o.Waivers = f.Waivers
	return err
}

// read opens the source that was named.
func (c *judgeCmd) read(env *node.Env, o *posture.Options) (*estate.Estate, error) {
	if c.Live {
		s, err := c.readLive(env)
		if err != nil {
			return nil, err
		}
		describe(s, o)
		data, err := s.JSON() // what --save wrote, to the byte
		if err != nil {
			return nil, err
		}
		return estate.ReadARM(bytes.NewReader(data), estate.Options{})
	}
	path := c.file()
	o.Source, o.Taken = path, o.Now
	if info, err := os.Stat(path); err == nil {
		o.Taken = info.ModTime()
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the estate").Because(err)
	}
	defer func() { _ = f.Close() }()
	if c.Snapshot != "" && savedByUs(f) {
		s, err := azure.ReadFile(path)
		if err != nil {
			return nil, err
		}
		describe(s, o)
	}
	read := estate.ReadARM
	if c.Plan != "" {
		read = estate.ReadPlan
	}
	e, err := read(f, estate.Options{})
	if at, ok := errors.AsType[*fault.Error](err); ok {
		err = at.At(strings.TrimSuffix(path+": "+at.Where, ": "))
	}
	return e, err
}

// file is the file that the report's pointers lead into; empty where none is
// kept.
func (c *judgeCmd) file() string {
	if c.Live {
		return c.Save
	}
	return c.Snapshot + c.Plan
}

// savedByUs says whether a file begins as --save writes it: such a file also
// tells when it was read, and what could not be.
func savedByUs(f *os.File) bool {
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	return (err == nil || errors.Is(err, io.EOF)) && bytes.Contains(head[:n], []byte(azure.Format))
}

// describe says what a snapshot holds.
func describe(s azure.Snapshot, o *posture.Options) {
	names := make([]string, 0, len(s.Subscriptions))
	for _, sub := range s.Subscriptions {
		names = append(names, sub.ID)
	}
	o.Source, o.Taken = "subscriptions "+strings.Join(names, ", "), s.Taken
	o.Listed = s.Listed()
}

// readLive reads Azure with the login at hand, and says how far it is.
func (c *judgeCmd) readLive(env *node.Env) (azure.Snapshot, error) {
	login, err := azureLogin()
	if err != nil {
		return azure.Snapshot{}, err
	}
	s, err := azure.Read(env.Ctx, azure.Config{
		Credential: login, Subscriptions: c.Subscription, Log: env.Log,
		Progress: func(done, total int, what string) {
			if isTerminal(env.Err) {
				_, _ = fmt.Fprintf(env.Err, "\r\x1b[Kread %d of %d  %s", done, total, what)
			}
		},
	})
	if isTerminal(env.Err) {
		_, _ = fmt.Fprint(env.Err, "\r\x1b[K")
	}
	if err == nil && c.Save != "" {
		err = s.WriteFile(c.Save)
	}
	return s, err
}

// write renders the report to the file or the terminal.
func (c *judgeCmd) write(env *node.Env, e *estate.Estate, r posture.Report, version node.Version) error {
	out := env.Out
	if c.Out != "" {
		f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return fault.New(fault.Invalid, "cannot write the report").Because(err)
		}
		defer func() { _ = f.Close() }()
		out = f
	}
	if err := c.render(out, e, r, version); err != nil {
		return err
	}
	if c.Out == "" {
		return nil
	}
	_, err := fmt.Fprintf(env.Out, "%s; the report is in %s\n", r.Verdict, c.Out)
	return err
}

func (c *judgeCmd) render(out io.Writer, e *estate.Estate, r posture.Report, version node.Version) error {
	switch c.Format {
	case "json":
		return report.JSON(out, r)
	case "sarif":
		o := report.SARIFOptions{File: c.file(), Version: string(version)}
		if o.File != "" {
			o.Lines = lineIn(e)
		}
		return report.SARIF(out, r, o)
	case "junit":
		return report.JUnit(out, r, report.JUnitOptions{Strict: c.Strict})
	case "html":
		return report.HTML(out, r)
	default:
		width := 0
		if f, ok := out.(*os.File); ok && isTerminal(out) {
			if w, _, err := term.GetSize(int(f.Fd())); err == nil {
				width = w
			}
		}
		return report.Table(out, r, report.Options{Color: isTerminal(out), Width: width, All: c.All})
	}
}

// lineIn says on which line a place stands: a pointer's, or else a resource's.
func lineIn(e *estate.Estate) func(resource, pointer string) int {
	return func(resource, pointer string) int {
		if t := e.Find(resource); t != nil && pointer == "" {
			pointer = e.Pointer(t.Base().At)
		}
		return e.Line(pointer)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// verdict maps the report to the exit code.
func (c *judgeCmd) verdict(r posture.Report) error {
	switch {
	case r.Verdict == posture.Open:
		return fault.New(fault.No, "the model is not private")
	case r.Verdict == posture.Undecided:
		return fault.New(fault.Unavailable, "whether the model is private cannot be told from this").
			Fix("see what is unknown, and let the reader see it")
	case c.Strict && adviceFails(r):
		return fault.New(fault.No, "advice is not followed, and --strict lets it decide")
	}
	return nil
}

func adviceFails(r posture.Report) bool {
	return slices.ContainsFunc(r.Findings, func(f posture.Finding) bool {
		return f.Level == posture.Advice && f.Status == posture.Fail && f.Waiver == nil
	})
}

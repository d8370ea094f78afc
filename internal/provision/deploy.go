package provision

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/ostiary/ostiary/internal/azure"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/modules"
)

// Config is what New needs.
type Config struct {
	Settings  Settings
	Directory string           // the workspace; made if absent
	Tool      string           // terraform or tofu; empty looks for either
	Modules   string           // directory with a copy of the modules; empty takes those of this binary
	Azure     azure.Config     // login and cloud; Subscriptions is set by New
	Image     Image            // what the gateway's image is made of
	Tell      func(Step)       // of each resource; nil: nobody
	Say       func(string)     // of each stage, one sentence; nil: nobody
	Logger    *slog.Logger     // nil discards
	Now       func() time.Time // nil is time.Now
}

// Deployment plans, applies and destroys one estate.
type Deployment struct {
	Config

	space workspace
	path  string // of the tool
	arm   *manager
	graph *manager
	pause time.Duration // before what Graph does not know yet is asked for again; zero: settlePause
}

// The stacks, in order.
const (
	globalStack   = "global"
	workloadStack = "workload"
)

// New finds the tool and the subscription. It changes nothing.
func New(ctx context.Context, cfg Config) (*Deployment, error) {
	cfg.Settings = cfg.Settings.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Say == nil {
		cfg.Say = func(string) {}
	}
	d := &Deployment{Config: cfg, space: workspace(cfg.Directory)}
	var err error
	if d.path, err = findTool(cfg.Tool); err != nil {
		return nil, err
	}
	if d.arm, err = newManager(cfg.Azure); err != nil {
		return nil, err
	}
	d.graph = newGraph(cfg.Azure)
	if d.Settings.Subscription, err = d.arm.subscription(ctx, d.Settings.Subscription); err != nil {
		return nil, err
	}
	d.Azure.Subscriptions = []string{d.Settings.Subscription}
	if err := d.unpack(); err != nil {
		return nil, err
	}
	return d, nil
}

// unpack lays out the modules that were asked for.
func (d *Deployment) unpack() error {
	if d.Modules == "" {
		return d.space.unpack(modules.Files)
	}
	from := os.DirFS(d.Modules)
	if err := needsStacks(from, d.Modules); err != nil {
		return err
	}
	return d.space.unpack(from)
}

// open makes the tool ready in a stack's directory: variables written, modules
// and providers there, the state where it belongs.
func (d *Deployment) open(ctx context.Context, stack string, v variables, remote *State, migrate bool) (*tool, error) {
	if err := d.space.configure(stack, v, remote); err != nil {
		return nil, err
	}
	t, err := newTool(d.path, d.space.stack(stack), d.space.log(stack))
	if err != nil {
		return nil, err
	}
	opts := []tfexec.InitOption{tfexec.Reconfigure(true), tfexec.Upgrade(false)}
	if migrate {
		opts = []tfexec.InitOption{tfexec.ForceCopy(true), tfexec.Upgrade(false)}
	}
	begun := t.Init(ctx, opts...)
	if err := cmp.Or(t.mayRead(ctx), t.said("preparing "+stack, begun, nil)); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// global reads stage one's outputs; ok is false before there are any.
func (d *Deployment) global(ctx context.Context, t *tool) (g Global, ok bool, err error) {
	out, err := t.outputs(ctx)
	if err != nil {
		return g, false, t.said("reading the outputs", err, nil)
	}
	raw, ok := out["global"]
	if !ok || string(raw.Value) == "null" {
		return g, false, nil
	}
	if err := json.Unmarshal(raw.Value, &g); err != nil {
		return g, false, fault.New(fault.Invalid, "the outputs of stage global are not its").Because(err)
	}
	return g, g.State.Account != "", nil
}

// remembered is where state lies, as a run before this one left it.
func (d *Deployment) remembered() *State {
	data, err := os.ReadFile(filepath.Join(d.Directory, "state.json"))
	var s State
	if err != nil || json.Unmarshal(data, &s) != nil || s.Account == "" {
		return nil
	}
	return &s
}

func (d *Deployment) remember(s *State) error {
	path := filepath.Join(d.Directory, "state.json")
	if s == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return replace(path, append(data, '\n'))
}

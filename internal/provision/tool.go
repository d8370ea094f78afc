package provision

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"

	"github.com/ostiary/ostiary/internal/fault"
)

// oldest is the first version whose variables may be validated by one another.
const oldest = "1.9.0"

// tool is terraform or tofu in one stack's directory.
type tool struct {
	*tfexec.Terraform
	log *os.File // everything the tool says, for whoever has to look
}

// findTool is the path of the tool: the one asked for, else terraform, else tofu.
func findTool(asked string) (string, error) {
	for _, name := range []string{asked, "terraform", "tofu"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
		if name == asked {
			return "", fault.New(fault.Invalid, "the tool is not there").At(asked).Fix("give the path of terraform or tofu, " + oldest + " or later")
		}
	}
	return "", fault.New(fault.Invalid, "neither terraform nor tofu is installed").
		Fix("install Terraform or OpenTofu, " + oldest + " or later, or name it with --tool")
}

// newTool opens the tool in a stack's directory. Its own variables are kept from
// it: what is applied is what the estate says.
func newTool(path, dir, log string) (*tool, error) {
	tf, err := tfexec.NewTerraform(dir, path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the tool cannot be run").At(path).Because(err)
	}
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "TF_VAR_") {
			env[name] = value
		}
	}
	if err := tf.SetEnv(tfexec.CleanEnv(env)); err != nil {
		return nil, fault.New(fault.Internal, "the tool's environment").Because(err)
	}
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot write the log").At(log).Because(err)
	}
	tf.SetStdout(f)
	tf.SetStderr(f)
	// An interrupt reaches the tool once, and then it has time to stop what it
	// does and release its state.
	if err := tf.SetWaitDelay(lastWords); err != nil {
		return nil, err
	}
	return &tool{Terraform: tf, log: f}, nil
}

func (t *tool) close() { _ = t.log.Close() }

// checkVersion refuses a tool that is too old. It gives the name and the version,
// as "OpenTofu 1.12.6".
func (t *tool) checkVersion(ctx context.Context) (string, error) {
	v, _, err := t.Version(ctx, true)
	if err != nil {
		return "", fault.New(fault.Invalid, "the tool does not say its version").At(t.ExecPath()).Because(err)
	}
	if v.LessThan(minimum()) {
		return "", fault.New(fault.Invalid, "the tool is version "+v.String()).At(t.ExecPath()).
			Fix("install " + oldest + " or later, or name another with --tool")
	}
	name := "Terraform"
	if t.isTofu(ctx) {
		name = "OpenTofu"
	}
	return name + " " + v.String(), nil
}

// isTofu says which of the two it is: only their text does, not their JSON.
func (t *tool) isTofu(ctx context.Context) bool {
	cmd := exec.CommandContext(ctx, t.ExecPath(), "version") // #nosec G204 -- the tool that was found
	cmd.Dir = t.WorkingDir()
	out, err := cmd.Output()
	return err == nil && strings.Contains(string(out), "OpenTofu v")
}

// State, plan and outputs may hold what no log may: they are read past it.

func (t *tool) state(ctx context.Context) (string, error) {
	t.SetStdout(io.Discard)
	defer t.SetStdout(t.log)
	return t.StatePull(ctx)
}

func (t *tool) shown(ctx context.Context, plan string) (*tfjson.Plan, error) {
	t.SetStdout(io.Discard)
	defer t.SetStdout(t.log)
	return t.ShowPlanFile(ctx, plan)
}

func (t *tool) outputs(ctx context.Context) (map[string]tfexec.OutputMeta, error) {
	t.SetStdout(io.Discard)
	defer t.SetStdout(t.log)
	return t.Output(ctx)
}

// mayRead refuses to Terraform a state that OpenTofu wrote: it names providers of
// a registry that Terraform would have to ask for another build of them. The
// other way round OpenTofu takes the addresses over, which is documented.
func (t *tool) mayRead(ctx context.Context) error {
	state, err := t.state(ctx)
	if err != nil || !strings.Contains(state, `[\"registry.opentofu.org/`) || t.isTofu(ctx) {
		return nil //nolint:nilerr // what cannot be read is said by whoever needs it
	}
	return fault.New(fault.Invalid, "OpenTofu wrote this state, and the tool is Terraform").At(t.ExecPath()).
		Fix("give --tool tofu; back to Terraform leads `terraform state replace-provider` in each stack, and is not tried here")
}

// said turns an error of the tool into one that says where the rest is.
func (t *tool) said(what string, err error, events *progress) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return fault.New(fault.Unavailable, what+" was interrupted").Because(err).
			Fix("run the same command again: it goes on where it stopped")
	}
	f := fault.New(fault.Unavailable, what+" failed")
	if events != nil && len(events.errors) > 0 {
		f = fault.New(fault.Unavailable, what+" failed: "+strings.Join(events.errors, "; "))
	} else {
		f = f.Because(err)
	}
	return f.Fix("mend that and run the same command again; everything that was said is in " + t.log.Name())
}

// tee writes to both; the tool's own words go to its log as well.
func (t *tool) tee(w io.Writer) io.Writer { return io.MultiWriter(t.log, w) }

// showJSON is a plan as the tool's own JSON, byte for byte.
func (t *tool) showJSON(ctx context.Context, plan string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, t.ExecPath(), "show", "-json", plan) // #nosec G204 -- the tool that was found
	cmd.Dir = t.WorkingDir()
	cmd.Stderr = t.log
	out, err := cmd.Output()
	if err != nil {
		return nil, t.said("reading the plan", err, nil)
	}
	return out, nil
}

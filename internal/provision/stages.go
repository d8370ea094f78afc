package provision

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/ostiary/ostiary/internal/fault"
)

// placeholder stands for the image before one was pushed: a plan needs a name.
const placeholder = repository + "@sha256:0000000000000000000000000000000000000000000000000000000000000000"

// Plan says what both stages would do. Before stage one was applied, the second
// is planned with names in place of what it will get.
func (d *Deployment) Plan(ctx context.Context) ([]Plan, error) {
	g, made, first, err := d.planGlobal(ctx)
	if err != nil {
		return nil, err
	}
	if !made {
		g = d.expected()
	}
	image := placeholder
	if img, err := d.Image.Build(); err == nil {
		if digest, err := img.Digest(); err == nil {
			image = repository + "@" + digest.String()
		}
	}
	second, chat, err := d.planWorkload(ctx, g, image)
	if err != nil {
		return nil, err
	}
	if !d.Settings.Register {
		return []Plan{first, second}, nil
	}
	people, err := d.planSignIn(ctx, chat)
	if err != nil {
		return nil, err
	}
	return []Plan{first, people, second}, nil
}

func (d *Deployment) planGlobal(ctx context.Context) (g Global, made bool, p Plan, err error) {
	t, err := d.open(ctx, globalStack, d.Settings.globalVariables(), d.remembered(), false)
	if err != nil {
		return g, false, p, err
	}
	defer t.close()
	if g, made, err = d.global(ctx, t); err != nil {
		return g, made, p, err
	}
	p, err = d.plan(ctx, t, globalStack, false)
	return g, made, p, err
}

func (d *Deployment) planWorkload(ctx context.Context, g Global, image string) (Plan, *chatPlace, error) {
	known, err := d.known(ctx)
	if err != nil {
		return Plan{}, nil, err
	}
	v, err := d.Settings.workloadVariables(g, image, known)
	if err != nil {
		return Plan{}, nil, err
	}
	var remote *State
	if d.remembered() != nil {
		remote = &g.State
	}
	t, err := d.open(ctx, workloadStack, v, remote, false)
	if err != nil {
		return Plan{}, nil, err
	}
	defer t.close()
	chat, err := d.chatPlace(ctx, t)
	if err != nil {
		return Plan{}, nil, err
	}
	p, err := d.plan(ctx, t, workloadStack, true)
	return p, chat, err
}

// plan makes a plan file and reads it.
func (d *Deployment) plan(ctx context.Context, t *tool, stack string, judge bool) (Plan, error) {
	p := Plan{Stage: stack, file: d.space.plan(stack), leans: d.Settings.leans(), judged: judge}
	events := &progress{stage: stack, tell: d.Tell}
	_, err := t.PlanJSON(ctx, t.tee(events), tfexec.Out(p.file), tfexec.Lock(true))
	if err != nil {
		return p, t.said("planning "+stack, err, events)
	}
	if err := os.Chmod(p.file, 0o600); err != nil {
		return p, fault.New(fault.Internal, "the plan's file").Because(err)
	}
	shown, err := t.shown(ctx, p.file)
	if err != nil {
		return p, t.said("reading the plan", err, nil)
	}
	p.Changes = changes(shown)
	if !judge {
		return p, nil
	}
	text, err := t.showJSON(ctx, p.file)
	if err != nil {
		return p, err
	}
	p.Report, err = d.judgePlan(text, p.file)
	return p, err
}

// expected are stage one's outputs by the names that it will give.
func (d *Deployment) expected() Global {
	s := d.Settings
	group := s.Existing.ResourceGroup
	if group == "" {
		group = s.Name + "-global"
	}
	in := "/subscriptions/" + s.Subscription + "/resourceGroups/" + group + "/providers/"
	logs := s.Existing.LogAnalytics
	if logs == "" {
		logs = in + "Microsoft.OperationalInsights/workspaces/" + s.Name + "-logs"
	}
	return Global{
		RegistryID: in + "Microsoft.ContainerRegistry/registries/" + s.registry(), RegistryServer: s.registry() + ".azurecr.io",
		LogAnalytics: logs, ResourceGroup: group,
		State: State{Account: s.stateAccount(), Container: "tfstate", ResourceGroup: group, Entra: true},
	}
}

// Apply goes through the stages: global, its state moved to storage, the image,
// the workload if its plan is private, and leaves the proof to Prove. Each stage
// that has nothing to do does nothing, so a run that failed goes on.
func (d *Deployment) Apply(ctx context.Context) error {
	g, err := d.applyGlobal(ctx)
	if err != nil {
		return err
	}
	image, err := d.push(ctx, g)
	if err != nil {
		return err
	}
	if err := d.register(ctx, nil); err != nil {
		return err
	}
	d.Say("planning the workload")
	p, _, err := d.planWorkload(ctx, g, image)
	if err != nil {
		return err
	}
	if err := p.Refusal(); err != nil {
		return err
	}
	create, change, remove := p.Counts()
	d.Say(fmt.Sprintf("the plan may be applied: %d to create, %d to change, %d to delete", create, change, remove))
	t, err := newTool(d.path, d.space.stack(workloadStack), d.space.log(workloadStack))
	if err != nil {
		return err
	}
	defer t.close()
	if err := d.applyPlan(ctx, t, p); err != nil {
		return err
	}
	chat, err := d.chatPlace(ctx, t)
	if err != nil || chat == nil {
		return err
	}
	if err := d.register(ctx, chat); err != nil {
		return err
	}
	return d.sayUnfinished(ctx, chat)
}

func (d *Deployment) applyGlobal(ctx context.Context) (Global, error) {
	before := d.remembered()
	t, err := d.open(ctx, globalStack, d.Settings.globalVariables(), before, false)
	if err != nil {
		return Global{}, err
	}
	defer func() { t.close() }()
	p, err := d.plan(ctx, t, globalStack, false)
	if err != nil {
		return Global{}, err
	}
	create, change, remove := p.Counts()
	d.Say(fmt.Sprintf("global: %d to create, %d to change, %d to delete", create, change, remove))
	if err := d.applyPlan(ctx, t, p); err != nil {
		return Global{}, err
	}
	g, made, err := d.global(ctx, t)
	if err != nil {
		return g, err
	}
	if !made {
		return g, fault.New(fault.Internal, "stage global gave no outputs")
	}
	if before == nil {
		d.Say("moving the state to storage")
		moved, err := d.open(ctx, globalStack, d.Settings.globalVariables(), &g.State, true)
		if err != nil {
			return g, err
		}
		t.close()
		t = moved
		if err := d.remember(&g.State); err != nil {
			return g, fault.New(fault.Invalid, "cannot remember where the state is").Because(err)
		}
	}
	return g, nil
}

// push builds the image and sends it, if it is not there.
func (d *Deployment) push(ctx context.Context, g Global) (string, error) {
	d.Say("building the image")
	img, err := d.Image.Build()
	if err != nil {
		return "", err
	}
	login, err := registryLogin(ctx, g.RegistryServer, d.Azure.Credential, http.DefaultClient)
	if err != nil {
		return "", err
	}
	if m := d.Settings.Audit.Metrics; m != nil {
		if err := m.imported(ctx, g.RegistryServer, login, http.DefaultTransport); err != nil {
			return "", err
		}
	}
	d.Say("pushing it to " + g.RegistryServer)
	return Push(ctx, img, g.RegistryServer, login, http.DefaultTransport)
}

// Destroy takes everything down, in order: the workload, then, with its state
// back on this machine, what exists once.
func (d *Deployment) Destroy(ctx context.Context) error {
	remote := d.remembered()
	t, err := d.open(ctx, globalStack, d.Settings.globalVariables(), remote, false)
	if err != nil {
		return err
	}
	g, made, err := d.global(ctx, t)
	t.close()
	if err != nil {
		return err
	}
	if made {
		if begun := d.space.unfinished(workloadStack).before; len(begun) > 0 {
			d.Say(fmt.Sprintf("an earlier run was interrupted while it made %d resources: if one is left, run apply once more, and then destroy", len(begun)))
		}
		d.Say("destroying the workload")
		v, err := d.Settings.workloadVariables(g, placeholder, directory{})
		if err != nil {
			return err
		}
		if err := d.destroy(ctx, workloadStack, v, &g.State, false); err != nil {
			return err
		}
	}
	d.Say("destroying what exists once")
	if err := d.destroy(ctx, globalStack, d.Settings.globalVariables(), nil, remote != nil); err != nil {
		return err
	}
	if err := d.remember(nil); err != nil {
		return err
	}
	return d.unregister(ctx)
}

func (d *Deployment) destroy(ctx context.Context, stack string, v variables, remote *State, migrate bool) error {
	t, err := d.open(ctx, stack, v, remote, migrate)
	if err != nil {
		return err
	}
	defer t.close()
	events := &progress{stage: stack, tell: d.Tell}
	err = t.said("destroying "+stack, t.DestroyJSON(ctx, t.tee(events)), events)
	if err == nil {
		d.space.unfinished(stack).clear()
	}
	return err
}

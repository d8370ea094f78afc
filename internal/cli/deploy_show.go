package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/provision"
)

// steps shows progress: a line that moves on a terminal, a line for each end
// elsewhere.
type steps struct {
	out      io.Writer
	terminal bool
}

func (s steps) say(text string) { _, _ = fmt.Fprintln(s.out, text) }

func (s steps) step(p provision.Step) {
	took := p.Took.Round(time.Second)
	switch {
	case p.Failed:
		_, _ = fmt.Fprintf(s.out, "✗ %s %s after %s\n", p.Action, p.Resource, took)
	case p.Done:
		wipe := ""
		if s.terminal {
			wipe = "\r\x1b[K"
		}
		_, _ = fmt.Fprintf(s.out, "%s✓ %s %s %s\n", wipe, p.Action, p.Resource, took)
	case s.terminal:
		_, _ = fmt.Fprintf(s.out, "\r\x1b[K… %s %s %s", p.Action, p.Resource, took)
	}
}

// agreed asks on a terminal; elsewhere nobody has agreed.
func agreed(env *node.Env, question string) bool {
	f, ok := env.In.(*os.File)
	if !ok || !isTerminal(f) {
		return false
	}
	_, _ = fmt.Fprint(env.Err, question+" [yes/no] ")
	line, err := bufio.NewReader(io.LimitReader(env.In, 64)).ReadString('\n')
	return err == nil && strings.TrimSpace(line) == "yes"
}

type deployImageCmd struct {
	Binary string `placeholder:"FILE" help:"Static Linux binary; default this one."`
	Roots  string `placeholder:"FILE" help:"CA certificates in PEM; default the system's."`
	Out    string `placeholder:"DIR" help:"Write an OCI image layout here."`
	Push   string `placeholder:"SERVER" help:"Push it to this registry; without a login unless it is Azure's, which deploy apply does."`
}

// Help is shown by deploy image --help.
func (*deployImageCmd) Help() string {
	return `The image holds the binary, CA certificates and a list of what the binary is made
of, and runs as nobody. The same inputs give the same digest.

Examples:
  ostiary deploy image --binary bin/ostiary-production
  ostiary deploy image --out image/
  ostiary deploy image --push 127.0.0.1:5000`
}

// Run builds, writes and pushes.
func (c *deployImageCmd) Run(env *node.Env, version node.Version) error {
	img, err := provision.Image{Binary: c.Binary, Roots: c.Roots, Version: string(version)}.Build()
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	if c.Out != "" {
		p, err := layout.Write(c.Out, empty.Index)
		if err == nil {
			err = p.AppendImage(img)
		}
		if err != nil {
			return fault.New(fault.Invalid, "cannot write the image").At(c.Out).Because(err)
		}
	}
	if c.Push != "" {
		if _, err := provision.Push(env.Ctx, img, c.Push, authn.Anonymous, nil); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(env.Out, digest)
	return err
}

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

// askCmd is `ask`.
type askCmd struct {
	personFlags
	Text     []string `arg:"" optional:"" help:"The question. Without it, a conversation."`
	File     []string `short:"f" placeholder:"FILE" help:"Add a file, text or picture; may be repeated."`
	Model    string   `short:"m" env:"OSTIARY_MODEL" placeholder:"NAME" help:"Deployment to ask."`
	System   string   `env:"OSTIARY_SYSTEM" placeholder:"TEXT" help:"System prompt."`
	Key      string   `env:"OSTIARY_KEY" placeholder:"REF" help:"A gateway key, env:NAME or file:PATH, in place of signing in."`
	JSON     bool     `help:"Print one JSON object."`
	NoStream bool     `help:"Wait for the whole answer."`
}

// Help is shown by --help.
func (*askCmd) Help() string {
	return `What is piped in is added to the question. Ctrl-C ends an answer; the exit code
is then 130. Without a question, at a terminal, it is a conversation: /help there
lists its commands.

Examples:
  ostiary ask "What is a private endpoint?"
  cat report.txt | ostiary ask "Summarise this in five lines"
  ostiary ask -f main.go -f go.mod "What would you change?" --model gpt-4o
  ostiary ask --json "One word: yes or no?" | jq -r .answer`
}

// ExitCode is what the command line ends with where no kind of fault says it.
type ExitCode int

// The exit codes after Ctrl-C and after SIGTERM: 128 and the signal's number.
const (
	interrupted ExitCode = 130
	terminated  ExitCode = 143
)

// Run asks.
func (c *askCmd) Run(env *node.Env, exit *ExitCode) error {
	s, err := c.allSettings()
	if err != nil {
		return err
	}
	asker, err := newAsker(s, s.Key)
	if err != nil {
		return err
	}
	asker.model, asker.stream = s.Model, !c.NoStream
	input, err := c.question(env)
	if err != nil {
		return err
	}
	if input == nil {
		if c.JSON {
			return fault.New(fault.Invalid, "no question").Fix("give it as an argument, or pipe it in")
		}
		return c.converse(env, asker, s.System)
	}
	if s.Model == "" {
		return noModel()
	}
	var messages []message
	if s.System != "" {
		messages = append(messages, message{Role: "system", Content: s.System})
	}
	messages = append(messages, message{Role: "user", Content: input})
	if c.JSON {
		err = c.printJSON(env, asker, messages)
	} else {
		err = c.print(env, asker, messages)
	}
	if env.Ctx.Err() != nil {
		*exit = interrupted
		return nil //nolint:nilerr // whoever pressed Ctrl-C knows why
	}
	return err
}

func (c *askCmd) allSettings() (askSettings, error) {
	s, err := c.settings()
	if err != nil {
		return s, err
	}
	if s.Gateway == "" {
		return s, fault.New(fault.Invalid, "which gateway to ask is not known").At("--gateway").
			Fix("give --gateway URL, set OSTIARY_GATEWAY, or write it to ask.yaml")
	}
	s.Model, s.System = cmp.Or(c.Model, s.Model), cmp.Or(c.System, s.System)
	if c.Key != "" {
		var ref secret.Ref
		if err := ref.UnmarshalText([]byte(c.Key)); err != nil {
			return s, fault.New(fault.Invalid, err.Error()).At("--key")
		}
		s.Key = ref
	}
	return s, nil
}

// question is what is asked, nil where a conversation is wanted.
func (c *askCmd) question(env *node.Env) (any, error) {
	text := strings.Join(c.Text, " ")
	piped, err := readPiped(env.In)
	if err != nil {
		return nil, err
	}
	if piped != "" && text != "" {
		text += "\n\n" + piped
	} else {
		text += piped
	}
	if strings.TrimSpace(text) == "" && len(c.File) == 0 {
		if fromTerminal(env.In) {
			return nil, nil //nolint:nilnil // no question is no error: it is a conversation
		}
		return nil, fault.New(fault.Invalid, "no question").Fix("give it as an argument, or pipe it in")
	}
	return attach(text, c.File)
}

const maxPiped = 16 << 20 // bytes of standard input

// readPiped reads standard input where it is a pipe or a file. A terminal, or a
// device such as /dev/null, has nothing for us.
func readPiped(in io.Reader) (string, error) {
	if f, ok := in.(*os.File); ok {
		info, err := f.Stat()
		if err != nil || info.Mode()&os.ModeCharDevice != 0 {
			return "", nil //nolint:nilerr // a closed standard input has nothing for us either
		}
	}
	if in == nil {
		return "", nil
	}
	data, err := io.ReadAll(io.LimitReader(in, maxPiped+1))
	if err != nil {
		return "", fault.New(fault.Unavailable, "cannot read standard input").Because(err)
	}
	if len(data) > maxPiped {
		return "", fault.New(fault.TooLarge, "standard input is over 16 MiB").Fix("pipe less in")
	}
	return asText("standard input", data)
}

// print writes the answer as it comes.
func (c *askCmd) print(env *node.Env, a *asker, messages []message) error {
	out := &answerWriter{w: env.Out, clean: isTerminal(env.Out)}
	got, err := a.ask(env.Ctx, messages, out.text)
	if out.any && !out.newline {
		_, _ = io.WriteString(env.Out, "\n")
	}
	if err != nil {
		return err
	}
	if out.err != nil {
		return fault.New(fault.Unavailable, "cannot write the answer").Because(out.err)
	}
	return got.ending(env.Err)
}

// printJSON prints one object, an error too.
func (c *askCmd) printJSON(env *node.Env, a *asker, messages []message) error {
	got, err := a.ask(env.Ctx, messages, func(string) {})
	if env.Ctx.Err() != nil {
		return env.Ctx.Err()
	}
	if err != nil {
		got = answer{Call: got.Call, Trouble: troubleOf(err)}
	}
	return errors.Join(err, writeLine(env.Out, got))
}

// converse is the conversation; env.Ctx would end with the first Ctrl-C, which
// there ends one answer.
func (c *askCmd) converse(env *node.Env, a *asker, system string) error {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(env.Ctx), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if a.model == "" {
		_, _ = fmt.Fprintln(env.Err, "No model is chosen: /model NAME chooses one.")
	}
	return (&talk{env: env, asker: a, system: system, ctx: ctx}).run()
}

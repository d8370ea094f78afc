package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/term"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// talk is a conversation at a terminal. What was said is kept in memory alone,
// until /save.
type talk struct {
	env      *node.Env
	asker    *asker
	system   string
	messages []message
	ctx      context.Context        // ends with the program, not with Ctrl-C
	read     func() (string, error) // the next line; io.EOF ends
}

const talkHelp = `  /model NAME   ask another model; without a name, say which it is
  /system TEXT  set the system prompt; without a text, remove it
  /new          forget what was said
  /save FILE    write the conversation to a file, as Markdown
  /quit         end; so does Ctrl-D
  /help         this
Ctrl-C ends an answer. Arrow keys bring back earlier lines.
`

// run reads lines until the end. The terminal is in raw mode only while a line
// is read, so that Ctrl-C works while an answer comes.
func (t *talk) run() error {
	if t.read == nil {
		t.read = lineReader(t.ctx, t.env)
	}
	_, _ = fmt.Fprintln(t.env.Out, "Ask away; /help lists the commands.")
	for t.ctx.Err() == nil {
		line, err := t.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.New(fault.Unavailable, "cannot read the terminal").Because(err)
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case line == "/quit" || line == "/exit":
			return nil
		case strings.HasPrefix(line, "/"):
			t.command(line)
		default:
			t.say(line)
		}
	}
	return nil
}

// command obeys a line that begins with a slash.
func (t *talk) command(line string) {
	name, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	out := t.env.Out
	switch name {
	case "/help":
		_, _ = io.WriteString(out, talkHelp)
	case "/new":
		t.messages = nil
		_, _ = fmt.Fprintln(out, "Forgotten.")
	case "/system":
		t.system = rest
	case "/model":
		if rest != "" {
			t.asker.model = rest
			return
		}
		_, _ = fmt.Fprintf(out, "Asking %s.\n", cmp.Or(t.asker.model, "no model yet"))
	case "/save":
		if err := t.save(rest); err != nil {
			_, _ = fmt.Fprintf(t.env.Err, "%v\n", err)
			return
		}
		_, _ = fmt.Fprintf(out, "Saved to %s\n", rest)
	default:
		_, _ = fmt.Fprintf(out, "There is no command %s; /help lists them.\n", printable(name))
	}
}

// say asks, with all that was said before. A question that got no answer is
// taken back; one that was interrupted keeps what had come.
func (t *talk) say(line string) {
	if t.asker.model == "" {
		_, _ = fmt.Fprintln(t.env.Err, "No model is chosen: /model NAME chooses one.")
		return
	}
	ctx, stop := signal.NotifyContext(t.ctx, os.Interrupt)
	defer stop()
	var messages []message
	if t.system != "" {
		messages = append(messages, message{Role: "system", Content: t.system})
	}
	question := message{Role: "user", Content: line}
	messages = append(append(messages, t.messages...), question)
	out := &answerWriter{w: t.env.Out, clean: true}
	got, err := t.asker.ask(ctx, messages, out.text)
	if out.any && !out.newline {
		_, _ = fmt.Fprintln(t.env.Out)
	}
	switch {
	case ctx.Err() != nil:
		_, _ = fmt.Fprintln(t.env.Err, "(interrupted)")
	case err != nil:
		_, _ = fmt.Fprintf(t.env.Err, "%v\n", err)
	default:
		if err := got.ending(t.env.Err); err != nil {
			_, _ = fmt.Fprintf(t.env.Err, "%v\n", err)
		}
	}
	if got.Text != "" {
		t.messages = append(t.messages, question, message{Role: "assistant", Content: got.Text})
	}
}

// save writes a new file that its owner alone can read: it is what was said to
// a private model.
func (t *talk) save(path string) error {
	if path == "" {
		return fault.New(fault.Invalid, "no file").Fix("write /save FILE")
	}
	if _, err := os.Lstat(path); err == nil {
		return fault.New(fault.Conflict, "the file is there already").At(path).Fix("choose another name")
	}
	var b strings.Builder
	for _, m := range t.messages {
		who := "You"
		if m.Role == "assistant" {
			who = "Answer"
		}
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", who, m.Content)
	}
	if err := pki.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fault.New(fault.Unavailable, "cannot save").At(path).Because(err)
	}
	return nil
}

// lineReader edits lines with history at a terminal, and reads plain ones
// elsewhere.
func lineReader(ctx context.Context, env *node.Env) func() (string, error) {
	f, ok := env.In.(*os.File)
	if !ok || !fromTerminal(env.In) {
		lines := bufio.NewReader(env.In)
		return func() (string, error) {
			line, err := lines.ReadString('\n')
			if errors.Is(err, io.EOF) && line != "" {
				return line, nil
			}
			return line, err
		}
	}
	fd := int(f.Fd())
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{f, env.Out}, "> ")
	return func() (string, error) {
		before, err := term.MakeRaw(fd)
		if err != nil {
			return "", err
		}
		defer func() { _ = term.Restore(fd, before) }()
		defer context.AfterFunc(ctx, func() { // a line that is waited for cannot be called off
			_ = term.Restore(fd, before)
			os.Exit(int(terminated))
		})()
		if width, height, err := term.GetSize(fd); err == nil && width > 0 {
			_ = terminal.SetSize(width, height)
		}
		terminal.SetBracketedPasteMode(true)
		defer terminal.SetBracketedPasteMode(false)
		return readPasted(terminal)
	}
}

// readPasted takes what is pasted as one line, whatever line breaks it has,
// until a key ends it.
func readPasted(terminal *term.Terminal) (string, error) {
	var pasted []string
	for {
		line, err := terminal.ReadLine()
		if !errors.Is(err, term.ErrPasteIndicator) {
			return strings.Join(append(pasted, line), "\n"), err
		}
		pasted = append(pasted, line)
	}
}

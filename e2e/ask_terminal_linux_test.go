package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// terminal opens a pair: what a person's hands and eyes are at, and what the
// program takes for its terminal.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("NOT CHECKED: a conversation at a terminal: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	var unlocked, number int32
	for _, call := range []struct {
		request uintptr
		value   *int32
	}{{syscall.TIOCSPTLCK, &unlocked}, {syscall.TIOCGPTN, &number}} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), call.request, uintptr(unsafe.Pointer(call.value))); errno != 0 {
			t.Skipf("NOT CHECKED: a conversation at a terminal: %v", errno)
		}
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("NOT CHECKED: a conversation at a terminal: %v", err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// A conversation at a real terminal: commands, history, Ctrl-C that ends one
// answer alone, a file of what was said.
func TestConversation(t *testing.T) {
	a := startAskers(t)
	person, program := terminal(t)
	saved := filepath.Join(a.dir, "saved.md")
	cmd := a.command(t.Context(), "key", "", "ask", "--gateway", "http://"+a.gateway, "--key", "file:"+a.key)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that Ctrl-C is a signal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var screen buffer
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := person.Read(b)
			_, _ = screen.Write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	seen := 0
	expect := func(text string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if at := bytes.Index(screen.Bytes()[seen:], []byte(text)); at >= 0 {
				seen += at + len(text)
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%q does not appear:\n%s", text, screen.Bytes()[seen:])
			}
		}
	}
	enter := func(keys string) {
		t.Helper()
		expect("> ")
		if _, err := person.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	expect("Ask away")
	enter("/help\r")
	expect("/save FILE")
	enter("/nothing\r")
	expect("There is no command /nothing")
	enter("What is a private endpoint?\r")
	expect("Source: ")
	enter("What is Ockham's Razor?\r")
	expect("This is")
	if _, err := person.WriteString("\x03"); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	expect("(interrupted)")
	enter("\x1b[A\r") // arrow up: the same again
	expect("William of Ockham")
	enter("\x1b[200~one\rtwo\x1b[201~\r") // two pasted lines are one question
	expect("Source: ")
	enter("/save " + saved + "\r")
	expect("Saved to")
	enter("/save " + saved + "\r")
	expect("there already")
	enter("/new\r")
	expect("Forgotten")
	enter("\x04") // Ctrl-D
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, screen.Bytes())
	}
	text, err := os.ReadFile(saved)
	info, statErr := os.Stat(saved)
	if err != nil || statErr != nil || info.Mode().Perm() != 0o600 || strings.Count(string(text), "## You") != 4 ||
		!strings.Contains(string(text), "## You\n\none\ntwo\n") {
		t.Errorf("%v %v %s", err, statErr, text)
	}
}

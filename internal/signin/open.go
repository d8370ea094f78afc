package signin

import (
	"os/exec"
)

// OpenCommand is the program that shows an address in the person's browser, on
// an operating system as GOOS names it; browser is the variable BROWSER, which
// wins. Nothing that a shell reads is made of the address.
func OpenCommand(goos, browser, address string) []string {
	switch {
	case browser != "":
		return []string{browser, address}
	case goos == "darwin":
		return []string{"open", address}
	case goos == "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", address}
	}
	return []string{"xdg-open", address}
}

// Start runs such a program, and does not wait for it.
func Start(command []string) error {
	cmd := exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // the person's own browser, which outlives the sign-in
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

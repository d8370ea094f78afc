//go:build production

package cli

// rehearsal is empty: this build contains no emulator and no token issuer.
type rehearsal struct{}

// emulatorSettings refuses the section that this build cannot run.
type emulatorSettings struct{}

// Check reports the section as a mistake.
func (emulatorSettings) Check(report func(path, what, fix string)) {
	report("", "a production build contains no emulator", "remove the section, or use the ordinary build")
}

// hereAndNow is the machine that a command runs on.
func hereAndNow() Machine { return Machine{} }

// Package posture asks an estate whether its Azure OpenAI is private, and says
// how it knows.
//
// Each check gives findings: pass, fail or unknown, never a pass for lack of
// data, with the resource, the JSON pointer and the value that decided it, a
// witness, why it matters, and what mends it. The verdict is private only if
// every check that must pass does, for every account, and there is one.
//
// It judges what a configuration means, by the rules of package topology. It
// sends no packet; package probe does, and the two are compared.
package posture

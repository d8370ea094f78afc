package portal

import (
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// Peer is a verified other end.
type Peer struct {
	ID         pki.ID
	Attributes map[string]string
}

// Rule admits a peer that fits all it says. A rule that says nothing is a
// mistake and admits nobody.
type Rule struct {
	Member     pki.ID            `yaml:"member" doc:"the one member admitted, spiffe://PROJECT/inlet/MEMBER"`
	Attributes map[string]string `yaml:"attributes" doc:"attributes its certificate must carry, all of them"`
}

// Check reports a rule that could only be a slip.
func (r Rule) Check(report func(path, what, fix string)) {
	if r.empty() {
		report("", "a rule that names neither a member nor an attribute", "add member or attributes; a rule for everybody does not exist")
	}
}

func (r Rule) empty() bool { return r.Member == (pki.ID{}) && len(r.Attributes) == 0 }

func (r Rule) admits(p Peer) bool {
	if r.empty() || r.Member != (pki.ID{}) && r.Member != p.ID {
		return false
	}
	for k, want := range r.Attributes {
		if got, ok := p.Attributes[k]; !ok || got != want {
			return false
		}
	}
	return true
}

// Allowed is nil where a rule admits the peer; by default nobody is.
func Allowed(rules []Rule, p Peer) error {
	for _, r := range rules {
		if r.admits(p) {
			return nil
		}
	}
	return fault.New(fault.Denied, "no rule allows "+p.ID.String())
}

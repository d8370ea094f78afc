package portal

import (
	"sync"

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

// allowList judges peers, and knows whom it has admitted: when the rules
// change, it judges them again.
type allowList struct {
	mu       sync.Mutex
	rules    []Rule
	open     bool // without rules everybody that got here is admitted
	admitted map[*admission]struct{}
}

type admission struct {
	peer Peer
	cut  func(why error)
}

func newAllowList(rules []Rule, open bool) *allowList {
	return &allowList{rules: rules, open: open, admitted: map[*admission]struct{}{}}
}

// admit is nil where the rules of this moment admit the peer.
func (l *allowList) admit(p Peer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.judge(p)
}

func (l *allowList) judge(p Peer) error {
	if l.open && len(l.rules) == 0 {
		return nil
	}
	return Allowed(l.rules, p)
}

// follow calls cut once if the rules cease to admit the peer, until stop is
// called.
func (l *allowList) follow(p Peer, cut func(why error)) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &admission{p, cut}
	if err := l.judge(p); err != nil {
		go cut(err)
		return func() {}
	}
	l.admitted[a] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.admitted, a)
	}
}

// set puts other rules in force at once.
func (l *allowList) set(rules []Rule) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rules = rules
	for a := range l.admitted {
		if err := l.judge(a.peer); err != nil {
			delete(l.admitted, a)
			go a.cut(err)
		}
	}
}

// Package identity turns what a caller presents (a token of Entra or of another
// OpenID provider, a gateway key, a client certificate, a portal member's
// certificate) into one Principal, or refuses it. Nothing that a credential
// says leads anywhere: keys come from configured places alone.
package identity

import "github.com/ostiary/ostiary/internal/openai"

// Principal is who is calling, whatever they showed. Policy, limits and the
// ledger know no other description of a caller. Calls with one token share its
// slices: nobody may change them.
type Principal struct {
	Issuer     string            // token issuer, KeyIssuer, CertificateIssuer, or the project for a portal member
	Tenant     string            // Entra tenant id; empty for all others
	Subject    string            // stable id inside the issuer: oid or sub, the key's name, the SPIFFE id
	Name       string            // what a person would recognise: claim name, preferred_username or appid
	App        string            // claim appid (v1) or azp (v2): the application that calls
	Groups     []string          // claim groups
	Roles      []string          // claim roles
	Member     string            // portal member's SPIFFE id; empty otherwise
	Workload   string            // the workload it belongs to, filled in by policy; empty if none
	Attributes map[string]string // a portal member's attributes, as its certificate carries them
	Scope      *Scope            // of a gateway key that may do less than its workload; nil: no less
}

// Scope narrows what a workload may do. Nil patterns narrow nothing.
type Scope struct {
	Deployments, Operations openai.Patterns
}

// Covers says whether the scope, nil for none, leaves room for a call. An
// empty deployment stands for one that is not named yet, or none; an operation
// that may use any deployment needs a scope for all of them.
func (s *Scope) Covers(op openai.Operation, deployment string) bool {
	if s == nil || s.Deployments == nil {
		return s == nil || s.Operations == nil || s.Operations.Match(string(op))
	}
	may := deployment == "" || s.Deployments.Match(deployment)
	if op.AnyDeployment() {
		may = s.Deployments.All()
	}
	return may && (s.Operations == nil || s.Operations.Match(string(op)))
}

// Package identity turns what a caller presents (an Entra token, a gateway
// key, a portal member's certificate) into one Principal, or refuses it.
package identity

// Principal is who is calling, whatever they showed. Policy, limits and the
// ledger know no other description of a caller.
type Principal struct {
	Issuer     string            // token issuer, "key" for a gateway key, the project for a portal member
	Tenant     string            // Entra tenant id; empty for keys and members
	Subject    string            // stable id inside the issuer: oid or sub, the key's name, the SPIFFE id
	Name       string            // what a person would recognise: claim name, preferred_username or appid
	App        string            // claim appid (v1) or azp (v2): the application that calls
	Groups     []string          // claim groups
	Roles      []string          // claim roles
	Member     string            // portal member's SPIFFE id; empty otherwise
	Workload   string            // the workload it belongs to, filled in by policy; empty if none
	Attributes map[string]string // a portal member's attributes, as its certificate carries them
}

package posture

import "slices"

// Check is one row of the table in docs/posture.md.
type Check struct {
	ID      string
	Title   string // what holds where it passes
	Level   Level  // of its findings, unless one says otherwise
	Looks   string // the property, or what is computed
	Default string // what Azure takes where the property is absent; empty where it is none
	Why     string // why it matters, in two sentences
	Equal   Equal
}

// Equal names rules of other tools that look at the same thing, though not
// always as closely.
type Equal struct {
	Checkov, Policy, PSRule, Prowler, Azqr []string
}

func (e Equal) ids() []string {
	return slices.Concat(e.Checkov, e.Policy, e.PSRule, e.Prowler, e.Azqr)
}

// row is a check and the function that judges it.
type row struct {
	Check
	judge func(*scene) []Finding
}

// Checks are all checks, in the order of docs/posture.md.
func Checks() []Check {
	rows := table()
	checks := make([]Check, len(rows))
	for i, r := range rows {
		checks[i] = r.Check
	}
	return checks
}

// table is the one list of checks: the estate, the account's own door, who may
// use it, its data.
func table() []row {
	return []row{
		readWhole(), hasAccount(),
		publicAccessOff(), defaultDeny(), ipRulesNarrow(), noServiceEndpointRules(), noTrustedBypass(), perimeterEnforced(),
		keysOff(), customSubdomain(), managedIdentity(), rolesNarrow(),
		endpointApproved(), endpointSubnetBinds(), subnetHasGroup(), reachOnlyClients(), clientsReach(), routesInspected(), adminAlwaysAllow(),
		zoneComplete(), zoneLinked(), noPublicFallback(), dnsServersForward(), clientsResolve(),
		appSignedIn(),
		customerManagedKey(), outboundRestricted(), contentLoggingOff(), diagnosticsOn(), softDeleted(),
	}
}

// each asks the same question of every account. What was not read, or was
// stated twice in ways that cannot be joined, is unknown.
func each(judge func(*scene, *subject) Finding) func(*scene) []Finding {
	return func(s *scene) []Finding {
		var all []Finding
		for _, a := range s.accounts {
			f := a.unread
			if f.Status == "" {
				f = judge(s, a)
			}
			if f.Status != "" {
				all = append(all, f)
			}
		}
		return all
	}
}

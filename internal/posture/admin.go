package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

func adminAlwaysAllow() row {
	return row{Check{
		ID:    "admin-always-allow",
		Title: "No admin rule of Virtual Network Manager passes the security groups by",
		Level: Advice,
		Looks: "securityAdminConfigurations: rules AlwaysAllow that cover port 443",
		Why:   "AlwaysAllow ends the evaluation before any security group is asked, so a group's deny no longer means what it says. An admin Deny does not make up for it: admin rules do not apply to private endpoints.",
	}, (*scene).adminRules}
}

// https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins
func (s *scene) adminRules() []Finding {
	var all []Finding
	for _, c := range s.AdminConfigurations {
		force := inForce(c)
		if force == Pass {
			continue
		}
		for _, col := range c.Collections {
			for _, r := range col.Rules {
				f := s.on(r, saw(s, r, r.Access, ""), sawList(s, r, r.DestinationPorts, "all"))
				switch answer := better(alwaysAllows(r), appliesToNobody(col)); {
				case answer == Pass:
				case answer == Unknown || force == Unknown:
					all = append(all, f.doubt("whether the admin rule %s passes the groups by cannot be told", r.Name))
				default:
					all = append(all, f.fail("the admin rule %s passes the groups by", r.Name).
						by("admin rule %s: AlwaysAllow %s", r.Name, r.Direction.V).
						mended(hcl("azurerm_network_manager_admin_rule", r, `action = "Allow"`), azSet(r, "properties.access=Allow")))
				}
			}
		}
	}
	if len(all) == 0 && len(s.AdminConfigurations) > 0 {
		all = append(all, Finding{}.pass("no admin rule for port 443 is AlwaysAllow"))
	}
	return all
}

// inForce fails where a configuration is deployed, and passes where it
// certainly is not.
func inForce(c *estate.AdminConfiguration) Status {
	if c.Manager == nil || c.Manager.Deployed.State != estate.Known {
		return Unknown
	}
	for _, d := range c.Manager.Deployments {
		for _, r := range d.Configurations.Items {
			if r.To == c || sameID(r.ID, c.ID) {
				return Fail
			}
		}
	}
	return Pass
}

// alwaysAllows fails for a rule that lets TCP to port 443 past the groups.
func alwaysAllows(r *estate.AdminRule) Status {
	switch {
	case r.Access.State == estate.Known && !is(r.Access, "AlwaysAllow"),
		is(r.Protocol, "Udp", "Icmp", "Esp", "Ah"):
		return Pass
	case r.Access.State != estate.Known || r.Doubt != 0:
		return Unknown
	}
	status := Pass
	for _, p := range r.DestinationPorts.Items {
		if p.State != estate.Known {
			status = worse(status, Unknown)
		} else if hasPort(p.V, 443) {
			return Fail
		}
	}
	if r.DestinationPorts.State == estate.Absent {
		return Fail
	}
	return worse(status, narrowUnless(r.DestinationPorts.State == estate.Unknown))
}

func narrowUnless(doubt bool) Status {
	if doubt {
		return Unknown
	}
	return Pass
}

// appliesToNobody passes where a collection names no network group.
func appliesToNobody(c *estate.AdminCollection) Status {
	if c.AppliesTo.State == estate.Known && len(c.AppliesTo.Items) == 0 {
		return Pass
	}
	return Fail
}

// hasPort reports whether a port, a range or * holds n.
func hasPort(text string, n int) bool {
	text = strings.TrimSpace(text)
	if text == "*" {
		return true
	}
	from, to, ranged := strings.Cut(text, "-")
	if !ranged {
		to = from
	}
	return number(from) <= n && n <= number(to) && number(from) >= 0
}

// number is a port, or -1 for anything else.
func number(text string) int {
	n := 0
	for _, c := range []byte(strings.TrimSpace(text)) {
		if c < '0' || c > '9' || n > 65535 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	if text == "" {
		return -1
	}
	return n
}

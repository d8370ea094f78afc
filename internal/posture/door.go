package posture

import (
	"net/netip"
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// The account's own door: what Azure lets in from the internet, whatever the
// virtual networks say.
// https://learn.microsoft.com/azure/ai-services/cognitive-services-virtual-networks

func publicAccessOff() row {
	return row{Check{
		ID:      "public-access-off",
		Title:   "Public network access is off, or let in to a few named addresses alone",
		Level:   Must,
		Looks:   "accounts: publicNetworkAccess, with networkAcls",
		Default: "Enabled",
		Why:     "With public access on, whoever holds a key or a token calls the model from anywhere. A private endpoint adds a door; it closes none.",
		Equal: Equal{
			Checkov: []string{"CKV_AZURE_134"}, Policy: []string{"0725b4dd"}, PSRule: []string{"AZR-000280"},
			Prowler: []string{"aiservices_account_public_network_access_disabled"},
		},
	}, each(publicAccess)}
}

func publicAccess(s *scene, a *subject) Finding {
	f := s.on(a, saw(s, a, a.PublicAccess, "Enabled"))
	access, known := a.PublicAccess.Or("Enabled")
	switch {
	case !known:
		f = f.doubt("whether %s takes calls from the internet cannot be told", a.Name)
	case strings.EqualFold(access, "Disabled"):
		return f.pass("%s takes no calls from the internet", a.Name)
	case strings.EqualFold(access, "SecuredByPerimeter"):
		f = s.perimeterDoor(a, f)
	case strings.EqualFold(access, "Enabled"):
		f = s.selectedNetworks(a, f)
	default:
		f = f.doubt("%s has publicNetworkAccess %q, which means nothing to this version", a.Name, access)
	}
	return f.mended(hcl("azurerm_cognitive_account", a, `public_network_access_enabled = false`), azSet(a, "properties.publicNetworkAccess=Disabled"))
}

// selectedNetworks judges public access that is on. Azure has a valid third
// state beside on and off: denied by default, with a few addresses let in.
func (s *scene) selectedNetworks(a *subject, f Finding) Finding {
	f.Evidence = append(f.Evidence, saw(s, a, a.DefaultAction, "Allow"), sawList(s, a, a.IPRules, "none"))
	action, known := a.DefaultAction.Or("Allow")
	width := widest(a.IPRules)
	switch {
	case !known:
		return f.doubt("public access to %s is on, and whether its networkAcls deny cannot be told", a.Name)
	case !strings.EqualFold(action, "Deny"):
		return f.fail("%s takes calls from any address on the internet", a.Name).
			by("any address → %s:443/tcp: publicNetworkAccess Enabled, networkAcls.defaultAction %s", a.called(), action)
	case a.IPRules.Empty():
		return f.fail("public access to %s is on though no address is let in: one rule more opens it", a.Name).
			by("publicNetworkAccess %s", orState(a.PublicAccess.Mark, a.PublicAccess.V))
	case width == Unknown:
		return f.doubt("which addresses reach %s from the internet cannot be told", a.Name)
	case width == Fail:
		return f.fail("%s takes calls from wide ranges of the internet", a.Name).
			by("%s → %s:443/tcp: networkAcls.ipRules", few(tooWide(a.IPRules), 3), a.called())
	default:
		s.note("%s takes calls from the internet from %s alone, as its networkAcls say", a.Name, few(texts(a.IPRules), 4))
		return f.pass("%s takes calls from the internet from %s alone", a.Name, few(texts(a.IPRules), 4))
	}
}

func defaultDeny() row {
	return row{Check{
		ID:      "default-deny",
		Title:   "The account's firewall denies by default",
		Level:   Must,
		Looks:   "accounts: networkAcls.defaultAction; advice where public access is off",
		Default: "Allow",
		Why:     "The default action decides for every address that no rule names. While public access is off it waits for the day that someone turns it on.",
		Equal:   Equal{Policy: []string{"037eea7a"}, Prowler: []string{"aiservices_account_network_acls_default_action_deny"}},
	}, each(defaultAction)}
}

func defaultAction(s *scene, a *subject) Finding {
	f := s.on(a, saw(s, a, a.DefaultAction, "Allow"), saw(s, a, a.PublicAccess, "Enabled"))
	if is(a.PublicAccess, "Disabled") {
		f = f.at(Advice)
	}
	switch action, known := a.DefaultAction.Or("Allow"); {
	case !known:
		f = f.doubt("what %s does with addresses that no rule names cannot be told", a.Name)
	case strings.EqualFold(action, "Deny"):
		f = f.pass("%s denies addresses that no rule names", a.Name)
	default:
		f = f.fail("%s admits addresses that no rule names", a.Name).by("networkAcls.defaultAction %s", action)
	}
	return f.mended(hcl("azurerm_cognitive_account", a, `network_acls {`, `  default_action = "Deny"`, `  bypass         = "None"`, `}`),
		azSet(a, "properties.networkAcls.defaultAction=Deny"))
}

func ipRulesNarrow() row {
	return row{Check{
		ID:    "ip-rules-narrow",
		Title: "Addresses let in from the internet are few",
		Level: Must,
		Looks: "accounts: networkAcls.ipRules[].value, each at most a /24",
		Why:   "A rule for half the internet is written like a rule for one office. It counts as restricted wherever only the default action is looked at.",
	}, each(ipRules)}
}

func ipRules(s *scene, a *subject) Finding {
	f := s.on(a, sawList(s, a, a.IPRules, "none"))
	switch widest(a.IPRules) {
	case Fail:
		f = f.fail("%s lets wide ranges of the internet in: %s", a.Name, few(tooWide(a.IPRules), 3)).
			by("%s → %s:443/tcp: networkAcls.ipRules", tooWide(a.IPRules)[0], a.called())
	case Unknown:
		f = f.doubt("which addresses %s lets in cannot be told", a.Name)
	default:
		if a.IPRules.Empty() {
			return f.pass("%s lets no address in by rule", a.Name)
		}
		return f.pass("%s lets %s in by rule", a.Name, few(texts(a.IPRules), 4))
	}
	return f.mended(hcl("azurerm_cognitive_account", a, `network_acls {`, `  default_action = "Deny"`, `  bypass         = "None"`, `  ip_rules       = []`, `}`),
		azSet(a, "properties.networkAcls.ipRules=[]"))
}

// narrowest4 and narrowest6 bound what counts as a few addresses: a /24 is the
// smallest block that is routed on the internet, so a wider rule certainly
// holds more than one site.
const (
	narrowest4 = 24
	narrowest6 = 48
)

// width says of one rule whether it is narrow: pass, fail, or unknown where it
// cannot be read.
func width(rule string) Status {
	if rule == "*" || strings.EqualFold(rule, "Any") {
		return Fail
	}
	if a, err := netip.ParseAddr(strings.TrimSpace(rule)); err == nil && a.Zone() == "" {
		return Pass
	}
	p, err := netip.ParsePrefix(strings.TrimSpace(rule))
	switch {
	case err != nil:
		return Unknown
	case p.Addr().Is4() && p.Bits() < narrowest4, p.Addr().Is6() && p.Bits() < narrowest6:
		return Fail
	default:
		return Pass
	}
}

// widest is the worst of the rules; a rule that is not known is unknown.
func widest(rules estate.List[string]) Status {
	worst := Pass
	if !rules.Complete() {
		worst = Unknown
	}
	for _, r := range rules.Items {
		if r.State == estate.Known {
			worst = worse(worst, width(r.V))
		}
	}
	return worst
}

func tooWide(rules estate.List[string]) []string {
	var wide []string
	for _, r := range rules.Items {
		if r.State == estate.Known && width(r.V) == Fail {
			wide = append(wide, r.V)
		}
	}
	return wide
}

func texts(l estate.List[string]) []string {
	out := make([]string, len(l.Items))
	for i, v := range l.Items {
		out[i] = orState(v.Mark, v.V)
	}
	return out
}

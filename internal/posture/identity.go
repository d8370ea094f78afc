package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// Who may call the model once the network lets them.

func keysOff() row {
	return row{Check{
		ID:      "keys-off",
		Title:   "Key authentication is off",
		Level:   Must,
		Looks:   "accounts: disableLocalAuth",
		Default: "false",
		Why:     "A key names nobody, never expires and works for whoever copies it. With keys off each call carries a token of Entra ID, which says who calls.",
		Equal: Equal{
			Checkov: []string{"CKV_AZURE_236"}, Policy: []string{"71ef260a"}, PSRule: []string{"AZR-000282"},
			Prowler: []string{"aiservices_account_local_auth_disabled"}, Azqr: []string{"aif-008"},
		},
	}, each(localAuth)}
}

func localAuth(s *scene, a *subject) Finding {
	f := s.on(a, saw(s, a, a.LocalAuthDisabled, "false"))
	switch off, known := a.LocalAuthDisabled.Or(false); {
	case !known:
		f = f.doubt("whether %s takes keys cannot be told", a.Name)
	case off:
		return f.pass("%s takes no keys", a.Name)
	default:
		f = f.fail("%s takes keys", a.Name).by("api-key: <either of two> → %s:443/tcp: disableLocalAuth false", a.called())
	}
	return f.mended(hcl("azurerm_cognitive_account", a, `local_auth_enabled = false`), azSet(a, "properties.disableLocalAuth=true"))
}

func customSubdomain() row {
	return row{Check{
		ID:    "custom-subdomain",
		Title: "The account has a name of its own",
		Level: Must,
		Looks: "accounts: customSubDomainName",
		Why:   "Without a subdomain the account answers under its region's shared name. Neither Entra ID nor a private endpoint works with that.",
	}, each(subdomain)}
}

func subdomain(s *scene, a *subject) Finding {
	f := s.on(a, saw(s, a, a.Subdomain, "the region's shared name"))
	switch {
	case a.Subdomain.State == estate.Unknown:
		f = f.doubt("whether %s has a name of its own cannot be told", a.Name)
	case a.Subdomain.V != "":
		return f.pass("%s answers as %s", a.Name, a.called())
	default:
		f = f.fail("%s answers under the shared name of its region", a.Name)
	}
	return f.mended(hcl("azurerm_cognitive_account", a, `custom_subdomain_name = `+hclString(a.Name)+` # cannot be changed later`),
		azSet(a, "properties.customSubDomainName="+shell(a.Name)))
}

func managedIdentity() row {
	return row{Check{
		ID:      "managed-identity",
		Title:   "The account has a managed identity",
		Level:   Advice,
		Looks:   "accounts: identity.type",
		Default: "None",
		Why:     "With an identity of its own the account reads its key vault and its storage without a stored secret. Without one, such links are made with keys.",
		Equal: Equal{
			Checkov: []string{"CKV_AZURE_238"}, Policy: []string{"fe3fd216"}, PSRule: []string{"AZR-000281"},
			Prowler: []string{"aiservices_account_managed_identity_enabled"},
		},
	}, each(identityOf)}
}

func identityOf(s *scene, a *subject) Finding {
	f := s.on(a, saw(s, a, a.Identity, "None"))
	switch kind, known := a.Identity.Or("None"); {
	case !known:
		f = f.doubt("whether %s has an identity cannot be told", a.Name)
	case kind != "" && !strings.EqualFold(kind, "None"):
		return f.pass("%s has an identity: %s", a.Name, kind)
	default:
		f = f.fail("%s has no identity", a.Name)
	}
	return f.mended(hcl("azurerm_cognitive_account", a, `identity {`, `  type = "SystemAssigned"`, `}`), azSet(a, "identity.type=SystemAssigned"))
}

package posture

import (
	"strings"

	"github.com/ostiary/ostiary/internal/estate"
)

// Where the account's data goes and stays.

func customerManagedKey() row {
	return row{Check{
		ID:      "customer-managed-key",
		Title:   "Data at rest is under a key of the customer, in a private vault",
		Level:   Advice,
		Looks:   "accounts: encryption; the vault's publicNetworkAccess and networkAcls.defaultAction",
		Default: "Microsoft.CognitiveServices",
		Why:     "With a key of its own the customer can end Azure's access to files and fine-tuned models. A vault open to the internet gives part of that away.",
		Equal: Equal{
			Checkov: []string{"CKV2_AZURE_22"}, Policy: []string{"67121cc7"},
			Prowler: []string{"aiservices_account_encrypted_with_cmk"},
		},
	}, each(encryption)}
}

func encryption(s *scene, a *subject) Finding {
	f := s.on(a, saw(s, a, a.KeySource, "Microsoft.CognitiveServices"))
	source, known := a.KeySource.Or("Microsoft.CognitiveServices")
	switch {
	case a.KeyVaultURI.State == estate.Known && (a.KeySource.State == estate.Absent || is(a.KeySource, "Microsoft.KeyVault")):
		return s.vault(a, f)
	case !known || a.KeyVaultURI.State == estate.Unknown || is(a.KeySource, "Microsoft.KeyVault"):
		f = f.doubt("whose key encrypts the data of %s cannot be told", a.Name)
	default:
		f = f.fail("the data of %s is under a key of Microsoft's", a.Name).by("encryption.keySource %s", source)
	}
	return f.mended(hcl("azurerm_cognitive_account", a, `customer_managed_key {`, `  key_vault_key_id = azurerm_key_vault_key.this.versionless_id`, `}`), "")
}

// vault judges the vault that holds the key.
func (s *scene) vault(a *subject, f Finding) Finding {
	f.Evidence = append(f.Evidence, saw(s, a, a.KeyVaultURI, ""))
	v := s.vaultOf(a.KeyVaultURI.V)
	if v == nil || v.Stub || v.Doubt != 0 {
		return f.doubt("the vault of %s, %s, was not read", a.Name, a.KeyVaultURI.V)
	}
	f.Evidence = append(f.Evidence, saw(s, v, v.PublicAccess, "Enabled"), saw(s, v, v.DefaultAction, "Allow"))
	access, known := v.PublicAccess.Or("Enabled")
	action, alsoKnown := v.DefaultAction.Or("Allow")
	switch {
	case known && strings.EqualFold(access, "Disabled"), alsoKnown && strings.EqualFold(action, "Deny"):
		return f.pass("the data of %s is under a key in the private vault %s", a.Name, v.Name)
	case !known || !alsoKnown:
		return f.doubt("whether the vault %s is private cannot be told", v.Name)
	default:
		return f.fail("the vault %s, which holds the key of %s, is open to the internet", v.Name, a.Name).
			by("any address → %s.vault.azure.net:443/tcp", v.Name).
			mended(hcl("azurerm_key_vault", v, `public_network_access_enabled = false`), azSet(v, "properties.publicNetworkAccess=Disabled"))
	}
}

// vaultOf finds a vault by its URI, or by the URI of a key in it.
func (s *scene) vaultOf(uri string) *estate.KeyVault {
	host := hostOf(uri)
	for _, v := range s.KeyVaults {
		if v.URI.State == estate.Known && hostOf(v.URI.V) == host || strings.HasPrefix(host, strings.ToLower(v.Name)+".vault.") {
			return v
		}
	}
	return nil
}

// hostOf is the host of an https URL, in lower case.
func hostOf(uri string) string {
	rest := strings.TrimPrefix(strings.ToLower(uri), "https://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

func outboundRestricted() row {
	return row{Check{
		ID:      "outbound-restricted",
		Title:   "The account reaches out to named hosts alone",
		Level:   Advice,
		Looks:   "accounts: restrictOutboundNetworkAccess, allowedFqdnList",
		Default: "false",
		Why:     "The account itself fetches images and files that a prompt names. Unrestricted, a prompt can make it send data to a host of the prompt's choice.",
		Equal:   Equal{Checkov: []string{"CKV_AZURE_247"}, Prowler: []string{"aiservices_account_outbound_network_restricted"}},
	}, each(outbound)}
}

func outbound(s *scene, a *subject) Finding {
	f := s.on(a, saw(s, a, a.RestrictOutbound, "false"), sawList(s, a, a.AllowedFQDNs, "none"))
	switch restricted, known := a.RestrictOutbound.Or(false); {
	case !known || restricted && !a.AllowedFQDNs.Complete():
		f = f.doubt("where %s may reach out to cannot be told", a.Name)
	case restricted && a.AllowedFQDNs.Empty():
		return f.pass("%s reaches out to no host", a.Name)
	case restricted:
		return f.pass("%s reaches out to %s alone", a.Name, few(texts(a.AllowedFQDNs), 4))
	default:
		f = f.fail("%s reaches out to any host", a.Name).by("restrictOutboundNetworkAccess false")
	}
	return f.mended(hcl("azurerm_cognitive_account", a, `outbound_network_access_restricted = true`, `fqdns = []`), azSet(a, "properties.restrictOutboundNetworkAccess=true"))
}

func contentLoggingOff() row {
	return row{Check{
		ID:      "content-logging-off",
		Title:   "Microsoft keeps no prompts for abuse monitoring",
		Level:   Advice,
		Looks:   "accounts: capabilities[ContentLogging]; off only where Microsoft has agreed",
		Default: "true",
		Why:     "Unless Microsoft has agreed otherwise, prompts and completions are kept up to 30 days and may be read by its reviewers. Where that was agreed, the account shows ContentLogging false.",
	}, each(contentLogging)}
}

// https://learn.microsoft.com/legal/cognitive-services/openai/data-privacy
func contentLogging(s *scene, a *subject) Finding {
	f := s.on(a)
	for _, c := range a.Capabilities {
		if !strings.EqualFold(c.Name, "ContentLogging") {
			continue
		}
		f.Evidence = append(f.Evidence, saw(s, a, c.Value, "true"))
		switch {
		case is(c.Value, "false"):
			return f.pass("Microsoft keeps no prompts of %s", a.Name)
		case c.Value.State == estate.Unknown:
			return f.doubt("whether Microsoft keeps prompts of %s cannot be told", a.Name)
		}
		return f.fail("Microsoft keeps prompts and completions of %s for abuse monitoring", a.Name)
	}
	f.Evidence = append(f.Evidence, s.seen(a, estate.Mark{At: a.At}, "", "true"))
	if s.Planned {
		return f.doubt("a plan does not say whether Microsoft keeps prompts of %s", a.Name)
	}
	return f.fail("Microsoft keeps prompts and completions of %s for abuse monitoring", a.Name)
}

func softDeleted() row {
	return row{Check{
		ID:    "soft-deleted",
		Title: "No deleted account waits to be restored",
		Level: Advice,
		Looks: "deletedAccounts",
		Why:   "A deleted account keeps its files and models for 48 hours, and whoever may create accounts can restore it as it was. It comes back with the network settings that it had then.",
	}, (*scene).deletedAccounts}
}

func (s *scene) deletedAccounts() []Finding {
	var all []Finding
	for _, d := range s.DeletedAccounts {
		f := s.on(d, saw(s, d, d.Purge, "")).fail("%s is deleted but can be restored", d.Name).
			by("scheduledPurgeDate %s", orState(d.Purge.Mark, d.Purge.V))
		all = append(all, f.mended("", azIDs(d, "az resource delete", "")))
	}
	switch {
	case len(all) > 0:
		return all
	case s.listed("Microsoft.CognitiveServices/deletedAccounts"):
		return []Finding{Finding{}.pass("no deleted account can be restored")}
	default:
		return []Finding{Finding{}.doubt("deleted accounts were not listed")}
	}
}

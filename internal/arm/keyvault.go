package arm

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	vaultType        = "Microsoft.KeyVault/vaults"
	deletedVaultType = "Microsoft.KeyVault/locations/deletedVaults"
)

func vaultKinds() []kind {
	return []kind{
		{
			typ: vaultType, check: checkVault, show: showVault, gone: goneVault,
			defaults: `{"properties":{"sku":{"family":"A","name":"standard"},"accessPolicies":[],"enabledForDeployment":false,"enabledForDiskEncryption":false,"enabledForTemplateDeployment":false,
				"enableSoftDelete":true,"softDeleteRetentionInDays":90,"enableRbacAuthorization":false,"publicNetworkAccess":"Enabled"}}`,
		},
		{typ: deletedVaultType, stateless: true, actions: map[string]action{"purge": purgeVault}},
	}
}

var vaultName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$`) })

func (s *Server) deletedVault(name, region string) string {
	return "/subscriptions/" + s.cfg.Subscription + "/providers/Microsoft.KeyVault/locations/" + region + "/deletedVaults/" + name
}

func checkVault(w *writing) *refusal {
	name := last(w.id)
	if !vaultName().MatchString(name) || strings.Contains(name, "--") {
		return badRequest("VaultNameNotValid", "The vault name '%s' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.", clip(name))
	}
	const taken = "The vault name '%s' is already in use. Vault names are globally unique so it is possible that the name is already taken. If you are sure that the vault name was not taken then it is possible that a vault with the same name was recently deleted but not purged after being placed in a recoverable state."
	if no := w.nameFree(vaultType, "VaultAlreadyExists", taken); no != nil {
		return no
	}
	if no := w.recoverVault(); no != nil {
		return no
	}
	if w.old != nil && flag(w.old.doc, "properties.enablePurgeProtection") && at(w.doc, "properties.enablePurgeProtection") == false {
		return badRequest("BadRequest", "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.")
	}
	initial(w.doc, "properties.tenantId", w.s.cfg.Tenant)
	for _, rule := range objects(w.doc, "properties.networkAcls.virtualNetworkRules") {
		if _, no := w.s.target(text(rule, "id"), subnetType, w.id); no != nil {
			return no
		}
	}
	return needLocation(w)
}

// recoverVault holds a new vault to the soft-deleted one of its name.
func (w *writing) recoverVault() *refusal {
	gone := w.s.records[fold(w.s.deletedVault(last(w.id), text(w.doc, "location")))]
	mode := text(w.doc, "properties.createMode")
	unset(w.doc, "properties.createMode")
	switch {
	case w.old != nil || gone == nil && !strings.EqualFold(mode, "recover"):
		return nil
	case gone == nil:
		return refuse(http.StatusNotFound, "DeletedVaultNotFound", "The vault '%s' cannot be recovered, for it is not among the deleted ones.", last(w.id))
	case !strings.EqualFold(mode, "recover"):
		return conflict("ConflictError", "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.")
	}
	w.doc = cloneDoc(object(gone.doc, "vault"))
	w.s.drop(gone.key())
	return nil
}

func showVault(s *Server, r *record, d doc) {
	set(d, "properties.vaultUri", "https://"+strings.ToLower(r.name())+".vault.azure.net/")
	s.showConnections(r, d)
	if len(list(d, "properties.privateEndpointConnections")) == 0 {
		unset(d, "properties.privateEndpointConnections")
	}
}

func goneVault(s *Server, r *record) {
	now := s.cfg.Now().UTC()
	days, _ := number(r.doc, "properties.softDeleteRetentionInDays")
	id := s.deletedVault(r.name(), text(r.doc, "location"))
	s.store(s.newRecord(id, deletedVaultType, doc{
		"vault": cloneDoc(r.doc),
		"properties": doc{
			"vaultId": r.id, "location": text(r.doc, "location"), "tags": clone(at(r.doc, "tags")), "purgeProtectionEnabled": flag(r.doc, "properties.enablePurgeProtection"),
			"deletionDate": now.Format(time.RFC3339), "scheduledPurgeDate": now.AddDate(0, 0, int(days)).Format(time.RFC3339),
		},
	}, nil, s.kind(deletedVaultType)))
}

func purgeVault(s *Server, r *record, _ doc) (any, *refusal) {
	if flag(r.doc, "properties.purgeProtectionEnabled") {
		return nil, conflict("DeletedVaultPurge", "The vault '%s' cannot be purged, for purge protection is enabled.", r.name())
	}
	s.drop(r.key())
	return accepted{}, nil // a 200 would send a client to ask for what is gone
}

func vaultRoutes() []route {
	return []route{
		nameRoute("Microsoft.KeyVault", vaultType, "nameAvailable"),
		{method: http.MethodGet, pattern: inSubscription + "/providers/Microsoft.KeyVault/deletedVaults", action: "Microsoft.KeyVault/deletedVaults/read", answer: func(q *query, _ []string) (answer, *refusal) {
			return q.pageOf(q.s.ofType(deletedVaultType), "Microsoft.KeyVault/deletedVaults/read", "/subscriptions/"+q.s.cfg.Subscription)
		}},
		{method: http.MethodPut, pattern: "**/providers/Microsoft.KeyVault/vaults/*/accessPolicies/*", answer: changePolicies},
	}
}

// changePolicies adds to, replaces or removes from a vault's access policies.
func changePolicies(q *query, vars []string) (answer, *refusal) {
	id := vars[0] + "/providers/" + vaultType + "/" + vars[1]
	if no := q.may(vaultType+"/accessPolicies/write", id); no != nil {
		return answer{}, no
	}
	r := q.s.records[fold(id)]
	if r == nil {
		a, _ := parsePath(id)
		return answer{}, q.s.missing(a)
	}
	var policies []any
	how := strings.ToLower(vars[2])
	if how != "add" && how != "replace" && how != "remove" {
		return answer{}, badRequest("BadRequest", "The operation kind '%s' is none of add, replace and remove.", clip(vars[2]))
	}
	given := objects(q.body, "properties.accessPolicies")
	same := func(a, b doc) bool {
		return strings.EqualFold(text(a, "objectId"), text(b, "objectId")) && strings.EqualFold(text(a, "applicationId"), text(b, "applicationId"))
	}
	if how != "replace" {
	next:
		for _, p := range objects(r.doc, "properties.accessPolicies") {
			for _, g := range given {
				if same(p, g) {
					continue next
				}
			}
			policies = append(policies, p)
		}
	}
	if how != "remove" {
		for _, g := range given {
			policies = append(policies, g)
		}
	}
	if policies == nil {
		policies = []any{}
	}
	q.s.amend(r, func(d doc) { set(d, "properties.accessPolicies", policies) })
	return ok(doc{"id": id + "/accessPolicies/", "type": vaultType + "/accessPolicies", "properties": doc{"accessPolicies": policies}})
}

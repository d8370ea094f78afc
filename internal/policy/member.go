package policy

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/identity"
)

// has says whether the caller belongs to the workload: it is named by one of
// the lists, or by its gateway key, and nothing narrows it out.
func (w *workload) has(who *identity.Principal) bool {
	return w.named(who) != "" && w.narrowed(who) == ""
}

// named is the entry that names the caller, such as apps; empty if none does.
// Each list is for callers of its kind alone: a token cannot say that it is a
// certificate, and an issuer of certificates cannot name the subject of a
// token.
func (w *workload) named(who *identity.Principal) string {
	switch {
	case who.Issuer == identity.KeyIssuer:
		if who.Workload == w.Name {
			return "gateway key"
		}
		return ""
	case who.Issuer == identity.CertificateIssuer:
		if w.certificates.Match(who.Subject) {
			return "certificates"
		}
		return ""
	case who.Member != "":
		if w.members.Match(who.Member) {
			return "members"
		}
		return ""
	}
	switch {
	case w.subjects.Match(who.Subject):
		return "subjects"
	case who.App != "" && containsID(w.Apps, who.App, who):
		return "apps"
	case slices.ContainsFunc(who.Groups, func(g string) bool { return containsID(w.Groups, g, who) }):
		return "groups"
	case slices.ContainsFunc(who.Roles, func(r string) bool { return slices.Contains(w.Roles, r) }):
		return "roles"
	}
	return ""
}

// narrowed is the entry that keeps a named caller out; empty if none does. The
// workload of a gateway key is named by whoever made the key, and nothing
// narrows it.
func (w *workload) narrowed(who *identity.Principal) string {
	if who.Issuer == identity.KeyIssuer {
		return ""
	}
	lacks := ""
	for k, v := range w.Attributes {
		if who.Attributes[k] != v && (lacks == "" || k < lacks) {
			lacks = k
		}
	}
	switch {
	case lacks != "":
		return "attributes." + lacks
	case len(w.Tenants) > 0 && !containsFold(w.Tenants, who.Tenant):
		return "tenants"
	case len(w.issuers) > 0 && !w.issuers.Match(who.Issuer):
		return "issuers"
	}
	return ""
}

// containsID compares the ids of Entra without case: they are GUIDs, which
// tools write either way. Another issuer's ids are what that issuer says.
func containsID(list []string, id string, who *identity.Principal) bool {
	if who.Tenant == "" {
		return slices.Contains(list, id)
	}
	return containsFold(list, id)
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(item string) bool { return strings.EqualFold(item, s) })
}

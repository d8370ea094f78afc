package cloud

import (
	"net/netip"
	"strings"
)

// Admission is a resource's network settings' word on a request.
type Admission uint8

// The answers that Azure distinguishes.
const (
	Admitted     Admission = iota
	PublicOff              // public access is disabled, or secured by a perimeter
	NotInRules             // public access is for selected networks, and this is none
	admissionEnd           // how many there are
)

// String is for logs.
func (a Admission) String() string {
	if a >= admissionEnd {
		return "unknown"
	}
	return [admissionEnd]string{"admitted", "public access disabled", "not in the network rules"}[a]
}

// Admit reads publicNetworkAccess and the network rules of a Cognitive account,
// vault, storage account or registry (they differ in one name and in how a rule
// is spelt) from the resource's document. A private endpoint passes whatever
// they say.
//
// https://learn.microsoft.com/azure/ai-services/cognitive-services-virtual-networks
func Admit(document map[string]any, o Origin) Admission {
	if o.Private {
		return Admitted
	}
	properties := object(document, "properties")
	if access := text(properties, "publicNetworkAccess"); access != "" && !strings.EqualFold(access, "Enabled") {
		return PublicOff
	}
	rules := object(properties, "networkAcls")
	if rules == nil {
		rules = object(properties, "networkRuleSet") // a registry's
	}
	if !strings.EqualFold(text(rules, "defaultAction"), "Deny") || inRules(rules, o) {
		return Admitted
	}
	return NotInRules
}

// inRules: a service endpoint names the subnet and hides the public address.
func inRules(rules map[string]any, o Origin) bool {
	if o.Subnet != "" {
		for _, rule := range list(rules, "virtualNetworkRules") {
			if strings.EqualFold(strings.TrimSuffix(text(rule, "id"), "/"), o.Subnet) {
				return true
			}
		}
		return false
	}
	if !o.Address.IsValid() {
		return false
	}
	for _, rule := range list(rules, "ipRules") {
		if action := text(rule, "action"); action != "" && !strings.EqualFold(action, "Allow") {
			continue
		}
		if covers(text(rule, "value"), o.Address.Unmap()) {
			return true
		}
	}
	return false
}

// covers reads a rule: an address or a prefix. What is neither covers nothing.
func covers(rule string, a netip.Addr) bool {
	if p, err := netip.ParsePrefix(rule); err == nil {
		return p.Masked().Contains(a)
	}
	one, err := netip.ParseAddr(rule)
	return err == nil && one == a
}

// object, text, flag and list read one member of a decoded document, whose
// names Azure compares without case. A member of another type reads as absent.
func object(m map[string]any, name string) map[string]any {
	v, _ := member(m, name).(map[string]any)
	return v
}

func text(m map[string]any, name string) string {
	v, _ := member(m, name).(string)
	return v
}

func flag(m map[string]any, name string, unsaid bool) bool {
	if v, ok := member(m, name).(bool); ok {
		return v
	}
	return unsaid
}

func list(m map[string]any, name string) []map[string]any {
	items, _ := member(m, name).([]any)
	var found []map[string]any
	for _, item := range items {
		if o, ok := item.(map[string]any); ok {
			found = append(found, o)
		}
	}
	return found
}

func member(m map[string]any, name string) any {
	if v, ok := m[name]; ok {
		return v
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

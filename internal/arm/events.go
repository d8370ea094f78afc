package arm

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

const namespaceType = "Microsoft.EventHub/namespaces"

func eventKinds() []kind {
	rules := func(typ string) kind {
		return kind{
			typ: typ + "/authorizationRules", stateless: true, created: http.StatusOK, keys: base64x32, check: checkSASRule, keep: keepSASRule,
			actions: map[string]action{"listkeys": sasKeys, "regeneratekeys": func(s *Server, r *record, body doc) (any, *refusal) {
				return s.regenerate(r, strings.EqualFold(text(body, "keyType"), "SecondaryKey"), base64x32, sasKeys)
			}},
		}
	}
	return []kind{
		{
			typ: namespaceType, singletons: []string{"networkRuleSets/default", "authorizationRules/RootManageSharedAccessKey"},
			defaults: `{"sku":{"name":"Standard","capacity":1},"properties":{"isAutoInflateEnabled":false,"maximumThroughputUnits":0,"kafkaEnabled":true,"zoneRedundant":true,"minimumTlsVersion":"1.2","publicNetworkAccess":"Enabled","disableLocalAuth":false,"status":"Active"}}`,
			check:    checkEventNamespace, show: showEventNamespace,
		},
		{
			typ: namespaceType + "/networkRuleSets", stateless: true, created: http.StatusOK,
			defaults: `{"properties":{"publicNetworkAccess":"Enabled","defaultAction":"Allow","virtualNetworkRules":[],"ipRules":[],"trustedServiceAccessEnabled":false}}`,
			after:    afterRuleSet,
		},
		rules(namespaceType),
		{
			typ: namespaceType + "/eventhubs", stateless: true, created: http.StatusOK, singletons: []string{"consumergroups/$Default"},
			defaults: `{"properties":{"messageRetentionInDays":7,"partitionCount":4,"status":"Active"}}`, check: checkHub,
		},
		{typ: namespaceType + "/eventhubs/consumergroups", stateless: true, created: http.StatusOK},
		rules(namespaceType + "/eventhubs"),
	}
}

var eventName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]$`) })

func checkEventNamespace(w *writing) *refusal {
	if !eventName().MatchString(last(w.id)) {
		return badRequest("BadRequest", "The namespace name '%s' is invalid.", clip(last(w.id)))
	}
	initial(w.doc, "sku.tier", text(w.doc, "sku.name"))
	if no := w.nameFree(namespaceType, "NamespaceUnavailable", "Namespace name '%s' is already in use by another namespace."); no != nil {
		return no
	}
	return needLocation(w)
}

func showEventNamespace(s *Server, r *record, d doc) {
	set(d, "properties.serviceBusEndpoint", "https://"+strings.ToLower(r.name())+".servicebus.windows.net:443/")
	set(d, "properties.metricId", s.cfg.Subscription+":"+strings.ToLower(r.name()))
	s.showConnections(r, d)
}

// afterRuleSet tells the namespace its public access, which both documents
// show.
func afterRuleSet(w *writing) *refusal {
	if ns := w.parent(); ns != nil && w.old != nil {
		w.s.amend(ns, func(d doc) {
			set(d, "properties.publicNetworkAccess", text(w.doc, "properties.publicNetworkAccess"))
		})
	}
	return nil
}

func checkSASRule(w *writing) *refusal {
	if last(w.id) == "RootManageSharedAccessKey" {
		initial(w.doc, "properties.rights", anys([]string{"Listen", "Manage", "Send"}))
	}
	rights := texts(w.doc, "properties.rights")
	if len(rights) == 0 {
		return badRequest("BadRequest", "The authorization rule '%s' has no rights.", last(w.id))
	}
	for _, r := range rights {
		if !oneOf(r, []string{"Listen", "Send", "Manage"}) {
			return badRequest("BadRequest", "The right '%s' is none of Listen, Send and Manage.", clip(r))
		}
		if strings.EqualFold(r, "Manage") && len(rights) != 3 {
			return badRequest("BadRequest", "The right Manage needs Send and Listen.")
		}
	}
	return nil
}

func keepSASRule(_ *Server, r *record) *refusal {
	if r.name() == "RootManageSharedAccessKey" {
		return badRequest("BadRequest", "The authorization rule RootManageSharedAccessKey cannot be deleted.")
	}
	return nil
}

func sasKeys(_ *Server, r *record, _ doc) (any, *refusal) {
	owner := up(up(r.id))
	a, _ := parsePath(owner)
	entity := ""
	if len(a.names) > 1 {
		entity = ";EntityPath=" + a.names[1]
	}
	text := func(key string) string {
		return "Endpoint=sb://" + strings.ToLower(a.names[0]) + ".servicebus.windows.net/;SharedAccessKeyName=" + r.name() + ";SharedAccessKey=" + key + entity
	}
	return doc{
		"keyName": r.name(), "primaryKey": r.keys[0], "secondaryKey": r.keys[1],
		"primaryConnectionString": text(r.keys[0]), "secondaryConnectionString": text(r.keys[1]),
	}, nil
}

func checkHub(w *writing) *refusal {
	n, ok := number(w.doc, "properties.partitionCount")
	if !ok || n < 1 || n > 1024 || n != float64(int(n)) {
		return badRequest("BadRequest", "The partition count of the event hub '%s' must be 1 to 1024.", last(w.id))
	}
	if w.old != nil {
		if before, _ := number(w.old.doc, "properties.partitionCount"); before > n {
			return badRequest("BadRequest", "The partition count of the event hub '%s' cannot be reduced.", last(w.id))
		}
	}
	var partitions []any
	for i := range int(n) {
		partitions = append(partitions, strconv.Itoa(i))
	}
	set(w.doc, "properties.partitionIds", partitions)
	if days, ok := number(w.doc, "properties.messageRetentionInDays"); ok {
		initial(w.doc, "properties.retentionDescription", doc{"cleanupPolicy": "Delete", "retentionTimeInHours": days * 24})
	}
	return nil
}

package corpus

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Ids of the tenant and of the subscriptions that the estates lie in. Nobody
// owns them.
const (
	tenant        = "7b8f3f0a-0000-4000-8000-00000000000a"
	subscriptionA = "0a11c0de-0000-4000-8000-00000000000a"
	subscriptionB = "0b0bc0de-0000-4000-8000-00000000000b"
	// subscriptionX is one that no estate was read from: a stranger's.
	subscriptionX = "0f0ec0de-0000-4000-8000-00000000000f"
)

// Providers of resources.
const (
	network   = "Microsoft.Network"
	cognitive = "Microsoft.CognitiveServices"
	insights  = "Microsoft.Insights"
	roles     = "Microsoft.Authorization"
)

// groupOf is the resource group that a provider's resources are put in.
func groupOf(provider string) string {
	switch provider {
	case network:
		return "rg-network"
	case cognitive:
		return "rg-ai"
	case "Microsoft.App", "Microsoft.Web", "Microsoft.Compute":
		return "rg-apps"
	default:
		return "rg-shared"
	}
}

// armID is the id of a resource: its types and names by turns.
func armID(sub, provider string, names ...string) string {
	return "/subscriptions/" + sub + "/resourceGroups/" + groupOf(provider) +
		"/providers/" + provider + "/" + strings.Join(names, "/")
}

// id is the id of a resource in the subscription at hand.
func (d *Document) id(provider string, names ...string) string {
	return armID(d.sub, provider, names...)
}

// typeOf is the ARM type that an id says.
func typeOf(id string) string {
	_, rest, _ := strings.Cut(id[strings.LastIndex(id, "/providers/")+1:], "/")
	parts := strings.Split(rest, "/")
	types := parts[:1:1]
	for i := 1; i < len(parts); i += 2 {
		types = append(types, parts[i])
	}
	return strings.Join(types, "/")
}

// resource is a resource as ARM returns it. An empty region is left out, as
// ARM does for children.
func resource(id, region string, properties object) object {
	o := part(id, properties)
	if region != "" {
		o["location"] = region
	}
	return o
}

// part is a child as its parent embeds it.
func part(id string, properties object) object {
	properties["provisioningState"] = "Succeeded"
	return bare(id, properties)
}

// bare is a resource of those few types that state no provisioningState.
func bare(id string, properties object) object {
	return object{"id": id, "name": lastOf(id), "type": typeOf(id), "properties": properties}
}

// ref is a reference to a resource.
func ref(id string) object { return object{"id": id} }

// texts is an array of strings.
func texts(s ...string) list {
	l := make(list, len(s))
	for i, v := range s {
		l[i] = v
	}
	return l
}

// guid is an id of the usual form that depends on seed alone.
func guid(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

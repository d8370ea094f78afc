// Package azure reads an estate from Azure Resource Manager with a login that
// may only read, and keeps it as a file.
//
// It guarantees that a resource in the snapshot has the bytes that ARM sent;
// that whatever could not be read is in the snapshot too, with its scope and
// the reason; that the login's token goes to the one endpoint that was named,
// whatever a page's nextLink or a redirect says; and that retries, pages,
// answers and the whole are bounded. It changes nothing in Azure: it sends GET,
// and POST for the two actions that only list (see rows). It registers no
// resource provider.
//
// It does not judge, and it does not read what the caller did not ask for. A
// snapshot holds what ARM shows: a container app's environment variables, for
// example, as their author wrote them. Files are therefore readable by their
// owner alone.
//
// # What the login needs
//
// The role Reader at each subscription. The two actions of network managers,
// listDeploymentStatus and listEffectiveVirtualNetworks, need more, for Reader
// holds no action; without it they are unreadable.
//
// A list at a subscription may leave out what the login may not see, and say
// nothing about it. So the login's own permissions are read first, and a list
// that they do not cover is marked as unreadable, beside what it did give.
//
// # The file
//
// One JSON object, of which package estate reads "resources" alone:
//
//	format         "ostiary-azure-snapshot"
//	version        1
//	taken          when the reading began, RFC 3339, UTC
//	endpoint       of ARM
//	subscriptions  [{"id", "name"}] that were asked for or listed, in order
//	apiVersions    {type: api-version} of everything that was asked
//	unregistered   paths of lists whose resource provider is not registered in
//	               the subscription: there can be none of that type
//	resources      what ARM returned, each element byte for byte, without
//	               duplicates, in the order of rows within each subscription;
//	               then role definitions, then what was unreadable
//
// Two kinds of elements are not ARM's own. The answer of an action, which has
// no id, is {"id": path of the action, "value": [ARM's elements]}. What was
// unreadable is {"error": {"code", "message", "status"}, "id": scope, "type"}:
// the scope is a subscription, a path of a list in one
// (/subscriptions/S/providers/TYPE), or a path below a resource. The codes are
// ARM's, or one of ours: PartialRights, ForeignNextLink, EndlessPages,
// MalformedAnswer, TooLarge, NoID, UnexpectedStatus.
package azure

// Package estate holds what is there: the Azure resources that decide who
// reaches an Azure OpenAI account, read from ARM documents or from a
// Terraform plan into typed structs.
//
// It guarantees that every value is one of three: known, absent or unknown.
// Absent means that the source states nothing, so that Azure's documented
// default holds; unknown means that the source cannot tell (a value known
// only after apply, two documents that contradict each other, a value of the
// wrong kind). A reference whose id leads nowhere is unknown, never absent.
// Every value remembers where it was read, or, where it is absent, the object
// that lacks it; Estate.Pointer turns that into an RFC 6901 pointer.
//
// It judges nothing: package topology does.
//
// # Duplicates
//
// ARM shows a child twice, embedded in its parent and on its own. Documents
// of one id are merged value by value: what only one of them states holds,
// what both state alike holds, and what they state differently becomes
// unknown and is listed in Estate.Conflicts. Lists of named parts (subnets,
// rules, routes, ip configurations) are united by name. A parent's embedded
// list does not shorten what children state on their own.
package estate

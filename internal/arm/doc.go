// Package arm is Azure Resource Manager on loopback: the control plane of an
// emulated Azure, enough of it that the real azurerm provider of Terraform
// creates, reads, changes and deletes every resource that a private Azure
// OpenAI estate is made of, and that a reader of ARM sees the estate there.
//
// It guarantees, for the types of its table (see kind): the values that Azure
// fills in (defaults, addresses, endpoints, network interfaces, records,
// principal ids), Azure's own refusals with its codes where a mistake in
// Terraform is likely, ids compared without case and answered as first
// written, lists in pages, and that role assignments count. A write is done
// wholly or not at all. Every other type is kept as it was sent. Request bodies
// are bounded at 4 MiB and 32 levels.
//
// It does not guarantee what Azure would bill, throttle or take minutes for,
// does not validate properties that its table does not name, ignores which
// api-version is asked, beyond its form, and answers all versions alike. It
// moves no packet: who reaches what is decided by others, of Estate. What is
// observed on Azure and what is only emulated is told in docs/arm.md.
package arm

// Package topology says who resolves what and who reaches what in an estate,
// and why. It is a pure model of configuration: it sends no packet, and asks
// nobody.
//
// It guarantees three-valued answers. Allowed means that nothing which is
// modelled stops the traffic, Denied that something certainly does, Unknown
// that the estate does not tell: a value that is unknown, a reference that
// leads nowhere, or a thing that is not modelled lies in the way, and its
// different courses would end differently. Each answer carries its hops, and
// each hop the id and the place of what decided it. Reach gives sets that are
// exact: Flow says of every address in a group what the group says.
//
// What is modelled, from which source, and what is not, is told in
// docs/topology.md.
package topology

// Package gateway stands between callers and the models: it knows who calls,
// lets through what policy grants, passes every byte of the answer on, counts
// what was used and records each call. handle.go holds the whole way of a call:
// identify → authorize → admit → route → forward → meter → record.
//
// What it guarantees.
//   - No request reaches a backend before its intent is durable in the ledger.
//   - No answer ends cleanly before its outcome is durable: the end of the
//     answer is held back until then, and where the outcome cannot be recorded
//     the connection is cut, so that a client sees a truncated answer.
//   - Bodies, statuses and headers pass unchanged, both ways, but for
//     credentials, headers of one connection, Accept-Encoding, and the model
//     that a backend of kind openai is told (docs/gateway.md lists all).
//   - A client that leaves ends the work upstream, and what was used until then
//     is recorded.
//   - Prompts, completions, credentials and query strings reach no log, no
//     metric and no error. Labels of metrics come from the configuration and
//     from fixed lists, never from a caller.
//
// What it does not: it limits no rates, tries no second backend, and keeps no
// body. It believes a portal member's certificate because of the TLS
// configuration that MemberTLS makes; serve MemberHandler with no other.
package gateway

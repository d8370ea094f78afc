// Package gateway stands between callers and the models: it knows who calls,
// lets through what policy grants, passes every byte of the answer on, counts
// what was used and records each call. handle.go holds the whole way of a call:
// identify → authorize → admit → route → limit → forward → meter → record.
//
// What it guarantees.
//   - No request reaches a backend before its intent is durable in the ledger.
//   - No answer ends cleanly before its outcome is durable: the end of the
//     answer is held back until then, and where the outcome cannot be recorded
//     the connection is cut, so that a client sees a truncated answer.
//   - Bodies, statuses and headers pass unchanged, both ways, but for
//     credentials, headers of one connection, Accept-Encoding, the deployment's
//     name where an alias or the backend's kind asks for it, and the question
//     for a stream's usage, whose answer the client does not see
//     (docs/gateway.md lists all).
//   - A second backend is asked only before the client has seen a byte, under
//     the same intent, for the same workload, and where policy allows it.
//   - A client that leaves ends the work upstream, and what was used until then
//     is recorded.
//   - Prompts, completions, credentials and query strings reach no log, no
//     metric and no error. Labels of metrics come from the configuration and
//     from fixed lists, never from a caller.
//
// What it does not: what it knows of backends, and its limits unless they are
// shared, hold for one process, and it keeps no body. It believes a portal member's certificate
// because of the TLS configuration that MemberTLS makes; serve MemberHandler
// with no other.
package gateway

// Package sink carries the calls of a ledger to where people query them.
//
// A Shipper follows one log from a durable cursor, joins the two halves of a
// call into one Entry, and writes entries in batches to one Destination. What
// it guarantees:
//
//   - It never stands in a call's way: it only reads the log, beside its
//     writer, and what it cannot deliver yet stays in the log.
//   - Every entry is delivered at least once, in the order of the log, and only
//     what is durable in the log is delivered. The cursor moves after the
//     destination has acknowledged; with SQLite in the same transaction, so
//     that there every call is one row.
//   - An entry has one id for ever, its call's, so that a reader who meets it
//     twice can tell.
//   - Memory is bounded: by one batch, one segment of the log, one entry's
//     bodies, and the calls under way.
//
// What it does not: it is no evidence. Who administers a destination can
// change what is there; the log is what ledger verify checks.
package sink

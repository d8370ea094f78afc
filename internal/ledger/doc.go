// Package ledger keeps the record of every call, in a log that loses nothing
// it acknowledged and shows when somebody altered it.
//
// A Log is an append-only sequence of opaque payloads in segment files. Append
// returns when the payload is on stable storage. Every payload is a leaf of an
// RFC 6962 Merkle tree; every commit is chained to the one before; the tree is
// signed into a checkpoint every few seconds and at Close. A Ledger is a Log
// of call records: an intent is durable before the call is forwarded, an
// outcome before its answer ends. docs/ledger.md describes the files byte by
// byte.
//
// What it guarantees: an acknowledged entry is read back after a crash or a
// power loss, exactly once and in order, as far as fdatasync is honest; after
// a failed write or sync nothing more is acknowledged; Verify finds any
// changed byte, and any edit, deletion, reordering or truncation of entries
// that the checkpoint covers.
//
// What it does not: whoever holds the directory's signing key can write
// another history and sign it; entries newer than the last checkpoint can be
// cut off unseen. Prompts and completions are never recorded, only keyed
// commitments to them; the rest of a record is in clear.
package ledger

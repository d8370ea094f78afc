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
// power loss, exactly once and in order, as far as fdatasync is honest; a
// relaxed log promises that of what its checkpoint covers. After a failed write
// or sync nothing more is acknowledged. Entries past their retention are pruned
// to their hashes, under a signed note. RepairLog sets damage aside, and Verify
// names what it lost for ever. Verify finds any
// changed byte, and any edit, deletion, reordering or truncation of entries
// that the checkpoint covers.
//
// What it does not: whoever holds the directory's signing key can write
// another history and sign it; entries newer than the last checkpoint can be
// cut off unseen. Records are in clear. Of prompts and completions they hold
// keyed commitments; the bodies themselves are kept only of calls whose capture
// is Full, sealed to auditors (package seal) under keys that Forget destroys.
// This process can open what it sealed while it holds the epoch's key, and for
// as long as BodyConfig.ReadBack says.
package ledger

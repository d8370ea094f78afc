// Package cloud is the data planes beside Azure OpenAI's that a private estate
// uses, on loopback: Key Vault's secrets, Blob Storage, Container Registry and
// the little of Microsoft Graph that infrastructure tools ask for.
//
// It guarantees that a resource answers at its own name from the moment that
// the Resource Manager holds it, with the keys and the role assignments that
// stand there, and only to callers whom its network settings let in: the caller
// of this package says with an Origin how a request came. Refusals have
// Azure's codes, statuses and shapes; docs/cloud.md says what is emulated and
// what is not, and answers that plainly where it is asked for.
//
// It does not guarantee durability or scale. Contents lie on disk, bounded in
// size; their index is one file a service, written again at each change.
// Secrets of vaults and what blobs hold lie there in clear, readable by the
// owner of the files alone: it is a rehearsal, not a vault.
package cloud

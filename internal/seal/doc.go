// Package seal keeps bodies for auditors' eyes only. It is pure: it touches
// neither disk nor network.
//
// An auditor has an Identity, the secret, and gives away a Recipient. A Key
// seals bodies; it is wrapped to every recipient by HPKE (RFC 9180) with
// X-Wing, the hybrid of X25519 and ML-KEM-768, HKDF-SHA256 and AES-256-GCM, so
// that who keeps the wraps must break both to read them later. Each body gets
// a key of its own, derived by HKDF-SHA256 (RFC 5869), and is sealed in pieces
// by AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway and
// Vizár, 2015): the nonce counts the pieces and marks the last, so that none
// can be dropped, repeated, reordered or cut off unseen.
//
// What it guarantees: without the key or an identity it was wrapped to, a
// sealed body tells nothing but its length. The key's ID binds the key: two
// auditors who find the same ID have the same key.
//
// What it does not: it does not say who sealed. Whoever knows a Recipient can
// wrap a key to it; what a body is worth as evidence rests on the log that
// holds it. Destroy overwrites a key where this package holds it; copies that
// the Go runtime made of it last until their memory is used again.
package seal

// Package openai reads the wire of Azure OpenAI and of servers compatible with
// it, without changing a byte that passes: where a request is going (Route),
// what its body says at the top (Peek), and what an answer or a stream of
// events reports beside its content (Answer, Stream). It makes the two edits
// that a gateway needs (Edit: a deployment's name, the question for a stream's
// usage) and takes back what the second adds (Stream.HideUsage). It also holds
// Azure's errors to the byte.
//
// Guarantees. Every reader here is pure and bounded: none keeps more of an
// input than the few members it looks for, none panics, and feeding an answer
// in pieces gives what feeding it whole gives. A request body that two parsers
// could read in two ways (a member twice, a name that differs only in case or
// is written with escapes, bytes that are no UTF-8) is refused or read as every
// parser reads it.
//
// What it does not do: it does not check that a request is a sensible one, and
// it counts no tokens; it reports what the backend counted.
package openai

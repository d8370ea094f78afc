// Package emulator is Azure OpenAI's data plane on loopback, over TLS, so that
// a gateway, a portal or a client can be rehearsed without a subscription.
//
// It guarantees the wire: routes, authentication, the bodies of refusals to the
// byte, the shapes of answers and of streams, as recorded from Azure. What was
// recorded and what is only emulated is told in docs/emulator.md. It has its
// own wire types on purpose: were they shared with the gateway, both would
// share a misreading, and no test between them could find it.
//
// It does not guarantee the model. Answers are quoted from Ostiary's embedded
// documents by retrieval and say so; embeddings are hashed features; token
// counts are estimates. It sets no rate limit and filters no content. It
// listens with three fronts: public (where the internet arrives), private
// (where a private endpoint leads) and the issuer, an Entra ID for
// applications. It keeps its certificate authority and its keys in a state
// directory that only its owner can read.
package emulator

// Package emulator is Azure OpenAI's data plane on loopback, over TLS, so that
// a gateway, a portal or a client can be rehearsed without a subscription; and,
// where the settings want it, the Azure around it: a Resource Manager (package
// arm), the services of its resources (package cloud) and places in its network
// (package place). docs/rehearsal.md tells of that.
//
// It guarantees the wire: routes, authentication, the bodies of refusals to the
// byte, the shapes of answers and of streams, as recorded from Azure. What was
// recorded and what is only emulated is told in docs/emulator.md. It has its
// own wire types on purpose: were they shared with the gateway, both would
// share a misreading, and no test between them could find it.
//
// It does not guarantee the model. Answers are quoted from Ostiary's embedded
// documents by retrieval and say so; embeddings are hashed features; token
// counts are estimates; images are patterns, speech is a tone, and nobody
// listens. The content filter knows marker words alone, and rate limits count
// for accounts of the Resource Manager, where the configuration wants it. It
// listens with three fronts: public (where the internet arrives), private
// (where a private endpoint leads) and the issuer, an Entra ID. The network has
// two more, on loopback alone: the places, and a page. It keeps its certificate authority and its keys in a state
// directory that only its owner can read.
package emulator

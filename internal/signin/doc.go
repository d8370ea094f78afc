// Package signin is how a person at a terminal shows who they are: by a
// browser on the same machine (the code flow with PKCE to a loopback address,
// RFC 8252), or by a device code (RFC 8628). It keeps the tokens for later
// commands and renews them unasked.
//
// It guarantees: a code is redeemed only for the request that this process
// began (state, nonce, PKCE with S256); the sign-in service is reached over TLS
// alone, at the endpoints that its own discovery document names, and redirects
// nobody elsewhere; tokens appear in no error and no log.
//
// Tokens lie in one file that its owner alone can read (mode 0600, in a
// directory of mode 0700); a file that others may read is refused. They are not
// encrypted: a key beside them would protect nothing, and whoever can read the
// person's files can act as them anyway. A refresh token is worth as much as
// the sign-in until the tenant revokes it; Forget removes it from this machine.
//
// The ID token is not checked for its signature: it comes from the token
// endpoint itself, over TLS (OpenID Connect Core 1.0 section 3.1.3.7). It says
// only whose name to show; the gateway checks the access token.
package signin

// Package probe looks at an Azure OpenAI endpoint from where it stands, and
// says whether it sees what that place should see.
//
// A place is inside (meant to reach the model through its private endpoint),
// outside, or outside but within the networks beside the endpoint's. The looks,
// by the names of their observations:
//
//	dns-a, dns-aaaa  each resolver's answer: inside the endpoint's address alone
//	                 (no AAAA, or the endpoint's), outside no private one;
//	                 within, either
//	dns-zone         the names on the way pass the private link zone
//	dns-agree        no two answers differ (outside, all public ones are alike)
//	tcp              inside: a connection to the address; within: none
//	tls-version      TLS 1.2 or later
//	tls-name         the certificate is for the host
//	tls-issuer       it comes from Microsoft or DigiCert: otherwise somebody
//	                 between here and Azure reads along
//	tls-privatelink  the private link name is not in the certificate, so that a
//	                 call to it fails
//	http-*           outside: Azure's own 403, or no connection; inside: a token
//	                 is let in, a key is not
//
// Each carries the facts that were seen apart from what should be seen, for
// whoever has a model of what this very place sees.
//
// It guarantees that a token or a key is sent only over TLS whose certificate
// is the host's and comes from an issuer that is recognised; that neither is in
// an observation; that answers are bounded, and that of an answer's body only
// the code and message of an error in Azure's form are kept. It follows no
// redirect and uses no proxy. It writes nothing and spends no tokens of a
// model: the one call of inference is empty and names no deployment.
//
// It cannot tell a place that Azure keeps out from one that has no way out at
// all: both see no connection. It recognises an issuer by the organisations in
// the names of the chain, which a dishonest authority that this machine trusts
// could imitate. It looks at the addresses, not at the path to them; package
// topology does that.
package probe

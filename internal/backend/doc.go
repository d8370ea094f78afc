// Package backend holds the servers that answer: Azure OpenAI, and servers
// that speak OpenAI's v1 (Ollama, vLLM, OpenAI itself). It chooses one for a
// call, makes the request that goes there, and remembers which of them fail or
// are throttled.
//
// Guarantees. What a client used to prove itself to us never reaches a
// backend, unless the configuration says that its token is to be passed on;
// what proves us to a backend never reaches a log or an error. A body passes
// unchanged, but for the edits that the caller asks for and the model that a
// server is told. Redirects are not followed, the environment's proxy is not
// used, and a request ends as soon as its context does. Nothing is asked in the
// background: only real calls find out whether a backend is well.
//
// It does not read answers, and it sends nothing twice: a second attempt is its
// caller's affair. What it knows of backends is this process's alone.
package backend

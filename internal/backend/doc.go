// Package backend holds the servers that answer: Azure OpenAI, and servers
// that speak OpenAI's v1 (Ollama, vLLM, OpenAI itself). It picks one for a
// deployment, and makes the request that goes there.
//
// Guarantees. What a client used to prove itself to us never reaches a
// backend, and what proves us to a backend never reaches a log or an error. A
// body passes unchanged, but for the model that a server of kind openai is
// told. Redirects are not followed, the environment's proxy is not used, and a
// request ends as soon as its context does.
//
// It does not read answers, and it tries no second backend.
package backend

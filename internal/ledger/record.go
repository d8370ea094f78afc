package ledger

import "time"

// RecordVersion is the version that this build writes. Readers accept every
// version from 1 to it.
const RecordVersion = 1

// Kind is what a record tells of a call.
type Kind string

// An intent is durable before a call is forwarded; an outcome before its
// answer ends; a refusal is both at once, for a call that was never forwarded.
const (
	Intent  Kind = "intent"
	Outcome Kind = "outcome"
	Refusal Kind = "refusal"
)

// Record is one leaf of the ledger, stored as JSON with its keys in the order
// below and its times in UTC. An intent has a Call, an outcome a Result, a
// refusal both. Text that is not UTF-8 is stored with U+FFFD in its place.
type Record struct {
	Version int       `json:"v"`
	Kind    Kind      `json:"kind"`
	ID      string    `json:"id"`   // of the call, a UUIDv7: intent and outcome share it
	Time    time.Time `json:"time"` // when this record was made, by the gateway's clock
	Call    *Call     `json:"call,omitempty"`
	Result  *Result   `json:"result,omitempty"`
}

// Call is what was asked, by whom, and what policy said. It holds no prompt.
type Call struct {
	Received    time.Time `json:"received"`              // when the request's head had been read
	Issuer      string    `json:"issuer,omitempty"`      // who vouches for the caller, as identity.Principal has it
	Tenant      string    `json:"tenant,omitempty"`      // Entra tenant id
	Subject     string    `json:"subject,omitempty"`     // stable id inside the issuer
	Name        string    `json:"name,omitempty"`        // what a person would recognise
	App         string    `json:"app,omitempty"`         // the application that calls
	Member      string    `json:"member,omitempty"`      // portal member's SPIFFE id
	Workload    string    `json:"workload,omitempty"`    // the workload that policy placed it in
	Client      string    `json:"client,omitempty"`      // network address of the peer
	Operation   string    `json:"operation"`             // for example chat/completions
	APIVersion  string    `json:"api_version,omitempty"` // as the client sent it; "v1" has none
	Deployment  string    `json:"deployment,omitempty"`  // as the client asked for it
	Stream      bool      `json:"stream,omitempty"`
	Backend     string    `json:"backend,omitempty"`     // where it is forwarded; empty for a refusal
	Decision    string    `json:"decision,omitempty"`    // the grant that allowed it, or why none did
	Request     Body      `json:"request"`               // as the client sent it
	Correlation string    `json:"correlation,omitempty"` // the client's own x-ms-client-request-id
}

// Body describes a body that is not kept: its size in bytes and a commitment,
// SHA-256(salt ‖ body), whose salt derives from the ledger's commitment key
// and the call's id. Without the key it hides even a guessable prompt; with
// it, a claimed body can be shown to be the one that was sent.
type Body struct {
	Bytes      int64  `json:"bytes"`
	Commitment string `json:"commitment,omitempty"` // base64url without padding
}

// Result is what came of a call.
type Result struct {
	FirstByte     time.Time `json:"first_byte,omitzero"` // of the answer, as forwarded
	End           time.Time `json:"end"`
	Status        int       `json:"status"` // HTTP status sent to the client
	ErrorCode     string    `json:"error_code,omitempty"`
	Model         string    `json:"model,omitempty"` // as the backend names it
	FinishReasons []string  `json:"finish_reasons,omitempty"`
	Usage         Usage     `json:"usage,omitzero"`
	Response      Body      `json:"response"`              // as sent to the client, as far as it got
	UpstreamID    string    `json:"upstream_id,omitempty"` // apim-request-id or x-request-id
	Aborted       string    `json:"aborted,omitempty"`     // why the answer is partial: client-left, upstream-failed
}

// Usage counts tokens. Estimated says that the backend did not count them.
type Usage struct {
	Prompt     int64 `json:"prompt,omitempty"`
	Completion int64 `json:"completion,omitempty"`
	Cached     int64 `json:"cached,omitempty"`    // part of Prompt
	Reasoning  int64 `json:"reasoning,omitempty"` // part of Completion
	Total      int64 `json:"total,omitempty"`
	Estimated  bool  `json:"estimated,omitempty"`
}

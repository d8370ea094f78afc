package ledger

import "time"

// RecordVersion is the version that this build writes. Readers accept every
// version from 1 to it.
//
//	1  the first
//	2  capture, region, retries, cost, first token, content filters, bodies
//	   kept, forgotten subjects
//	3  the name that a client used for a deployment, where it was an alias; what
//	   a client said in a realtime session
const RecordVersion = 3

// Kind is what a record tells of a call.
type Kind string

// An intent is durable before a call is forwarded; an outcome before its
// answer ends; a refusal is both at once, for a call that was never forwarded.
// Forgotten says that a subject's keys were destroyed; its ID is its own.
const (
	Intent    Kind = "intent"
	Outcome   Kind = "outcome"
	Refusal   Kind = "refusal"
	Forgotten Kind = "forgotten"
)

// Record is one leaf of the ledger, stored as JSON with its keys in the order
// below and its times in UTC. An intent has a Call, an outcome a Result, a
// refusal both. Text that is not UTF-8 is stored with U+FFFD in its place.
// Leaves that are no records hold pieces of bodies.
type Record struct {
	Version int       `json:"v"`
	Kind    Kind      `json:"kind"`
	ID      string    `json:"id"`   // of the call, a UUIDv7: intent and outcome share it
	Time    time.Time `json:"time"` // when this record was made, by the gateway's clock
	Call    *Call     `json:"call,omitempty"`
	Result  *Result   `json:"result,omitempty"`
	Forget  *Forget   `json:"forget,omitempty"`
}

// Forget says whose keys were destroyed.
type Forget struct {
	Subject string `json:"subject"` // the pseudonym that the subject's bodies are kept under
	Keys    int    `json:"keys"`    // how many keys were destroyed
}

// Capture is how much of a call is recorded.
type Capture string

// None keeps what was called, when, by which workload, and what it used;
// nothing that names or reaches the caller, and no commitment. Metadata keeps
// all but the bodies. Full keeps the bodies too.
const (
	None     Capture = "none"
	Metadata Capture = "metadata" // the default
	Full     Capture = "full"
)

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
	Capture     Capture   `json:"capture,omitempty"`     // empty means Metadata
	Client      string    `json:"client,omitempty"`      // network address of the peer
	Operation   string    `json:"operation"`             // for example chat/completions
	APIVersion  string    `json:"api_version,omitempty"` // as the client sent it; "v1" has none
	Deployment  string    `json:"deployment,omitempty"`  // that was called
	Asked       string    `json:"asked,omitempty"`       // the client's name for it, where that was an alias
	Stream      bool      `json:"stream,omitempty"`
	Backend     string    `json:"backend,omitempty"`     // where it is forwarded; empty for a refusal
	Decision    string    `json:"decision,omitempty"`    // the grant that allowed it, or why none did
	Request     Body      `json:"request"`               // as the client sent it
	Correlation string    `json:"correlation,omitempty"` // the client's own x-ms-client-request-id
}

// Body describes a body: its size in bytes and a commitment,
// SHA-256(salt ‖ body), whose salt derives from the ledger's commitment key
// and the call's id. Without the key it hides even a guessable prompt; with
// it, a claimed body can be shown to be the one that was sent.
type Body struct {
	Bytes      int64  `json:"bytes"`
	Commitment string `json:"commitment,omitempty"` // base64url without padding
	Pieces     int    `json:"pieces,omitempty"`     // entries of the log that hold the body; 0 if it is not kept
	Redacted   bool   `json:"redacted,omitempty"`   // what is kept differs from what was sent, by rule
	Omitted    string `json:"omitted,omitempty"`    // why it is not kept although capture is full: OmittedUnredacted

	kept *keeper // what of it waits for the record; nil if it is not kept
}

// Result is what came of a call.
type Result struct {
	FirstByte     time.Time `json:"first_byte,omitzero"`  // of the answer, as forwarded
	FirstToken    time.Time `json:"first_token,omitzero"` // of a stream: its first text
	End           time.Time `json:"end"`
	Status        int       `json:"status"` // HTTP status sent to the client
	ErrorCode     string    `json:"error_code,omitempty"`
	Model         string    `json:"model,omitempty"` // as the backend names it
	FinishReasons []string  `json:"finish_reasons,omitempty"`
	Usage         Usage     `json:"usage,omitzero"`
	Cost          *Cost     `json:"cost,omitempty"` // by the prices in the configuration; nil where it has none

	// ContentFilter is what Azure's content filters found, for example
	// "prompt.hate": "low" or "completion.jailbreak": "filtered".
	ContentFilter map[string]string `json:"content_filter,omitempty"`

	Region     string `json:"region,omitempty"`      // where it was served, x-ms-region
	Retries    int    `json:"retries,omitempty"`     // attempts beyond the first
	Backend    string `json:"backend,omitempty"`     // the last that was tried, where it is not the intent's
	Request    Body   `json:"request,omitzero"`      // of a realtime session: what the client said, where it is kept
	Response   Body   `json:"response"`              // as sent to the client, as far as it got
	UpstreamID string `json:"upstream_id,omitempty"` // apim-request-id or x-request-id
	Aborted    string `json:"aborted,omitempty"`     // why the answer is partial: client-left, upstream-failed
}

// Cost is a price in millionths of a currency's unit.
type Cost struct {
	Micros   int64  `json:"micros"`
	Currency string `json:"currency"` // ISO 4217
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

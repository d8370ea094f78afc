package sink

import (
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
)

// EntryVersion is the version of the Entry that this build writes. A field may
// be added within a version; none changes its meaning or goes.
const EntryVersion = 1

// What an entry tells.
const (
	KindCall      = "call"       // a whole call that was forwarded
	KindRefusal   = "refusal"    // a whole call that was not
	KindNoOutcome = "no-outcome" // the first half of a call that a crash cut off
	KindOutcome   = "outcome"    // the second half of a call whose first half was sent as no-outcome, or is not in the log any more
	KindForgotten = "forgotten"  // the bodies of subject_key are to be deleted
)

// Entry is one call as sinks have it: flat, so that a table can hold it. The
// tag doc describes a field; half says which half of the call knows it, and a
// field without one is known always. The schema of every sink derives from
// these tags, in this order.
type Entry struct {
	Version int    `json:"v" doc:"version of the entry, 1"`
	Kind    string `json:"kind" doc:"call, refusal, no-outcome, outcome or forgotten"`
	ID      string `json:"id" doc:"the call's id, the same for ever; a forgotten entry has its own"`
	Log     string `json:"log" doc:"id of the log that has the call"`
	Index   uint64 `json:"log_index" doc:"of its last record; of two entries with one id, the larger counts"`
	Intent  uint64 `json:"intent_index" half:"call" doc:"of its first record; the same for a refusal"`

	Time        time.Time `json:"time" doc:"received, or when the record was made where that is not known"`
	Received    time.Time `json:"received,omitzero" half:"call" doc:"when the request's head had been read"`
	FirstByte   time.Time `json:"first_byte,omitzero" half:"result" doc:"of the answer, as forwarded"`
	FirstToken  time.Time `json:"first_token,omitzero" half:"result" doc:"of a stream: its first text"`
	End         time.Time `json:"ended,omitzero" half:"result" doc:"of the answer"`
	Latency     float64   `json:"latency_ms" half:"both" doc:"from received to end, in milliseconds"`
	Workload    string    `json:"workload,omitempty" half:"call" doc:"that policy placed the call in"`
	Issuer      string    `json:"issuer,omitempty" half:"call" doc:"who vouches for the caller"`
	Tenant      string    `json:"tenant,omitempty" half:"call" doc:"Entra tenant id"`
	Subject     string    `json:"subject,omitempty" half:"call" doc:"stable id of the caller inside the issuer"`
	Name        string    `json:"name,omitempty" half:"call" doc:"what a person would recognise"`
	App         string    `json:"app,omitempty" half:"call" doc:"the application that called"`
	Member      string    `json:"member,omitempty" half:"call" doc:"portal member's SPIFFE id"`
	Client      string    `json:"client,omitempty" half:"call" doc:"network address of the peer"`
	SubjectKey  string    `json:"subject_key,omitempty" half:"call" doc:"pseudonym that the bodies are kept under; what forget names"`
	Capture     string    `json:"capture,omitempty" half:"call" doc:"how much of the call was recorded: none, metadata or full"`
	Operation   string    `json:"operation,omitempty" half:"call" doc:"for example chat/completions"`
	APIVersion  string    `json:"api_version,omitempty" half:"call" doc:"as the client sent it; v1 has none"`
	Deployment  string    `json:"deployment,omitempty" half:"call" doc:"that was called"`
	Asked       string    `json:"asked,omitempty" half:"call" doc:"the client's name for the deployment, where that was an alias"`
	Stream      bool      `json:"stream" half:"call" doc:"whether the client asked for a stream"`
	Decision    string    `json:"decision,omitempty" half:"call" doc:"the grant that allowed it, or why none did"`
	Backend     string    `json:"backend,omitempty" half:"call" doc:"where it was forwarded, in the end"`
	Correlation string    `json:"correlation,omitempty" half:"call" doc:"the client's own x-ms-client-request-id"`

	Status        int               `json:"status" half:"result" doc:"HTTP status sent to the client; 0 without an outcome"`
	ErrorCode     string            `json:"error_code,omitempty" half:"result" doc:"of the error in the answer"`
	Aborted       string            `json:"aborted,omitempty" half:"result" doc:"why the answer is partial: client-left, upstream-failed"`
	Model         string            `json:"model,omitempty" half:"result" doc:"as the backend names it"`
	Region        string            `json:"region,omitempty" half:"result" doc:"where it was served"`
	FinishReasons []string          `json:"finish_reasons,omitempty" half:"result" doc:"one a choice"`
	ContentFilter map[string]string `json:"content_filter,omitempty" half:"result" doc:"what Azure's content filters found"`
	Prompt        int64             `json:"prompt_tokens" half:"result" doc:"tokens"`
	Completion    int64             `json:"completion_tokens" half:"result" doc:"tokens"`
	Cached        int64             `json:"cached_tokens" half:"result" doc:"part of prompt_tokens"`
	Reasoning     int64             `json:"reasoning_tokens" half:"result" doc:"part of completion_tokens"`
	Total         int64             `json:"total_tokens" half:"result" doc:"tokens"`
	Estimated     bool              `json:"estimated" half:"result" doc:"the backend did not count, so the gateway did"`
	CostMicros    int64             `json:"cost_micros" half:"result" doc:"millionths of the currency's unit"`
	Currency      string            `json:"currency,omitempty" half:"result" doc:"ISO 4217; empty if no price is configured"`
	Retries       int               `json:"retries" half:"result" doc:"attempts beyond the first"`
	UpstreamID    string            `json:"upstream_id,omitempty" half:"result" doc:"apim-request-id or x-request-id"`

	RequestBytes       int64  `json:"request_bytes" half:"call" doc:"size of the request's body, as sent"`
	ResponseBytes      int64  `json:"response_bytes" half:"result" doc:"size of the answer's body, as far as it was sent"`
	RequestCommitment  string `json:"request_commitment,omitempty" half:"call" doc:"salted hash of the request's body"`
	ResponseCommitment string `json:"response_commitment,omitempty" half:"result" doc:"salted hash of the answer's body"`
	RequestRedacted    bool   `json:"request_redacted" half:"call" doc:"what is kept of the body differs from what was sent, by rule"`
	ResponseRedacted   bool   `json:"response_redacted" half:"result" doc:"the same of the answer"`
	RequestBody        Text   `json:"request_body,omitempty" half:"call" doc:"only with bodies: clear or sealed"`
	ResponseBody       Text   `json:"response_body,omitempty" half:"result" doc:"only with bodies: clear or sealed"`

	Bodies string `json:"bodies,omitempty" doc:"clear or sealed: what the bodies here are; unreadable: the log keeps bodies that could not be opened"`

	requestPieces, responsePieces int // entries of the log that hold the bodies
}

// Text is a body. In JSON it is a string; bytes that are not UTF-8 become
// U+FFFD there. A sealed body is base64.
type Text []byte

// MarshalText makes it a string in JSON.
func (t Text) MarshalText() ([]byte, error) { return t, nil }

// UnmarshalText reads it back.
func (t *Text) UnmarshalText(b []byte) error {
	*t = append((*t)[:0], b...)
	return nil
}

// NewEntry is an entry of a record that Calls has joined. Its half without a
// record is empty.
func NewEntry(log string, intent, index uint64, r ledger.Record) Entry {
	e := Entry{Version: EntryVersion, ID: r.ID, Log: log, Index: index, Intent: intent, Kind: kindOf(r)}
	if r.Call != nil {
		e.addCall(*r.Call)
	}
	if r.Result != nil {
		e.addResult(*r.Result)
	}
	if r.Call != nil && r.Result != nil {
		e.Latency = float64(r.Result.End.Sub(r.Call.Received).Microseconds()) / 1000
	}
	if r.Forget != nil {
		e.SubjectKey = r.Forget.Subject
	}
	if e.Time = e.Received; e.Time.IsZero() {
		e.Time = r.Time
	}
	return e
}

func kindOf(r ledger.Record) string {
	switch {
	case r.Forget != nil:
		return KindForgotten
	case r.Kind == ledger.Refusal:
		return KindRefusal
	case r.Result == nil:
		return KindNoOutcome
	case r.Call == nil:
		return KindOutcome
	}
	return KindCall
}

func (e *Entry) addCall(c ledger.Call) {
	e.Received = c.Received
	e.Workload, e.Issuer, e.Tenant, e.Subject, e.Name = c.Workload, c.Issuer, c.Tenant, c.Subject, c.Name
	e.App, e.Member, e.Client, e.Capture = c.App, c.Member, c.Client, string(c.Capture)
	e.Operation, e.APIVersion, e.Deployment, e.Asked, e.Stream = c.Operation, c.APIVersion, c.Deployment, c.Asked, c.Stream
	e.Decision, e.Backend, e.Correlation = c.Decision, c.Backend, c.Correlation
	e.RequestBytes, e.RequestCommitment, e.RequestRedacted = c.Request.Bytes, c.Request.Commitment, c.Request.Redacted
	e.requestPieces = c.Request.Pieces
	if e.Capture == "" {
		e.Capture = string(ledger.Metadata)
	}
}

func (e *Entry) addResult(r ledger.Result) {
	e.FirstByte, e.FirstToken, e.End = r.FirstByte, r.FirstToken, r.End
	e.Status, e.ErrorCode, e.Aborted, e.Model, e.Region = r.Status, r.ErrorCode, r.Aborted, r.Model, r.Region
	e.FinishReasons, e.ContentFilter = r.FinishReasons, r.ContentFilter
	u := r.Usage
	e.Prompt, e.Completion, e.Cached, e.Reasoning, e.Total, e.Estimated = u.Prompt, u.Completion, u.Cached, u.Reasoning, u.Total, u.Estimated
	if r.Cost != nil {
		e.CostMicros, e.Currency = r.Cost.Micros, r.Cost.Currency
	}
	e.Retries, e.UpstreamID = r.Retries, r.UpstreamID
	if r.Backend != "" {
		e.Backend = r.Backend
	}
	e.ResponseBytes, e.ResponseCommitment, e.ResponseRedacted = r.Response.Bytes, r.Response.Commitment, r.Response.Redacted
	e.responsePieces = r.Response.Pieces
	if r.Request.Bytes > 0 { // of a realtime session
		e.RequestBytes, e.RequestCommitment, e.RequestRedacted = r.Request.Bytes, r.Request.Commitment, r.Request.Redacted
		e.requestPieces = r.Request.Pieces
	}
}

package sink

import "context"

// Cursor is how far a destination has the log.
type Cursor struct {
	Next uint64   `json:"next"`           // first entry that has not been read
	From uint64   `json:"from"`           // lowest entry that is still needed: of a call under way, or Next
	Open []uint64 `json:"open,omitempty"` // intents before Next whose call is under way, ascending
}

// Destination is where entries go. One goroutine uses it.
type Destination interface {
	// Load is the cursor of the last Write that succeeded; zero for a log
	// that it has nothing of.
	Load(ctx context.Context, log string) (Cursor, error)
	// Write returns nil when the entries, and then the cursor, are durable.
	// After an error some of the entries may be there; they come again.
	Write(ctx context.Context, log string, entries []Entry, next Cursor) error
	Close() error
}

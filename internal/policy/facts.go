package policy

import (
	"net/netip"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"

	"github.com/ostiary/ostiary/internal/openai"
)

// Facts are what a condition may ask of one call. What is not known is left
// out, and a condition that asks for it does not hold.
type Facts struct {
	Unread    bool     // the body is a form, or there is none: what it would say is not known
	MaxTokens int64    // most tokens that one answer may have; openai.Unlimited where the request sets no bound
	N         int64    // answers asked for
	Tools     int64    // offered to the model
	ToolTypes []string // distinct
	Images    bool     // in the prompt
	Stream    bool

	BodyBytes int64      // of the body; negative: not known
	Client    netip.Addr // who connects; zero: not known
	Region    string     // of the backend, as swedencentral; empty: not known
	Time      time.Time  // of the call; zero: not known
}

// FactsOf gives what the request of an operation says. A bound that a request
// does not set is no bound, for the operations whose answers have one; the
// others, embeddings for example, make no tokens. An operation whose body is
// not read by openai.Peek is Unread. Client, Region, Time and BodyBytes are
// the caller's to add.
func FactsOf(op openai.Operation, body openai.Peeked) Facts {
	said := body.Facts
	f := Facts{
		N: said.N, Tools: said.Tools, ToolTypes: said.ToolTypes, Images: said.Images, Stream: body.Stream, BodyBytes: -1,
	}
	switch op {
	case openai.ChatCompletions, openai.Completions, openai.Responses:
		f.MaxTokens = openai.Unlimited
		if said.Limited {
			f.MaxTokens = said.MaxTokens
		}
	case openai.Embeddings, openai.Models, openai.ImageGenerations, openai.Speech:
	default:
		return Facts{Unread: true, BodyBytes: -1}
	}
	return f
}

// variables are the names that conditions know, with their types.
func variables() []cel.EnvOption {
	options := []cel.EnvOption{
		cel.Variable("max_tokens", cel.IntType), cel.Variable("n", cel.IntType),
		cel.Variable("tools", cel.IntType), cel.Variable("tool_types", cel.ListType(cel.StringType)),
		cel.Variable("images", cel.BoolType), cel.Variable("stream", cel.BoolType),
		cel.Variable("body_bytes", cel.IntType), cel.Variable("client", ext.IPType),
		cel.Variable("region", cel.StringType),
		cel.Variable("hour", cel.IntType), cel.Variable("weekday", cel.IntType),
	}
	for i, name := range weekdays() {
		options = append(options, cel.Constant(name, cel.IntType, types.Int(i+1)))
	}
	return options
}

// weekdays from Monday, which ISO 8601 counts as 1.
func weekdays() [7]string {
	return [7]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
}

// weekday counts as ISO 8601 does.
func weekday(t time.Time) int64 { return int64(t.UTC().Weekday()+6)%7 + 1 }

// activation answers a condition's questions about one call.
type activation struct {
	*Facts
	missing string // a fact that was asked for and is not known
}

// Parent is part of cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }

// ResolveName gives a fact; false makes the evaluation fail.
func (a *activation) ResolveName(name string) (any, bool) {
	value, ok := a.fact(name)
	if !ok {
		a.missing = name
	}
	return value, ok
}

func (a *activation) fact(name string) (any, bool) {
	switch name {
	case "max_tokens":
		return types.Int(a.MaxTokens), !a.Unread
	case "n":
		return types.Int(a.N), !a.Unread
	case "tools":
		return types.Int(a.Tools), !a.Unread
	case "tool_types":
		return a.ToolTypes, !a.Unread
	case "images":
		return types.Bool(a.Images), !a.Unread
	case "stream":
		return types.Bool(a.Stream), !a.Unread
	case "body_bytes":
		return types.Int(a.BodyBytes), a.BodyBytes >= 0
	case "client":
		return ext.IP{Addr: a.Client.Unmap().WithZone("")}, a.Client.IsValid()
	case "region":
		return types.String(a.Region), a.Region != ""
	case "hour":
		return types.Int(a.Time.UTC().Hour()), !a.Time.IsZero()
	case "weekday":
		return types.Int(weekday(a.Time)), !a.Time.IsZero()
	}
	return nil, false
}

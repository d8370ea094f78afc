package openai

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
)

// Edit puts Text in the place of the bytes At of a body; where At is empty, it
// is put there.
type Edit struct {
	At   Span
	Text string
}

// Splice reads body with the edits made, which must not overlap, and says how
// long that is. No other byte changes, and body is not copied.
func Splice(body []byte, edits ...Edit) (io.Reader, int64) {
	slices.SortStableFunc(edits, func(a, b Edit) int { return a.At.Start - b.At.Start })
	var parts []io.Reader
	size, from := int64(len(body)), 0
	for _, e := range edits {
		parts = append(parts, bytes.NewReader(body[from:e.At.Start]), strings.NewReader(e.Text))
		size += int64(len(e.Text) - (e.At.End - e.At.Start))
		from = e.At.End
	}
	rest := bytes.NewReader(body[from:])
	if parts == nil {
		return rest, size
	}
	return io.MultiReader(append(parts, rest)...), size
}

// ModelEdit sets the model of the peeked body to name: the value is replaced
// where the member is there, and the member is put first where it is not.
func ModelEdit(peeked Peeked, name string) Edit {
	quoted, _ := json.Marshal(name) // a string always marshals
	if peeked.ModelAt.Present() {
		return Edit{peeked.ModelAt, string(quoted)}
	}
	return peeked.first(`"model":` + string(quoted))
}

// first puts a member before all others.
func (p Peeked) first(member string) Edit {
	if !p.empty {
		member += ","
	}
	return Edit{Span{p.openAt, p.openAt}, member}
}

// includeUsage is the member of stream_options by which a client asks for a
// last event with the usage.
const (
	includeUsage = "include_usage"
	asking       = `"` + includeUsage + `":true`
)

// UsageEdit asks for the usage of the stream that the peeked body asks for,
// where the body does not: by a member of its stream_options, or by one more
// stream_options. False where it is asked for already, where there is no
// stream, and where the body says something else than true, false or null, or
// says it twice: then the backend must judge the body as it is.
func UsageEdit(body []byte, peeked Peeked) (Edit, bool) {
	at := peeked.StreamOptions
	if !peeked.Stream {
		return Edit{}, false
	}
	if !at.Present() {
		return peeked.first(`"stream_options":{` + asking + `}`), true
	}
	raw := body[at.Start:at.End]
	if string(raw) == "null" {
		return Edit{at, "{" + asking + "}"}, true
	}
	value, empty, ok := usageOption(raw)
	switch {
	case !ok:
		return Edit{}, false
	case value.Present():
		value = Span{at.Start + value.Start, at.Start + value.End}
		return Edit{value, "true"}, string(body[value.Start:value.End]) != "true"
	case empty:
		return Edit{Span{at.Start + 1, at.Start + 1}, asking}, true
	}
	return Edit{Span{at.Start + 1, at.Start + 1}, asking + ","}, true
}

// usageOption finds the value of include_usage in an object that is valid JSON.
// Not ok where it is no literal, or where a name is there that a server might
// take for the same.
func usageOption(raw []byte) (value Span, empty, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token() // the opening brace
	empty = true
	for dec.More() {
		key, err := dec.Token()
		name, _ := key.(string)
		var member json.RawMessage
		if err != nil || dec.Decode(&member) != nil {
			return Span{}, false, false
		}
		empty = false
		if !strings.EqualFold(name, includeUsage) {
			continue
		}
		if name != includeUsage || value.Present() {
			return Span{}, false, false
		}
		end := int(dec.InputOffset())
		value = Span{end - len(member), end}
		switch string(member) {
		case "true", "false", "null":
		default:
			return Span{}, false, false
		}
	}
	return value, empty, true
}

// KnowsStreamOptions says whether a call of the route may ask for the usage of
// its stream. Azure's classic form took stream_options up with the version
// 2024-09-01-preview (Azure OpenAI API lifecycle; 2024-10-21 is the first
// version that is no preview) and refuses it before.
func (r Route) KnowsStreamOptions() bool {
	if r.Operation != ChatCompletions && r.Operation != Completions {
		return false
	}
	return r.Form == V1 || r.APIVersion >= "2024-09-01"
}

// IsDeployment says whether name can stand in a path as a deployment.
func IsDeployment(name string) bool {
	return plainPath(name) && !strings.Contains(name, "/")
}

// WithDeployment is the route to another deployment, whose name must be one
// that IsDeployment accepts. A route that names none in its path or its query
// is left as it is.
func (r Route) WithDeployment(name string) Route {
	if r.Deployment == "" || r.Deployment == name {
		return r
	}
	if r.Operation == Realtime {
		r.Query, r.Deployment = r.naming("", name), name
		return r
	}
	const before = "/openai/deployments/"
	r.Path = before + name + strings.TrimPrefix(r.Path, before+r.Deployment)
	r.Deployment = name
	return r
}

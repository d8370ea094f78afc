package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/posture"
)

// textMax bounds, in characters, any one text that is shown. Longer ones end
// in a count of what is missing.
const textMax = 4000

// clean makes text of a stranger fit for a reader's eyes: one line, valid
// UTF-8, bounded, and every character that would be invisible or would steer a
// terminal or the writing direction shown as its escape (Unicode TR 36, 2.10).
func clean(s string) string { return cleanLines(strings.Join(strings.Fields(s), " ")) }

// cleanLines is clean, but keeps line breaks.
func cleanLines(s string) string {
	var b strings.Builder
	b.Grow(min(len(s), textMax))
	count := 0
	for i, r := range s {
		if count++; count > textMax {
			fmt.Fprintf(&b, "… (%d bytes more)", len(s)-i)
			break
		}
		switch {
		case r >= ' ' && r <= '~', r == '\n': // most of all text, told without the tables
			b.WriteByte(byte(r)) //nolint:gosec // one byte, as the case says
		case r == '\t':
			b.WriteString("    ")
		case r == utf8.RuneError, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// short is the part of an ARM id that people say, "hub/endpoints" for a subnet
// of the VNet hub. What is no ARM id, such as an address in a plan, stays.
func short(id string) string {
	if !strings.HasPrefix(id, "/") {
		return id
	}
	at := strings.LastIndex(strings.ToLower(id), "/providers/")
	if at < 0 {
		return id[strings.LastIndex(id, "/")+1:]
	}
	var names []string
	parts := strings.Split(id[at+len("/providers/"):], "/")
	for i := 2; i < len(parts); i += 2 { // parts: namespace, type, name, type, name
		names = append(names, parts[i])
	}
	name := strings.Join(names, "/")
	// An extension resource has a second provider: its parent says whose it is.
	if parent := id[:at]; strings.Contains(strings.ToLower(parent), "/providers/") {
		name = short(parent) + "/" + name
	}
	if name == "" {
		return id
	}
	return name
}

// resourceGroup is the resource group of an ARM id, empty where there is none.
func resourceGroup(id string) string {
	parts := strings.Split(id, "/")
	for i := 0; i+1 < len(parts); i++ {
		if strings.EqualFold(parts[i], "resourceGroups") {
			return parts[i+1]
		}
	}
	return ""
}

// namer gives resources short names, and adds the resource group where two
// would have the same.
type namer map[string]int // lower-case short name: how many ids have it

func newNamer(r posture.Report) namer {
	seen, n := map[string]bool{}, namer{}
	add := func(id string) {
		if key := strings.ToLower(id); !seen[key] {
			seen[key] = true
			n[strings.ToLower(short(id))]++
		}
	}
	for _, id := range r.Accounts {
		add(id)
	}
	for _, f := range r.Findings {
		add(f.Resource)
		for _, e := range f.Evidence {
			add(e.Resource)
		}
	}
	for _, reached := range r.Reached {
		add(reached.Account)
		add(reached.Endpoint)
		for _, s := range reached.Sources {
			add(s.Where)
		}
	}
	for _, node := range r.Map.Nodes {
		add(node.ID)
	}
	return n
}

// of is the name to show for an id; the estate as a whole has an empty one.
func (n namer) of(id string) string {
	if id == "" {
		return "the estate"
	}
	name := short(id)
	if rg := resourceGroup(id); rg != "" && n[strings.ToLower(name)] > 1 {
		name += " (" + rg + ")"
	}
	return clean(name)
}

// plural is "1 check" or "3 checks".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

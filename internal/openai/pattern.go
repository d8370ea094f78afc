package openai

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

const maxPattern = 256 // bytes

// Pattern matches whole names, of deployments, operations or callers: '*'
// stands for any run of characters, '/' too, and '?' for one byte. There are no
// classes and no escapes, so a pattern reads as it matches. The zero value
// matches the empty name only.
type Pattern string

// ParsePattern checks a pattern: 1 to 256 bytes of printable ASCII without
// blanks, and without the characters that are special in other languages of
// patterns. Errors are faults of kind Invalid.
func ParsePattern(pattern string) (Pattern, error) {
	if pattern == "" || len(pattern) > maxPattern {
		return "", fault.New(fault.Invalid, "a pattern is empty or over 256 bytes")
	}
	for _, c := range []byte(pattern) {
		if c <= ' ' || c > '~' || strings.IndexByte(`[]{}\!`, c) >= 0 {
			return "", fault.New(fault.Invalid, "a pattern holds a character that has no meaning here").
				Fix("write names, with * for any characters and ? for one")
		}
	}
	return Pattern(pattern), nil
}

// Match says whether all of name fits. It backtracks to the last star only, so
// it takes at most len(g)·len(name) steps.
func (g Pattern) Match(name string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(g) && g[p] == '*':
			star, mark = p, n
			p++
		case p < len(g) && (g[p] == '?' || g[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(g[p:]), "*") == ""
}

// Patterns match where one of them does; none match nothing.
type Patterns []Pattern

// ParsePatterns checks each of them.
func ParsePatterns(patterns []string) (Patterns, error) {
	parsed := make(Patterns, 0, len(patterns))
	for _, pattern := range patterns {
		g, err := ParsePattern(pattern)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, g)
	}
	return parsed, nil
}

// Match says whether name fits one of them.
func (gs Patterns) Match(name string) bool {
	for _, g := range gs {
		if g.Match(name) {
			return true
		}
	}
	return false
}

// All says whether one of them fits whatever there is: it is nothing but '*'.
func (gs Patterns) All() bool {
	return slices.ContainsFunc(gs, func(g Pattern) bool { return g != "" && strings.Trim(string(g), "*") == "" })
}

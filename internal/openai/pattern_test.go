package openai

import "testing"

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "a/b", true}, {"a", "a", true}, {"a", "ab", false}, {"a*", "ab/c", true},
		{"*b", "aab", true}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"a*b*c", "axxbyyc", true},
		{"a*b*c", "axxcyyb", false}, {"gpt-4o", "gpt-4o-mini", false}, {"**", "x", true}, {"?", "", false},
	} {
		if got := Pattern(tt.pattern).Match(tt.name); got != tt.want {
			t.Errorf("%q on %q: %v", tt.pattern, tt.name, got)
		}
	}
}

// FuzzPattern compares with a plain recursive definition.
func FuzzPattern(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("*a*a*a*b", "aaaaaaaa")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 12 || len(name) > 24 {
			return
		}
		if got := Pattern(pattern).Match(name); got != slowMatch(pattern, name) {
			t.Fatalf("%q on %q: %v", pattern, name, got)
		}
	})
}

func slowMatch(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	if pattern[0] == '*' {
		return slowMatch(pattern[1:], name) || name != "" && slowMatch(pattern, name[1:])
	}
	return name != "" && (pattern[0] == '?' || pattern[0] == name[0]) && slowMatch(pattern[1:], name[1:])
}

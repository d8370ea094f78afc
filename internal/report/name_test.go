package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/posture"
)

func TestShort(t *testing.T) {
	for id, want := range map[string]string{
		"":                                  "",
		account:                             "contoso-openai",
		hub + "/subnets/snet":               "vnet-hub/snet",
		strings.ToUpper(hub):                "VNET-HUB",
		"internet":                          "internet",
		"module.ai.azurerm_subnet.x[\"a\"]": "module.ai.azurerm_subnet.x[\"a\"]",
		"/subscriptions/s/resourceGroups/g": "g",
		account + "/providers/Microsoft.Insights/diagnosticSettings/logs": "contoso-openai/logs",
		"/providers/": "/providers/", "/a/providers/x": "/a/providers/x", "/": "",
	} {
		if got := short(id); got != want {
			t.Errorf("short(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestNamesAreToldApart(t *testing.T) {
	twin := strings.Replace(account, "rg-ai", "rg-other", 1)
	names := newNamer(posture.Report{Accounts: []string{account, twin, strings.ToUpper(twin), hub}})
	for id, want := range map[string]string{
		account: "contoso-openai (rg-ai)", twin: "contoso-openai (rg-other)", hub: "vnet-hub", "": "the estate",
	} {
		if got := names.of(id); got != want {
			t.Errorf("%q is called %q, want %q", id, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain – ünï 仮想":          "plain – ünï 仮想",
		"two\n  lines\tand tab":   "two lines and tab",
		"\x1b[31mred":             `\u001b[31mred`,
		"a\u202eb\u2066c":         `a\u202eb\u2066c`,
		"zero\u200bwidth\ufeff":   `zero\u200bwidth\ufeff`,
		"bad \xff\xfe":            `bad \ufffd\ufffd`,
		"line\u2028end":           "line end",
		"bell\x07 null\x00":       `bell\u0007 null\u0000`,
		strings.Repeat("é", 5000): strings.Repeat("é", textMax) + "… (2000 bytes more)",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%.40q) = %.60q, want %.60q", in, got, want)
		}
	}
	if got := cleanLines("a\n\tb\r"); got != "a\n    b\\u000d" {
		t.Errorf("cleanLines: %q", got)
	}
}

// Whatever a name holds, nothing of it steers a terminal or a reader.
func FuzzClean(f *testing.F) {
	for _, note := range hostile().Notes[:4] {
		f.Add(note)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{clean(s), cleanLines(s)} {
			if !utf8.ValidString(got) {
				t.Fatalf("not UTF-8: %q", got)
			}
			for _, r := range strings.ReplaceAll(got, "\n", "") {
				if unicode.In(r, unicode.Cc, unicode.Cf) {
					t.Fatalf("%q keeps %U", got, r)
				}
			}
		}
		if strings.Contains(clean(s), "\n") {
			t.Fatalf("%q has a second line", clean(s))
		}
	})
}

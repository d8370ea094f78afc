package render

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestTeX(t *testing.T) {
	for in, want := range map[string]string{
		`x`:                                     `<mi>x</mi>`,
		`x^2`:                                   `<msup><mi>x</mi><mn>2</mn></msup>`,
		`x^23`:                                  `<msup><mi>x</mi><mn>2</mn></msup><mn>3</mn>`,
		`x_i^{n+1}`:                             `<msubsup><mi>x</mi><mi>i</mi><mrow><mi>n</mi><mo>+</mo><mn>1</mn></mrow></msubsup>`,
		`f'`:                                    `<msup><mi>f</mi><mrow><mo>′</mo></mrow></msup>`,
		`{}_nC`:                                 `<msub><mrow></mrow><mi>n</mi></msub><mi>C</mi>`,
		`3.14 - 1,000`:                          `<mn>3.14</mn><mo>−</mo><mn>1,000</mn>`,
		`\frac12`:                               `<mfrac><mn>1</mn><mn>2</mn></mfrac>`,
		`\frac{a}{b}`:                           `<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>`,
		`\sqrt[3]{x}`:                           `<mroot><mrow><mi>x</mi></mrow><mrow><mn>3</mn></mrow></mroot>`,
		`\sqrt2`:                                `<msqrt><mn>2</mn></msqrt>`,
		`\alpha\le\Omega`:                       `<mi>α</mi><mo>≤</mo><mi mathvariant="normal">Ω</mi>`,
		`a<b`:                                   `<mi>a</mi><mo>&lt;</mo><mi>b</mi>`,
		`\sum_{i=1}^n`:                          `<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>`,
		`\int_0^1`:                              `<msubsup><mo>∫</mo><mn>0</mn><mn>1</mn></msubsup>`,
		`\int\limits_0^1`:                       `<munderover><mo>∫</mo><mn>0</mn><mn>1</mn></munderover>`,
		`\lim_{x\to0}`:                          `<munder><mo movablelimits="true" lspace="0" rspace="0.167em">lim</mo><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder>`,
		`\left(\frac ab\right]`:                 `<mrow><mo fence="true">(</mo><mrow><mfrac><mi>a</mi><mi>b</mi></mfrac></mrow><mo fence="true">]</mo></mrow>`,
		`\text{if } x`:                          `<mtext>if </mtext><mi>x</mi>`,
		`\text{a<b \& \{c\}}`:                   `<mtext>a&lt;b &amp; {c}</mtext>`,
		`\mathbb{R}^n`:                          `<msup><mi>ℝ</mi><mi>n</mi></msup>`,
		`\mathbf{v}`:                            `<mi>𝐯</mi>`,
		`\boldsymbol{\theta}`:                   `<mrow class="b"><mrow><mi>θ</mi></mrow></mrow>`,
		`\mathrm{d}x`:                           `<mi mathvariant="normal">d</mi><mi>x</mi>`,
		`\hat{x}`:                               `<mover accent="true"><mrow><mi>x</mi></mrow><mo stretchy="false">^</mo></mover>`,
		`\begin{pmatrix}1&2\\3&4\end{pmatrix}`:  `<mrow><mo fence="true">(</mo><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr><mtr><mtd><mn>3</mn></mtd><mtd><mn>4</mn></mtd></mtr></mtable><mo fence="true">)</mo></mrow>`,
		`\begin{cases}a&b\\[2pt]c\\\end{cases}`: `<mrow><mo fence="true">{</mo><mtable><mtr><mtd class="l"><mi>a</mi></mtd><mtd class="l"><mi>b</mi></mtd></mtr><mtr><mtd class="l"><mi>c</mi></mtd></mtr></mtable></mrow>`,
		`\begin{array}{l|r}\hline a&b\end{array}`: `<mtable><mtr><mtd class="l"><mi>a</mi></mtd><mtd class="r"><mi>b</mi></mtd></mtr></mtable>`,
		`a&=b\\c&=d`:             `<mtable><mtr><mtd class="r"><mi>a</mi></mtd><mtd class="l"><mo>=</mo><mi>b</mi></mtd></mtr><mtr><mtd class="r"><mi>c</mi></mtd><mtd class="l"><mo>=</mo><mi>d</mi></mtd></mtr></mtable>`,
		`\not\in \not=`:          `<mo>∉</mo><mo>≠</mo>`,
		`\binom nk`:              `<mrow><mo>(</mo><mfrac linethickness="0"><mi>n</mi><mi>k</mi></mfrac><mo>)</mo></mrow>`,
		`\bigl| x`:               `<mo stretchy="false">|</mo><mi>x</mi>`,
		"a % a comment\n b":      `<mi>a</mi><mi>b</mi>`,
		`\operatorname*{arg\,x}`: "",
		`\frac{a}`:               "", `\left( x`: "", `x^2^3`: "", `{x`: "", `x}`: "", `\unknown`: "", `$`: "", `\`: "", `_`: "", `x_`: "", `\begin{foo}x\end{foo}`: "",
		`\begin{matrix}x\end{pmatrix}`: "", `a & b \end{x}`: "", `\text{$x$}`: "", "\x00": "", `\right)`: "",
		strings.Repeat("{", 40) + strings.Repeat("}", 40): "", strings.Repeat("x", 5000): "", strings.Repeat(" ", maxTeX+1): "", "\xff": "",
	} {
		got, ok := TeX(in, false)
		if want == "" {
			if ok {
				t.Errorf("%.40q gives %s", in, got)
			}
			continue
		}
		got = strings.TrimSuffix(strings.TrimPrefix(got, "<math>"), "</math>")
		if !strings.HasPrefix(want, "<mtable>") || strings.Contains(in, "begin") {
			want = "<mrow>" + want + "</mrow>"
		}
		if !ok || got != want {
			t.Errorf("%s\ngives %s %v\nwant  %s", in, got, ok, want)
		}
	}
}

// children is how many an element must have.
func children() map[string]int {
	return map[string]int{"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3}
}

// Whatever goes in, what comes out is well formed, every element has as many
// children as MathML says, and the sanitiser takes nothing away.
func FuzzTeX(f *testing.F) {
	for _, s := range []string{
		`\frac{-b \pm \sqrt{b^2-4ac}}{2a}`, `\begin{aligned}a&=b\\&=c\end{aligned}`, `\left\{\frac{x}{y}\middle|z\right.`, `\overbrace{a+b}^{n}`,
		`\mathcal{L} = -\sum_{i} y_i \log \hat y_i`, `\text{<b>}`, `x'_1{}^2`, `\underset{x}{\operatorname{argmin}}`, `\boldsymbol{a\alpha}`, `a\&b`, `\not\foo`,
	} {
		f.Add(s)
	}
	clean := policy()
	f.Fuzz(func(t *testing.T, src string) {
		out, ok := TeX(src, len(src)%2 == 0)
		if !ok {
			return
		}
		type open struct {
			name string
			n    int
		}
		var stack []open
		decoder := xml.NewDecoder(strings.NewReader(out))
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v\n%s", src, err, out)
			}
			switch e := token.(type) {
			case xml.StartElement:
				if len(stack) > 0 {
					stack[len(stack)-1].n++
				}
				stack = append(stack, open{name: e.Name.Local})
			case xml.EndElement:
				last := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				if want, fixed := children()[last.name]; fixed && last.n != want {
					t.Errorf("%q: %s with %d children\n%s", src, last.name, last.n, out)
				}
			}
		}
		if tags := func(s string) int { return strings.Count(s, "<") }; tags(clean.Sanitize(out)) != tags(out) {
			t.Errorf("%q: the sanitiser changed\n%s\nto\n%s", src, out, clean.Sanitize(out))
		}
	})
}

package render

import (
	"regexp"

	"github.com/microcosm-cc/bluemonday"
)

var (
	classes = regexp.MustCompile(`^(code|math|table|task|boxed|b|l|r|lang|[a-z]{1,2}[0-9]?)$`)
	widths  = regexp.MustCompile(`^-?[0-9.]{1,6}em$`)
	aligned = regexp.MustCompile(`^(left|center|right)$`)
	numbers = regexp.MustCompile(`^[0-9]{1,9}$`)
	truth   = regexp.MustCompile(`^(true|false)$`)
	block   = regexp.MustCompile(`^block$`)
	upright = regexp.MustCompile(`^normal$`)
	zero    = regexp.MustCompile(`^0$`)
)

// policy is the list of what may come out.
func policy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	plain := []string{
		"p", "br", "hr", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "em", "strong", "del", "code", "pre",
		"table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "div", "span",
		"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup",
		"munder", "mover", "munderover", "mtable", "mtr", "mtd",
	}
	p.AllowElements(plain...)
	p.AllowNoAttrs().OnElements(plain...)
	p.AllowAttrs("class").Matching(classes).OnElements("figure", "figcaption", "div", "span", "code", "mrow", "mtd")
	p.AllowAttrs("align").Matching(aligned).OnElements("th", "td")
	p.AllowAttrs("start").Matching(numbers).OnElements("ol")
	p.AllowAttrs("display").Matching(block).OnElements("math")
	p.AllowAttrs("mathvariant").Matching(upright).OnElements("mi")
	p.AllowAttrs("stretchy", "fence", "movablelimits", "accent").Matching(truth).OnElements("mo", "mover")
	p.AllowAttrs("width").Matching(widths).OnElements("mspace")
	p.AllowAttrs("lspace", "rspace").Matching(regexp.MustCompile(`^(0|0\.167em)$`)).OnElements("mo")
	p.AllowAttrs("linethickness").Matching(zero).OnElements("mfrac")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	return p
}

package ledger

import (
	"bytes"
	"regexp"

	"github.com/ostiary/ostiary/internal/fault"
)

// Redaction replaces what a pattern matches, in bodies that are kept. It sees
// a body's bytes as they were sent: not what JSON spells with escapes, and not
// a word that a stream spreads over several events.
type Redaction struct {
	Name        string `yaml:"name" config:"required" doc:"what it takes out, for messages"`
	Pattern     string `yaml:"pattern" config:"required" doc:"regular expression in Go's syntax (RE2)"`
	Replacement string `yaml:"replacement" doc:"what stands in its place, literally; default [NAME]"`
}

const (
	// redactLimit bounds a body that rules are applied to, in bytes, and what
	// they make of it. A longer one is not kept.
	redactLimit = 16 << 20

	maxReplacement = 256 // bytes

	// OmittedUnredacted is the reason why a body is not kept that is too long
	// for redaction.
	OmittedUnredacted = "too-long-to-redact"
)

// Check reports what the types cannot.
func (r *Redaction) Check(report func(path, what, fix string)) {
	re, err := regexp.Compile(r.Pattern)
	switch {
	case err != nil:
		report("pattern", "not a regular expression: "+err.Error(), "see https://pkg.go.dev/regexp/syntax")
	case re.MatchString(""):
		report("pattern", "it matches nothing at all, everywhere", "let it match at least one character")
	}
	if len(r.Replacement) > maxReplacement {
		report("replacement", "over 256 bytes", "shorten it")
	}
}

// rule is a Redaction at work.
type rule struct {
	pattern *regexp.Regexp
	with    []byte
}

func compileRules(all []Redaction) (rules []rule, err error) {
	for _, r := range all {
		r.Check(func(path, what, fix string) {
			err = fault.New(fault.Invalid, what).At("redaction " + r.Name + ", " + path).Fix(fix)
		})
		if err != nil {
			return nil, err
		}
		if r.Replacement == "" {
			r.Replacement = "[" + r.Name + "]"
		}
		rules = append(rules, rule{regexp.MustCompile(r.Pattern), []byte(r.Replacement)})
	}
	return rules, nil
}

// apply gives back the body without what the rule matches; false if that
// grows over the limit.
func (r rule) apply(body []byte) ([]byte, bool) {
	size := len(body)
	body = r.pattern.ReplaceAllFunc(body, func(m []byte) []byte {
		if len(m) == 0 {
			return nil
		}
		size += len(r.with) - len(m)
		if size > redactLimit {
			return nil
		}
		return r.with
	})
	return body, size <= redactLimit
}

// hold waits with a body until it is whole: a rule may match anywhere.
func (k *keeper) hold(p []byte) {
	k.held += int64(len(p))
	if k.held > redactLimit {
		k.buf = nil
		return
	}
	k.buf = append(k.buf, p...)
}

// redact applies the rules and makes pieces of what they leave.
func (k *keeper) redact(b *Body) {
	body, ok := k.buf, k.held <= redactLimit
	k.buf = nil
	for _, r := range k.l.rules {
		if !ok {
			break
		}
		before := body
		body, ok = r.apply(before)
		b.Redacted = b.Redacted || !bytes.Equal(before, body)
	}
	if !ok {
		b.Omitted, b.Redacted = OmittedUnredacted, false
		return
	}
	k.take(body)
}

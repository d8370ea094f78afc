package estate

import (
	_ "embed"
	"io"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// embedded is a small snapshot in the form of the file that Microsoft
// publishes weekly: the tags whose prefixes the documentation itself states.
//
//go:embed servicetags.json
var embedded string

// ServiceTags is a dated snapshot of service tags and their prefixes. A tag
// that is not in it has unknown prefixes.
type ServiceTags struct {
	Date     string // of the snapshot, for example 2026-11-01; may be empty
	prefixes map[string][]string
}

// Prefixes are the prefixes of a tag, compared without case; ok is false
// where the snapshot does not hold it.
func (t *ServiceTags) Prefixes(tag string) (prefixes []string, ok bool) {
	if t == nil {
		return nil, false
	}
	prefixes, ok = t.prefixes[strings.ToLower(tag)]
	return prefixes, ok
}

// DefaultServiceTags is the embedded snapshot.
func DefaultServiceTags() (*ServiceTags, error) { return readServiceTags(embedded, Options{}) }

// ReadServiceTags reads a snapshot in the form of Microsoft's published file
// ServiceTags_Public_….json (or of the answer of the Service Tags API).
//
// Errors are *fault.Error, as of Read.
func ReadServiceTags(r io.Reader, o Options) (*ServiceTags, error) {
	text, err := readAll(r, o)
	if err != nil {
		return nil, err
	}
	return readServiceTags(text, o)
}

func readServiceTags(text string, o Options) (*ServiceTags, error) {
	s := scanner{text: text, limit: o.depth(), pos: start(text)}
	tags := &ServiceTags{prefixes: map[string][]string{}}
	s.object(func(key string) {
		switch {
		case key == "date" && s.peek() == '"':
			tags.Date = s.str()
		case key == "values" && s.peek() == '[':
			s.array(func(int) { tags.value(&s) })
		default:
			s.skip()
		}
	})
	if s.end(); s.err != nil {
		return nil, s.err
	}
	if len(tags.prefixes) == 0 {
		return nil, fault.New(fault.Invalid, "no service tag in the document").Fix("give the file ServiceTags_Public as Microsoft publishes it")
	}
	return tags, nil
}

func (t *ServiceTags) value(s *scanner) {
	name, prefixes := "", []string{}
	s.object(func(key string) {
		switch {
		case key == "name" && s.peek() == '"':
			name = s.str()
		case key == "properties" && s.peek() == '{':
			s.object(func(key string) {
				if key != "addressPrefixes" || s.peek() != '[' {
					s.skip()
					return
				}
				s.array(func(int) {
					if s.peek() == '"' {
						prefixes = append(prefixes, s.str())
					} else {
						s.skip()
					}
				})
			})
		default:
			s.skip()
		}
	})
	if name != "" {
		t.prefixes[strings.ToLower(name)] = prefixes
	}
}

package chat

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// words are the texts of the pages in one language, by their keys.
type words map[string]string

// texts are all languages, by their tags. A language is a file in text/.
type texts map[string]words

const fallback = "en"

func loadTexts(from fs.FS) (texts, error) {
	names, err := fs.Glob(from, "text/*.json")
	if err != nil {
		return nil, err
	}
	all := texts{}
	for _, name := range names {
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, err
		}
		var w words
		if err := json.Unmarshal(data, &w); err != nil {
			return nil, fault.New(fault.Internal, "the texts cannot be read").At(name).Because(err)
		}
		all[strings.TrimSuffix(path.Base(name), ".json")] = w
	}
	if all[fallback] == nil {
		return nil, fault.New(fault.Internal, "there are no English texts")
	}
	return all, nil
}

// say gives a text with {0}, {1} … filled in.
func (w words) say(key string, args ...any) string {
	text, ok := w[key]
	if !ok {
		return key
	}
	for i, arg := range args {
		text = strings.ReplaceAll(text, "{"+strconv.Itoa(i)+"}", fmt.Sprint(arg))
	}
	return text
}

// languages are the tags, English first.
func (t texts) languages() []string {
	var tags []string
	for tag := range t {
		tags = append(tags, tag)
	}
	slices.SortFunc(tags, func(a, b string) int {
		if (a == fallback) != (b == fallback) {
			if a == fallback {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return tags
}

// choose is the language that a person has set, else the first that the
// browser asks for and we have (RFC 9110 section 12.5.4, in the order given).
func (t texts) choose(set string, r *http.Request) string {
	if t[set] != nil {
		return set
	}
	best, weight := fallback, 0.0
	for i, part := range strings.Split(clip(r.Header.Get("Accept-Language"), 200), ",") {
		tag, q, _ := strings.Cut(strings.TrimSpace(part), ";q=")
		value, err := strconv.ParseFloat(q, 64)
		if err != nil || q == "" {
			value = 1
		}
		value -= float64(i) * 1e-6
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if t[primary] != nil && value > weight {
			best, weight = primary, value
		}
	}
	return best
}

package cloud

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxTerms bounds a filter.
const maxTerms = 16

// filtered lists objects of a kind by $filter: terms "NAME eq 'VALUE'" and
// "startswith(NAME,'VALUE')", joined by "and" alone or by "or" alone.
func (g *graph) filtered(c *graphCall, kind string) (int, any, *graphError) {
	matches, ok := parseFilter(c.URL.Query().Get("$filter"))
	if !ok {
		return 0, nil, &graphError{http.StatusBadRequest, "Request_UnsupportedQuery", "Ostiary's emulator filters by eq and startswith, joined by and or by or."}
	}
	var found []map[string]any
	for _, d := range g.directory(kind) {
		if matches(d) {
			found = append(found, d)
		}
	}
	return http.StatusOK, g.collection(kind, found, c), nil
}

// collection is a page of objects, as $top and $skiptoken cut it.
func (g *graph) collection(set string, all []map[string]any, c *graphCall) map[string]any {
	query := c.URL.Query()
	out := map[string]any{"@odata.context": graphMetadata + set}
	if query.Get("$count") == "true" {
		out["@odata.count"] = len(all)
	}
	top, skip := graphPage, 0
	if n, err := strconv.Atoi(query.Get("$top")); err == nil && n > 0 && n < 1000 {
		top = n
	}
	if n, err := strconv.Atoi(query.Get("$skiptoken")); err == nil && n > 0 {
		skip = n
	}
	all = all[min(skip, len(all)):]
	if len(all) > top {
		query.Set("$skiptoken", strconv.Itoa(skip+top))
		next := url.URL{Scheme: "https", Host: "graph.microsoft.com", Path: c.URL.Path, RawQuery: query.Encode()}
		out["@odata.nextLink"] = next.String()
		all = all[:top]
	}
	value := make([]any, 0, len(all))
	for _, d := range all {
		if set != "directoryObjects" {
			d = entity("", d)
			delete(d, "@odata.context")
		}
		value = append(value, d)
	}
	out["value"] = value
	return out
}

// parseFilter makes a predicate; an empty filter is true of everything.
func parseFilter(text string) (func(map[string]any) bool, bool) {
	if text = strings.TrimSpace(text); text == "" {
		return func(map[string]any) bool { return true }, true
	}
	var terms []func(map[string]any) bool
	joined := ""
	for {
		term, rest, ok := parseTerm(text)
		if !ok || len(terms) == maxTerms {
			return nil, false
		}
		terms = append(terms, term)
		if rest = strings.TrimSpace(rest); rest == "" {
			break
		}
		word, after, _ := strings.Cut(rest, " ")
		if word = strings.ToLower(word); word != "and" && word != "or" || joined != "" && joined != word {
			return nil, false
		}
		joined, text = word, strings.TrimSpace(after)
	}
	return func(d map[string]any) bool {
		for _, term := range terms {
			if term(d) == (joined == "or") {
				return joined == "or"
			}
		}
		return joined != "or"
	}, true
}

// parseTerm reads one term and gives the text after it.
func parseTerm(text string) (func(map[string]any) bool, string, bool) {
	if after, ok := strings.CutPrefix(text, "startswith("); ok {
		name, rest, ok1 := strings.Cut(after, ",")
		value, rest, ok2 := parseQuoted(strings.TrimSpace(rest))
		rest, ok3 := strings.CutPrefix(strings.TrimSpace(rest), ")")
		return func(d map[string]any) bool {
			v, _ := d[strings.TrimSpace(name)].(string)
			return strings.HasPrefix(strings.ToLower(v), strings.ToLower(value))
		}, rest, ok1 && ok2 && ok3
	}
	name, rest, ok := strings.Cut(text, " ")
	rest, eq := strings.CutPrefix(strings.TrimSpace(rest), "eq ")
	if !ok || !eq {
		return nil, "", false
	}
	rest = strings.TrimSpace(rest)
	for word, value := range map[string]bool{"true": true, "false": false} {
		if after, ok := strings.CutPrefix(rest, word); ok {
			return func(d map[string]any) bool { v, is := d[name].(bool); return is && v == value }, after, true
		}
	}
	value, rest, ok := parseQuoted(rest)
	return func(d map[string]any) bool {
		v, _ := d[name].(string)
		return strings.EqualFold(v, value)
	}, rest, ok
}

// parseQuoted reads '…', in which two quotes are one.
func parseQuoted(text string) (value, rest string, ok bool) {
	text, ok = strings.CutPrefix(text, "'")
	if !ok {
		return "", "", false
	}
	for {
		part, after, found := strings.Cut(text, "'")
		if !found {
			return "", "", false
		}
		value += part
		if text, found = strings.CutPrefix(after, "'"); !found {
			return value, after, true
		}
		value += "'"
	}
}

// clone copies a document whole.
func clone(d map[string]any) map[string]any {
	data, err := json.Marshal(d)
	out := map[string]any{}
	if err == nil {
		_ = json.Unmarshal(data, &out)
	}
	return out
}

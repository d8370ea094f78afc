package azure

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// page is one answer of a list. GETs go on at NextLink, actions at SkipToken.
type page struct {
	Value     *[]json.RawMessage `json:"value"`
	NextLink  string             `json:"nextLink"`
	SkipToken string             `json:"skipToken"`
}

// list reads all pages. Beside a refusal it gives what came before it.
func (c *client) list(ctx context.Context, u *url.URL, question map[string]any) ([]json.RawMessage, *refusal, error) {
	var items []json.RawMessage
	seen := map[string]bool{}
	for {
		p, why, err := c.page(ctx, u, question)
		if why != nil || err != nil {
			return items, why, err
		}
		items = append(items, *p.Value...)
		next := p.NextLink
		if question != nil {
			next = p.SkipToken
		}
		if next == "" {
			return items, nil, nil
		}
		if seen[next] || len(seen) == maxPages {
			return items, unusable("EndlessPages", "the pages repeat, or are more than 2000"), nil
		}
		seen[next] = true
		if question != nil {
			question = maps.Clone(question)
			question["skipToken"] = next
		} else if u, why = c.follow(next); why != nil {
			return items, why, nil
		}
	}
}

func (c *client) page(ctx context.Context, u *url.URL, question map[string]any) (page, *refusal, error) {
	var p page
	body, why, err := c.send(ctx, u, question)
	if why != nil || err != nil {
		return p, why, err
	}
	if len(body) == 0 { // 204
		p.Value = &[]json.RawMessage{}
		return p, nil, nil
	}
	if !decode(body, &p) || p.Value == nil || !utf8.Valid(body) {
		return p, malformed(), nil
	}
	return p, nil, nil
}

func decode(raw []byte, into any) bool { return json.Unmarshal(raw, into) == nil }

// follow is where a nextLink leads. It must name the host that was asked; its
// port is not used, because ARM writes ports of its own into links.
func (c *client) follow(link string) (*url.URL, *refusal) {
	foreign := unusable("ForeignNextLink", "the next page is said to be on another host; it was not read")
	link, err := runtime.EncodeQueryParams(link)
	if err != nil {
		return nil, foreign
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.User != nil || !strings.EqualFold(u.Hostname(), c.base.Hostname()) {
		return nil, foreign
	}
	return u, nil
}

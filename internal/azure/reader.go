package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// reader is one reading. Each task fills its own node.
type reader struct {
	*client
	log  *slog.Logger
	rows []row

	mu       sync.Mutex
	shared   map[string]*node  // by path, in lower case
	versions map[string]string // of the types that were asked for
}

// node is what one request gave, and what was found below it. Its order is
// that of rows and of ARM's answers, whatever the order of the requests.
type node struct {
	items        []json.RawMessage
	gaps         []Gap
	unregistered string
	below        []*node
}

func (n *node) child() *node {
	k := &node{}
	n.below = append(n.below, k)
	return k
}

// subscription looks whether the login sees the subscription, and how much of
// it, and goes on to the rows.
func (r *reader) subscription(n *node, s *Subscription, listed bool) task {
	scope := "/subscriptions/" + s.ID
	return task{"subscription " + s.ID, func(ctx context.Context) ([]task, error) {
		if !listed {
			body, why, err := r.send(ctx, r.url(scope, subscriptionsVersion, ""), nil)
			if err != nil {
				return nil, err
			}
			if why != nil {
				r.gap(n, scope, "", why)
				return nil, nil
			}
			s.Name = subscriptionOf(body).Name
		}
		rights, why, err := r.rights(ctx, scope)
		if err != nil {
			return nil, err
		}
		if why != nil {
			r.gap(n, scope+"/providers/"+permissionsType, permissionsType, why)
		} else {
			n.gaps = rights.partial(scope, r.rows)
		}
		return r.descend(n, item{ID: scope}, r.rows, true), nil
	}}
}

// descend makes the tasks of the rows below an item.
func (r *reader) descend(n *node, i item, all []row, top bool) []task {
	var tasks []task
	for _, row := range all {
		path := i.ID + "/" + row.typ[strings.LastIndexByte(row.typ, '/')+1:]
		if top {
			path = i.ID + "/providers/" + row.typ
		}
		if row.from != nil {
			path = row.from(i)
		}
		if path == "" {
			continue
		}
		scope := path
		if row.gap != nil {
			scope = row.gap(i)
		}
		if k := r.place(n, row, path); k != nil {
			tasks = append(tasks, r.part(k, row, path, scope, top))
		}
	}
	slices.Reverse(tasks)
	return tasks
}

// place notes what is asked, and makes the node for it below n. A shared
// resource has its node apart; nil means that it was asked for already.
func (r *reader) place(n *node, row row, path string) *node {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !row.index {
		r.versions[row.typ] = row.version
	}
	if !row.shared {
		return n.child()
	}
	key := strings.ToLower(path)
	if r.shared[key] != nil {
		return nil
	}
	r.shared[key] = &node{}
	return r.shared[key]
}

// part reads one row at one path.
func (r *reader) part(n *node, row row, path, scope string, top bool) task {
	return task{path, func(ctx context.Context) ([]task, error) {
		items, why, err := r.fetch(ctx, row, path)
		if err != nil {
			return nil, err
		}
		if why != nil && top && why.unregistered() {
			n.unregistered, why = scope, nil
		}
		if why != nil {
			r.gap(n, scope, row.typ, why)
		}
		if row.ask != nil {
			if why == nil { // half an answer would look like a whole one
				n.items = []json.RawMessage{answer(path, items)}
			}
			return nil, nil
		}
		var tasks []task
		for _, raw := range items {
			var i item
			_ = json.Unmarshal(raw, &i) // a property of another type than ours is read as empty
			if !sound(i.ID) {
				r.gap(n, scope, row.typ, unusable("NoID", "ARM gave an element without a usable id"))
				continue
			}
			k := n.child()
			if !row.index {
				k.items = []json.RawMessage{raw}
			}
			tasks = append(tasks, r.descend(k, i, row.below, false)...)
		}
		slices.Reverse(tasks)
		return tasks, nil
	}}
}

func (r *reader) fetch(ctx context.Context, row row, path string) ([]json.RawMessage, *refusal, error) {
	if !sound(path) {
		return nil, unusable("NoID", "ARM named a resource by no usable id"), nil
	}
	u := r.url(path, row.version, row.filter)
	if !row.single {
		return r.list(ctx, u, row.ask)
	}
	body, why, err := r.send(ctx, u, nil)
	if why != nil || err != nil {
		return nil, why, err
	}
	if body = bytes.TrimSpace(body); !json.Valid(body) || body[0] != '{' {
		return nil, malformed(), nil
	}
	return []json.RawMessage{body}, nil, nil
}

// sound reports whether an id of ARM's can be a path of a request, and leads
// where it says.
func sound(id string) bool {
	return strings.HasPrefix(id, "/") && len(id) < 2048 && !strings.Contains(id, "//") &&
		!strings.Contains(id+"/", "/../") && !strings.Contains(id+"/", "/./")
}

// answer gives an action's answer the path of its question for an id.
func answer(path string, items []json.RawMessage) json.RawMessage {
	id, _ := json.Marshal(path) //nolint:errchkjson // a string always marshals
	b := append([]byte(`{"id":`), id...)
	b = append(b, `,"value":[`...)
	for i, raw := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, raw...)
	}
	return append(b, `]}`...)
}

func (r *reader) gap(n *node, scope, typ string, why *refusal) {
	n.gaps = append(n.gaps, Gap{ID: scope, Type: typ, Status: why.status, Code: why.code, Message: why.message})
	r.log.Warn("unreadable", "scope", scope, "type", typ, "status", why.status, "code", why.code)
}

package chat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/openai"
)

// When the gateway is asked what a person may use, and for how much.
const (
	askAgain   = 5 * time.Minute
	askFailed  = 30 * time.Second // after a failure
	askWithout = time.Hour        // a gateway that does not tell
	askTime    = 2 * time.Second  // that a page waits
	maxAllowed = 1 << 20          // bytes of its answer
	maxOffered = 500
)

// errUntold: the gateway is one that does not tell.
var errUntold = fault.New(fault.NotFound, "the gateway does not tell what people may use")

// allowed is what the gateway last said that a person may use. The zero value
// knows nothing.
type allowed struct {
	mu    sync.Mutex
	known bool
	names []string // for chat/completions
	next  time.Time
}

// due says whether it is time to ask, to one that will.
func (a *allowed) due(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Before(a.next) {
		return false
	}
	a.next = now.Add(askFailed)
	return true
}

// learn takes an answer. After a failure what was known is still the best
// that is.
func (a *allowed) learn(names []string, err error, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.known, a.names, a.next = true, names, now.Add(askAgain)
	case errors.Is(err, errUntold):
		a.known, a.names, a.next = false, nil, now.Add(askWithout)
	}
}

// doubt has the next page ask, where the gateway tells.
func (a *allowed) doubt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known {
		a.next = time.Time{}
	}
}

func (a *allowed) list() (names []string, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.names, a.known
}

// learn asks the gateway what the person may use, where the last answer is old.
func (c *Chat) learn(ctx context.Context, v *session) {
	if !v.allowed.due(c.now()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	names, err := c.mayUse(ctx, v)
	if err != nil && !errors.Is(err, errUntold) {
		c.log.Warn("what a person may use is not known", "person", v.owner, "error", err)
	}
	v.allowed.learn(names, err, c.now())
}

// mayUse asks the gateway as the person. It names the models of the settings:
// a grant with a wildcard lists none.
func (c *Chat) mayUse(ctx context.Context, v *session) ([]string, error) {
	token, err := c.provider.bearer(ctx, v.tokens)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	for _, m := range c.s.Models {
		if m.askable() {
			query.Add("name", m.Name)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.s.Gateway.URL+"/ostiary/deployments?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "ostiary-chat")
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	resp, err := c.gateway.Do(req)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the gateway cannot be reached").Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
		return readAllowed(resp.Body)
	case http.StatusNotFound:
		return nil, errUntold
	}
	return nil, fault.New(fault.Upstream, "the gateway answers "+strconv.Itoa(resp.StatusCode))
}

// askable says whether the gateway can be asked about it. Azure has no name of
// another kind, another server may.
func (m Model) askable() bool {
	return openai.IsDeployment(strings.ReplaceAll(m.Name, "/", "-")) && len(m.Name) <= openai.MaxModel
}

// readAllowed gives the names that may be used for chat, in order.
func readAllowed(from io.Reader) ([]string, error) {
	body, err := io.ReadAll(io.LimitReader(from, maxAllowed+1))
	if err != nil {
		return nil, fault.New(fault.Upstream, "the gateway's answer broke off").Because(err)
	}
	var answer struct {
		Deployments []struct {
			Name       string   `json:"name"`
			Operations []string `json:"operations"`
		} `json:"deployments"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(body) > maxAllowed || answer.Deployments == nil {
		return nil, fault.New(fault.Upstream, "the gateway's answer cannot be read")
	}
	names := []string{}
	for _, d := range answer.Deployments {
		if slices.Contains(d.Operations, string(openai.ChatCompletions)) && d.Name != "" && len(d.Name) <= openai.MaxModel {
			names = append(names, d.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxOffered)], nil
}

// offered are the models that a person may pick: of the settings, and where
// these say so whatever else the gateway lets the person use. Where nothing is
// known of that, all of the settings are, and one that cannot be asked about is.
func (c *Chat) offered(v *session) []Model {
	names, known := v.allowed.list()
	var all []Model
	listed := map[string]bool{}
	for _, m := range c.s.Models {
		listed[m.Name] = true
		_, may := slices.BinarySearch(names, m.Name)
		if (may || !known || !m.askable()) && (len(m.Groups) == 0 || anyOf(m.Groups, v.groups)) {
			all = append(all, m)
		}
	}
	for _, name := range names {
		if c.s.Discover && !listed[name] {
			all = append(all, Model{Name: name})
		}
	}
	return all
}

// label is what people read for a model, offered still or not.
func (c *Chat) label(name string) string {
	for _, m := range c.s.Models {
		if m.Name == name {
			return m.label()
		}
	}
	return name
}

package emulator

import (
	"net/http"
	"strings"
	"sync"
)

// maxStored is how many responses are kept, of all accounts; the oldest go
// first. Azure keeps them for thirty days.
const maxStored = 1000

// storedResponse is a response and the conversation up to it.
type storedResponse struct {
	response
	turns []turn
}

// responseStore keeps responses by account and id, in memory.
type responseStore struct {
	mu    sync.Mutex
	byKey map[string]*storedResponse
	order []string
}

func newResponseStore() *responseStore {
	return &responseStore{byKey: map[string]*storedResponse{}}
}

// storeKey is by name: accounts of the Resource Manager are made anew with
// every change.
func storeKey(a *account, id string) string { return strings.ToLower(a.Name) + " " + id }

func (s *responseStore) get(a *account, id string) *storedResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byKey[storeKey(a, id)]
}

func (s *responseStore) put(a *account, r *storedResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := storeKey(a, r.ID)
	s.byKey[key] = r
	s.order = append(s.order, key)
	for len(s.order) > maxStored {
		delete(s.byKey, s.order[0])
		s.order = s.order[1:]
	}
}

func (s *responseStore) remove(a *account, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := storeKey(a, id)
	_, there := s.byKey[key]
	delete(s.byKey, key) // its place in the order goes when it is the oldest
	return there
}

func noResponse(id string) *refusal {
	r := invalid("response_id", "", "Response with id '%s' not found.", shorten(id))
	r.status = http.StatusNotFound
	return r
}

func (f *front) getResponse(w http.ResponseWriter, c *call) *refusal {
	r := f.stored.get(c.account, c.id)
	if r == nil {
		return noResponse(c.id)
	}
	writeAnswer(w, r.response)
	return nil
}

func (f *front) deleteResponse(w http.ResponseWriter, c *call) *refusal {
	if !f.stored.remove(c.account, c.id) {
		return noResponse(c.id)
	}
	writeAnswer(w, struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Deleted bool   `json:"deleted"`
	}{c.id, "response", true})
	return nil
}

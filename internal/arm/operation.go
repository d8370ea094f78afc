package arm

import "net/http"

// Everything is done when it is answered, so that an operation which Azure
// reports later has always succeeded here. Services that answer 202 point to
// it all the same, and clients demand the pointer.

const operations = "/providers/Microsoft.Resources/operationStatuses/"

// promise points to the operation's result.
func (s *Server) promise(h http.Header, r *http.Request) {
	base := s.cfg.ResourceManager
	if base == "" {
		base = "https://" + r.Host
	}
	id := guidOf("operation", r.URL.Path, s.cfg.Now().String())
	h.Set("Azure-AsyncOperation", base+"/subscriptions/"+s.cfg.Subscription+operations+id+"?api-version=2024-03-01")
	h.Set("Retry-After", "0")
}

func operationRoutes() []route {
	return []route{{
		method: http.MethodGet, pattern: inSubscription + operations + "*",
		answer: func(q *query, vars []string) (answer, *refusal) {
			return ok(doc{"id": q.at.path, "name": vars[1], "status": "Succeeded"})
		},
	}}
}

package sink

// SeedEntry is a call in the eight fields that the usual API Management policy
// for Azure OpenAI sends to Event Hubs, so that tables and dashboards made for
// it go on working. Its names are that policy's.
type SeedEntry struct {
	CompletionTokens   int64  `json:"completion_tokens"`
	PromptTokens       int64  `json:"prompt_tokens"`
	TotalTokens        int64  `json:"total_tokens"`
	WorkloadIdentifier string `json:"WorkloadIdentifier"`
	Backend            string `json:"Backend"`
	User               string `json:"User"`             // the caller's name, else the application
	FullRequestBody    Text   `json:"FullRequestBody"`  // empty unless the sink has bodies: clear
	FullResponseBody   Text   `json:"FullResponseBody"` // the same
}

// Seed is the entry in the seed's eight fields. An entry that is no call has
// no such form; do not ask for it.
func Seed(e *Entry) SeedEntry {
	s := SeedEntry{
		CompletionTokens: e.Completion, PromptTokens: e.Prompt, TotalTokens: e.Total,
		WorkloadIdentifier: e.Workload, Backend: e.Backend,
	}
	for _, who := range []string{e.Member, e.Subject, e.App, e.Name} {
		if who != "" {
			s.User = who
		}
	}
	if e.Bodies == string(BodiesClear) {
		s.FullRequestBody, s.FullResponseBody = e.RequestBody, e.ResponseBody
	}
	return s
}

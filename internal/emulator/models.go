package emulator

import (
	"net/http"
	"time"
)

// modelEntry is a model as both surfaces list it: the classic fields, and the
// two that v1's contract adds.
type modelEntry struct {
	Status       string            `json:"status"`
	Capabilities modelCapabilities `json:"capabilities"`
	Lifecycle    string            `json:"lifecycle_status"`
	Deprecation  struct{}          `json:"deprecation"`
	ID           string            `json:"id"`
	CreatedAt    int64             `json:"created_at"`
	Created      int64             `json:"created,omitempty"`
	Object       string            `json:"object"`
	OwnedBy      string            `json:"owned_by,omitempty"`
}

type modelCapabilities struct {
	FineTune       bool `json:"fine_tune"`
	Inference      bool `json:"inference"`
	Completion     bool `json:"completion"`
	ChatCompletion bool `json:"chat_completion"`
	Embeddings     bool `json:"embeddings"`
}

// listModels lists the catalogue, not the deployments: Azure lists what an
// account could deploy.
func (f *front) listModels(w http.ResponseWriter, c *call) *refusal {
	writeAnswer(w, struct {
		Data   []modelEntry `json:"data"`
		Object string       `json:"object"`
	}{entries(c.v1), "list"})
	return nil
}

func (f *front) oneModel(w http.ResponseWriter, c *call) *refusal {
	for _, e := range entries(c.v1) {
		if e.ID == c.model {
			writeAnswer(w, e)
			return nil
		}
	}
	return envelope(http.StatusNotFound, "ResourceNotFound", "The specified model does not exist.")
}

func entries(v1 bool) []modelEntry {
	var all []modelEntry
	for _, m := range catalogue() {
		for _, version := range m.versions {
			e := modelEntry{
				Status:       "succeeded",
				Capabilities: modelCapabilities{Inference: !m.retired, ChatCompletion: m.does == opChat, Embeddings: m.does == opEmbeddings},
				Lifecycle:    "generally-available",
				ID:           modelID(m, version),
				CreatedAt:    madeAt(version),
				Object:       "model",
			}
			if m.retired {
				e.Lifecycle = "deprecated"
			}
			if v1 {
				e.Created, e.OwnedBy = e.CreatedAt, "azure"
			}
			all = append(all, e)
		}
	}
	return all
}

// modelID is unique in the list: the first version of a model without dated
// versions has its bare name.
func modelID(m model, version string) string {
	if datedVersion.MatchString(version) || version != "1" {
		return m.name + "-" + version
	}
	return m.name
}

// madeAt is the version's date where it is one, and a fixed day otherwise.
func madeAt(version string) int64 {
	if day, err := time.Parse(time.DateOnly, version); err == nil {
		return day.Unix()
	}
	return time.Date(2024, 1, 25, 0, 0, 0, 0, time.UTC).Unix()
}

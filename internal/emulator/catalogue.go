package emulator

import (
	"regexp"
	"strings"
)

// operation is what a model can be asked for.
type operation string

const (
	opChat       operation = "chatCompletion" // as Azure spells it in OperationNotSupported
	opEmbeddings operation = "embeddings"
	opModels     operation = "models"
	opModel      operation = "model"
)

// model is an entry of the catalogue: the newest version first. Retired models
// stay, because public material that people rehearse from still uses them.
type model struct {
	name       string
	versions   []string
	does       operation
	dimensions int  // of an embedding
	shortens   bool // honours the parameter dimensions
	retired    bool
}

func catalogue() []model {
	return []model{
		{name: "gpt-4o-mini", versions: []string{"2024-07-18"}, does: opChat},
		{name: "gpt-4o", versions: []string{"2024-11-20", "2024-08-06", "2024-05-13"}, does: opChat},
		{name: "gpt-4.1", versions: []string{"2025-04-14"}, does: opChat},
		{name: "gpt-4.1-mini", versions: []string{"2025-04-14"}, does: opChat},
		{name: "gpt-4.1-nano", versions: []string{"2025-04-14"}, does: opChat},
		{name: "gpt-5-mini", versions: []string{"2025-08-07"}, does: opChat},
		{name: "gpt-5-nano", versions: []string{"2025-08-07"}, does: opChat},
		{name: "gpt-4", versions: []string{"0613", "0314"}, does: opChat, retired: true},
		{name: "gpt-35-turbo", versions: []string{"0613", "0301"}, does: opChat, retired: true},
		{name: "text-embedding-3-small", versions: []string{"1"}, does: opEmbeddings, dimensions: 1536, shortens: true},
		{name: "text-embedding-3-large", versions: []string{"1"}, does: opEmbeddings, dimensions: 3072, shortens: true},
		{name: "text-embedding-ada-002", versions: []string{"2", "1"}, does: opEmbeddings, dimensions: 1536},
	}
}

func findModel(name string) (model, bool) {
	for _, m := range catalogue() {
		if m.name == name {
			return m, true
		}
	}
	return model{}, false
}

func modelNames() string {
	var names []string
	for _, m := range catalogue() {
		names = append(names, m.name)
	}
	return strings.Join(names, ", ")
}

var datedVersion = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// servedName is how answers name the model: with its version where that is a
// date, as recorded (gpt-4o-mini-2024-07-18, but gpt-35-turbo).
func servedName(m model, version string) string {
	if datedVersion.MatchString(version) {
		return m.name + "-" + version
	}
	return m.name
}

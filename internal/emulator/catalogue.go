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

	opCompletions    operation = "completion"
	opResponses      operation = "responses"
	opResponse       operation = "response" // a stored one is read
	opDeleteResponse operation = "deleteResponse"
	opImages         operation = "imageGenerations"
	opSpeech         operation = "audioSpeech"
	opTranscription  operation = "audioTranscriptions"
	opTranslation    operation = "audioTranslations"
	opRealtime       operation = "realtime"
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
		{name: "gpt-35-turbo-instruct", versions: []string{"0914"}, does: opCompletions},
		{name: "dall-e-3", versions: []string{"3.0"}, does: opImages},
		{name: "gpt-image-1", versions: []string{"2025-04-15"}, does: opImages},
		{name: "tts", versions: []string{"001"}, does: opSpeech},
		{name: "tts-hd", versions: []string{"001"}, does: opSpeech},
		{name: "gpt-4o-mini-tts", versions: []string{"2025-03-20"}, does: opSpeech},
		{name: "whisper", versions: []string{"001"}, does: opTranscription},
		{name: "gpt-4o-transcribe", versions: []string{"2025-03-20"}, does: opTranscription},
		{name: "gpt-realtime", versions: []string{"2025-08-28"}, does: opRealtime},
		{name: "gpt-4o-realtime-preview", versions: []string{"2024-12-17"}, does: opRealtime},
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

// modelCalled is a model of the catalogue, or a likely one by the name that a
// Resource Manager took: its list of models is longer than ours.
func modelCalled(name string) model {
	if m, ok := findModel(name); ok {
		return m
	}
	does := opChat
	for part, op := range map[string]operation{
		"embedding": opEmbeddings, "dall-e": opImages, "image": opImages, "tts": opSpeech, "whisper": opTranscription,
		"transcribe": opTranscription, "realtime": opRealtime, "instruct": opCompletions,
	} {
		if strings.Contains(name, part) {
			does = op
		}
	}
	return model{name: name, versions: []string{"1"}, does: does, dimensions: 1536}
}

// can says whether a model serves an operation. Chat models serve Responses
// too, and what transcribes translates.
func (m model) can(op operation) bool {
	return m.does == op || m.does == opChat && op == opResponses || m.does == opTranscription && op == opTranslation
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

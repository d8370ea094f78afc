package openai

import "net/http"

// Endpoint is one operation as it is served: a method, and a path below
// /openai/, where what stands in braces stands for one segment.
type Endpoint struct {
	Operation Operation
	Method    string
	Form      Form
	Body      Body
	Named     bool   // the path names the deployment
	Suffix    string // below the form's root, or below the deployment
	Query     string // the parameter that names the deployment, empty for none
}

// Path is the whole path, without a backend and a workload before it.
func (e Endpoint) Path() string {
	root := "/openai/"
	if e.Form == V1 {
		root = "/openai/v1/"
	}
	if e.Named {
		root += "deployments/{deployment}/"
	}
	return root + e.Suffix
}

// DeploymentIn says where a call of it names the deployment: in "path",
// "query" or "body", or nowhere.
func (e Endpoint) DeploymentIn() string {
	switch {
	case e.Named:
		return "path"
	case e.Query != "":
		return "query"
	case e.Body == JSONBody && !e.Operation.Stored():
		return "body"
	}
	return ""
}

// Endpoints lists what is served, in a fixed order.
func Endpoints() []Endpoint {
	fixed := table()
	all := fixed[:]
	for _, e := range storedTable() {
		for _, form := range []Form{Classic, V1} {
			e.Form = form
			all = append(all, e)
		}
	}
	return all
}

// oneModel is the suffix of the only path of table below which a segment is a
// name that is no deployment's.
const oneModel = "models/{model}"

// table is what is served of deployments, storedTable what is served of stored
// objects; anything else is not found. Multipart bodies on v1 are left out,
// whose deployment would have to be read out of the form.
func table() [21]Endpoint {
	const post, get = http.MethodPost, http.MethodGet
	return [...]Endpoint{
		{ChatCompletions, post, Classic, JSONBody, true, "chat/completions", ""},
		{ChatCompletions, post, V1, JSONBody, false, "chat/completions", ""},
		{Completions, post, Classic, JSONBody, true, "completions", ""},
		{Completions, post, V1, JSONBody, false, "completions", ""},
		{Embeddings, post, Classic, JSONBody, true, "embeddings", ""},
		{Embeddings, post, V1, JSONBody, false, "embeddings", ""},
		{Responses, post, Classic, JSONBody, false, "responses", ""},
		{Responses, post, V1, JSONBody, false, "responses", ""},
		{Models, get, Classic, NoBody, false, "models", ""},
		{Models, get, Classic, NoBody, false, oneModel, ""},
		{Models, get, V1, NoBody, false, "models", ""},
		{Models, get, V1, NoBody, false, oneModel, ""},
		{ImageGenerations, post, Classic, JSONBody, true, "images/generations", ""},
		{ImageGenerations, post, V1, JSONBody, false, "images/generations", ""},
		{ImageEdits, post, Classic, FormBody, true, "images/edits", ""},
		{Speech, post, Classic, JSONBody, true, "audio/speech", ""},
		{Speech, post, V1, JSONBody, false, "audio/speech", ""},
		{Transcriptions, post, Classic, FormBody, true, "audio/transcriptions", ""},
		{Translations, post, Classic, FormBody, true, "audio/translations", ""},
		{Realtime, get, Classic, NoBody, false, "realtime", "deployment"},
		{Realtime, get, V1, NoBody, false, "realtime", "model"},
	}
}

// lookup finds an endpoint.
func lookup(method string, form Form, named bool, suffix string) (Endpoint, bool) {
	for _, e := range table() {
		if e.Suffix == suffix && e.Method == method && e.Form == form && e.Named == named {
			return e, true
		}
	}
	return Endpoint{}, false
}

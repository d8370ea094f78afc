package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/openai"
)

// describedAt is where the description of what is served is served.
const describedAt = "/openapi.json"

// described answers GET /openapi.json, to anybody: it says nothing that this
// page of source does not. All else goes on.
func described(next http.Handler) http.Handler {
	body, _ := json.Marshal(openAPI()) // maps and strings always marshal
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI != describedAt || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body) // a client that has gone needs no answer
	})
}

type object = map[string]any

// openAPI is an OpenAPI 3.1 document, made from the table that routes calls:
// what it says is served is, and what is served it says.
func openAPI() object {
	paths := object{deploymentsAt: describedList()}
	for _, e := range openai.Endpoints() {
		for _, before := range []string{"", "/{backend}/{workload}"} {
			at, ok := paths[before+e.Path()].(object)
			if !ok {
				at = object{}
				paths[before+e.Path()] = at
			}
			at[strings.ToLower(e.Method)] = operation(e, before)
		}
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Ostiary gateway", "version": "1",
			"description": "Azure OpenAI's paths, bodies and errors, governed call by call. What a body may hold is Azure's to say: " +
				"https://learn.microsoft.com/azure/ai-foundry/openai/reference",
		},
		"servers":  []object{{"url": "/"}},
		"security": []object{{"key": []string{}}, {"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"securitySchemes": object{
				"key":    object{"type": "apiKey", "in": "header", "name": "api-key", "description": "A gateway key, or a token."},
				"bearer": object{"type": "http", "scheme": "bearer", "description": "A token of Entra or of another issuer, or a gateway key."},
			},
			"parameters": parameters(),
			"schemas":    object{"Error": errorSchema()},
			"responses": object{"Error": object{
				"description": "An error in the shape of Azure's, of the gateway or of the backend.",
				"content":     object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}},
				"headers": object{"retry-after": object{
					"description": "Seconds, where it makes sense to come back.", "schema": object{"type": "integer"},
				}},
			}},
		},
	}
}

func operation(e openai.Endpoint, before string) object {
	id := string(e.Form) + "_" + e.Suffix
	if e.Operation.Stored() { // several methods have one path
		id = string(e.Form) + "_" + strings.ToLower(e.Method) + "_" + e.Suffix
	}
	id = strings.NewReplacer("/", "_", "{", "", "}", "").Replace(id)
	names := []string{"workload-header"}
	if before != "" {
		id = "at_backend_" + id
		names = []string{"backend", "workload"}
	}
	if e.Named {
		names = append(names, "deployment")
	}
	for segment := range strings.SplitSeq(e.Suffix, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	if e.Query != "" {
		names = append(names, e.Query+"-query")
	}
	version := "api-version"
	if e.Form == openai.V1 {
		version = "api-version-optional"
	}
	var refs []object
	for _, name := range append(names, version) {
		refs = append(refs, object{"$ref": "#/components/parameters/" + name})
	}
	o := object{
		"operationId": id, "summary": summary(e), "tags": []string{string(e.Form)},
		"parameters": refs, "responses": responses(e),
	}
	if e.Body != openai.NoBody {
		o["requestBody"] = object{"required": true, "content": object{string(e.Body): object{"schema": bodySchema(e)}}}
	}
	return o
}

func summary(e openai.Endpoint) string {
	s := "The operation " + string(e.Operation) + " of grants"
	if e.Operation == openai.Realtime {
		s += ", a WebSocket"
	}
	if e.Operation.Stored() {
		return s + ", where a backend is reserved for the workload."
	}
	switch e.DeploymentIn() {
	case "path":
		return s + "; the path names the deployment."
	case "query":
		return s + "; the query names the deployment."
	case "body":
		return s + "; the body's model is the deployment."
	}
	return s + "."
}

func bodySchema(e openai.Endpoint) object {
	schema := object{"type": "object"}
	if e.DeploymentIn() == "body" {
		schema["required"] = []string{"model"}
		schema["properties"] = object{"model": object{"type": "string", "description": "The deployment."}}
	}
	return schema
}

func responses(e openai.Endpoint) object {
	answer := object{"description": "The backend's answer, byte for byte.", "headers": object{"x-ostiary-call-id": object{
		"description": "The id of the call's records in the ledger.", "schema": object{"type": "string", "format": "uuid"},
	}}}
	if e.Operation == openai.Realtime {
		answer["description"] = "The WebSocket is open."
		return object{"101": answer, "default": object{"$ref": "#/components/responses/Error"}}
	}
	content := object{"application/json": object{}}
	switch e.Operation {
	case openai.ChatCompletions, openai.Completions, openai.Responses, openai.StoredResponses:
		content["text/event-stream"] = object{}
	case openai.Files:
		content["application/octet-stream"] = object{}
	case openai.Speech:
		content = object{"audio/*": object{}, "application/octet-stream": object{}}
	}
	answer["content"] = content
	return object{"200": answer, "default": object{"$ref": "#/components/responses/Error"}}
}

// parameters are those that operations refer to, by name.
func parameters() object {
	one := func(name, in string, required bool, description string) object {
		return object{"name": name, "in": in, "required": required, "description": description, "schema": object{"type": "string"}}
	}
	all := object{
		"names":                describedNames(),
		"backend":              one("backend", "path", true, "A backend of the configuration; no other answers the call."),
		"workload":             one("workload", "path", true, "The workload that the call is for. The caller must belong to it."),
		"workload-header":      one("x-ostiary-workload", "header", false, "The workload that the call is for. The caller must belong to it. Without it the first that fits decides."),
		"deployment":           one("deployment", "path", true, "The deployment."),
		"model":                one("model", "path", true, "A model that the list of models names."),
		"file":                 one("file", "path", true, "The id of a file."),
		"batch":                one("batch", "path", true, "The id of a batch."),
		"store":                one("store", "path", true, "The id of a vector store."),
		"response":             one("response", "path", true, "The id of a response."),
		"deployment-query":     one("deployment", "query", true, "The deployment."),
		"model-query":          one("model", "query", true, "The deployment."),
		"api-version":          one("api-version", "query", true, "Azure's version of the API, such as 2024-10-21."),
		"api-version-optional": one("api-version", "query", false, "Azure's version of the API, such as preview."),
	}
	return all
}

func errorSchema() object {
	text := object{"type": "string"}
	envelope := object{
		"type": "object", "required": []string{"error"},
		"properties": object{"error": object{
			"type": "object", "required": []string{"code", "message"}, "properties": object{"code": text, "message": text},
		}},
	}
	bare := object{
		"type": "object", "required": []string{"statusCode", "message"},
		"properties":  object{"statusCode": object{"type": "integer"}, "message": text},
		"description": "To no token, or to a bad one.",
	}
	return object{"oneOf": []object{envelope, bare}}
}

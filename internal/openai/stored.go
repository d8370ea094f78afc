package openai

import (
	"net/http"
	"strings"
)

// Stored says whether an operation is on what lies in an account: files,
// batches, vector stores, responses by their ids. It belongs to no deployment,
// and no path says whose it is, so it is served only where an account has one
// owner (backend.Settings.Workload).
func (op Operation) Stored() bool {
	switch op {
	case Files, Batches, VectorStores, StoredResponses:
		return true
	}
	return false
}

// AnyDeployment says whether a call of the operation may use any deployment of
// an account, named where the gateway does not look: each line of a batch's
// file names its own.
func (op Operation) AnyDeployment() bool { return op == Batches }

// storedTable is what is served of stored objects, in both forms alike. What
// stands in braces is an id.
func storedTable() [27]Endpoint {
	const post, get, del = http.MethodPost, http.MethodGet, http.MethodDelete
	at := func(op Operation, method string, body Body, suffix string) Endpoint {
		return Endpoint{Operation: op, Method: method, Body: body, Suffix: suffix}
	}
	return [...]Endpoint{
		at(Files, post, FormBody, "files"),
		at(Files, get, NoBody, "files"),
		at(Files, get, NoBody, "files/{file}"),
		at(Files, del, NoBody, "files/{file}"),
		at(Files, get, NoBody, "files/{file}/content"),
		at(Batches, post, JSONBody, "batches"),
		at(Batches, get, NoBody, "batches"),
		at(Batches, get, NoBody, "batches/{batch}"),
		at(Batches, post, NoBody, "batches/{batch}/cancel"),
		at(VectorStores, post, JSONBody, "vector_stores"),
		at(VectorStores, get, NoBody, "vector_stores"),
		at(VectorStores, get, NoBody, "vector_stores/{store}"),
		at(VectorStores, post, JSONBody, "vector_stores/{store}"),
		at(VectorStores, del, NoBody, "vector_stores/{store}"),
		at(VectorStores, post, JSONBody, "vector_stores/{store}/files"),
		at(VectorStores, get, NoBody, "vector_stores/{store}/files"),
		at(VectorStores, get, NoBody, "vector_stores/{store}/files/{file}"),
		at(VectorStores, post, JSONBody, "vector_stores/{store}/files/{file}"),
		at(VectorStores, del, NoBody, "vector_stores/{store}/files/{file}"),
		at(VectorStores, post, JSONBody, "vector_stores/{store}/file_batches"),
		at(VectorStores, get, NoBody, "vector_stores/{store}/file_batches/{batch}"),
		at(VectorStores, get, NoBody, "vector_stores/{store}/file_batches/{batch}/files"),
		at(VectorStores, post, NoBody, "vector_stores/{store}/file_batches/{batch}/cancel"),
		at(StoredResponses, get, NoBody, "responses/{response}"),
		at(StoredResponses, del, NoBody, "responses/{response}"),
		at(StoredResponses, get, NoBody, "responses/{response}/input_items"),
		at(StoredResponses, post, NoBody, "responses/{response}/cancel"),
	}
}

// lookupStored finds an endpoint by its method and by what stands at its path.
func lookupStored(method string, form Form, suffix string) (Endpoint, bool) {
	for _, e := range storedTable() {
		if e.Method == method && fits(e.Suffix, suffix) {
			e.Form = form
			return e, true
		}
	}
	return Endpoint{}, false
}

// fits holds a path to a template of the table, segment by segment.
func fits(template, path string) bool {
	for {
		t, restT, moreT := strings.Cut(template, "/")
		p, restP, moreP := strings.Cut(path, "/")
		same := t == p || t[0] == '{' && isID(p)
		if !same || moreT != moreP {
			return false
		}
		if !moreT {
			return true
		}
		template, path = restT, restP
	}
}

// isID says whether a segment is an id as Azure makes them (file-…, batch_…,
// vs_…, resp_…): letters, digits, '-' and '_', up to 128.
func isID(s string) bool {
	for _, c := range []byte(s) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

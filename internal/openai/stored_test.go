package openai

import (
	"net/http"
	"strings"
	"testing"
)

func TestStoredRoutes(t *testing.T) {
	const post, get, del = http.MethodPost, http.MethodGet, http.MethodDelete
	for _, tt := range []struct {
		method, target string
		op             Operation
		body           Body
	}{
		{post, "/openai/v1/files", Files, FormBody},
		{get, "/openai/files?api-version=2024-10-21&purpose=batch", Files, NoBody},
		{del, "/openai/v1/files/file-0a1B_2", Files, NoBody},
		{get, "/east/w/openai/v1/files/assistant-1/content", Files, NoBody},
		{post, "/openai/v1/batches", Batches, JSONBody},
		{post, "/openai/batches/batch_1/cancel?api-version=2024-10-21", Batches, NoBody},
		{post, "/openai/v1/vector_stores/vs_1", VectorStores, JSONBody},
		{get, "/openai/v1/vector_stores/vs_1/file_batches/vsfb_1/files?limit=2&order=asc", VectorStores, NoBody},
		{get, "/openai/v1/responses/resp_1?include[]=file_search_call.results", StoredResponses, NoBody},
		{get, "/openai/responses/resp_1/input_items?api-version=preview", StoredResponses, NoBody},
	} {
		r, ok := ParseRoute(tt.method, tt.target)
		if !ok || r.Operation != tt.op || r.Body != tt.body || r.Deployment != "" || r.DeploymentInBody() || !r.Operation.Stored() {
			t.Errorf("%s %s: %+v %v", tt.method, tt.target, r, ok)
		}
	}
	for name, tt := range map[string][2]string{
		"a method that none has":     {http.MethodPut, "/openai/v1/files/file-1"},
		"a method of another path":   {post, "/openai/v1/files/file-1"},
		"a POST to a response":       {post, "/openai/v1/responses/resp_1"},
		"an escaped id":              {get, "/openai/v1/files/file%2d1"},
		"an escaped slash":           {get, "/openai/v1/files/a%2fb"},
		"a dotted id":                {get, "/openai/v1/files/.."},
		"dots in an id":              {get, "/openai/v1/files/a..b"},
		"a colon":                    {get, "/openai/v1/responses/resp:1"},
		"at":                         {get, "/openai/v1/responses/a@b"},
		"a tilde":                    {get, "/openai/v1/responses/~"},
		"an empty id":                {get, "/openai/v1/files/"},
		"an empty id within":         {get, "/openai/v1/files//content"},
		"a long id":                  {get, "/openai/v1/files/" + strings.Repeat("a", 129)},
		"a path below":               {get, "/openai/v1/files/file-1/content/x"},
		"up from an id":              {get, "/openai/v1/responses/resp_1/../../files"},
		"a template's name":          {get, "/openai/v1/files/{file}"},
		"below a deployment":         {get, "/openai/deployments/d/files/file-1?api-version=2024-10-21"},
		"files of a deployment":      {post, "/openai/deployments/files?api-version=2024-10-21"},
		"a deployment in the query":  {get, "/openai/v1/files?model=gpt-4o"},
		"classic without a version":  {get, "/openai/files"},
		"fine-tuning":                {get, "/openai/v1/fine_tuning/jobs"},
		"assistants":                 {get, "/openai/v1/assistants"},
		"a semicolon":                {get, "/openai/v1/files/file-1;x"},
		"a conversation":             {get, "/openai/v1/conversations/conv_1"},
		"an upload in parts":         {post, "/openai/v1/uploads"},
		"v1 twice":                   {get, "/openai/v1/v1/files"},
		"another spelling":           {get, "/openai/v1/Files"},
		"a response's unknown child": {get, "/openai/v1/responses/resp_1/output"},
	} {
		if r, ok := ParseRoute(tt[0], tt[1]); ok {
			t.Errorf("%s: %s %s is taken for %+v", name, tt[0], tt[1], r)
		}
	}
}

func TestPatternsAll(t *testing.T) {
	for _, tt := range []struct {
		patterns Patterns
		want     bool
	}{
		{Patterns{"*"}, true}, {Patterns{"gpt-4o", "**"}, true},
		{nil, false}, {Patterns{""}, false}, {Patterns{"gpt*"}, false}, {Patterns{"*?"}, false}, {Patterns{"a", "b"}, false},
	} {
		if got := tt.patterns.All(); got != tt.want {
			t.Errorf("%q: %v", tt.patterns, got)
		}
	}
}

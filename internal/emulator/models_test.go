package emulator

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func getModels(t *testing.T, e *Emulator, path string) []byte {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://localhost"+path, nil)
	r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
	w := httptest.NewRecorder()
	e.Private().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func TestModelsAreListed(t *testing.T) {
	e := newTest(t, Config{})
	for _, path := range []string{"/openai/models?api-version=2024-10-21", "/openai/v1/models"} {
		body := getModels(t, e, path)
		list := decodeJSON[struct {
			Object string
			Data   []modelEntry
		}](t, body)
		var ids []string
		for _, m := range list.Data {
			ids = append(ids, m.ID)
		}
		for _, want := range []string{"gpt-4o-mini-2024-07-18", "gpt-4-0314", "gpt-35-turbo-0301", "text-embedding-3-small", "text-embedding-ada-002-2"} {
			if !slices.Contains(ids, want) {
				t.Errorf("%s: no %s in %v", path, want, ids)
			}
		}
		slices.Sort(ids)
		if unique := slices.Compact(slices.Clone(ids)); len(unique) != len(ids) || list.Object != "list" {
			t.Errorf("%s: ids repeat in %v", path, ids)
		}
		if v1 := strings.Contains(path, "/v1/"); strings.Contains(string(body), `"owned_by"`) != v1 {
			t.Errorf("%s: owned_by where it should not be, or missing", path)
		}
	}
}

func TestOneModel(t *testing.T) {
	e := newTest(t, Config{})
	got := decodeJSON[modelEntry](t, getModels(t, e, "/openai/v1/models/gpt-4o-mini-2024-07-18"))
	if got.Created != 1721260800 || !got.Capabilities.ChatCompletion || got.Capabilities.Embeddings {
		t.Errorf("%+v", got)
	}
	r := httptest.NewRequest(http.MethodGet, "https://localhost/openai/v1/models/none", nil)
	r.Header.Set("Api-Key", keyOf(t, e, "ostiary-demo"))
	w := httptest.NewRecorder()
	e.Private().ServeHTTP(w, r)
	if w.Code != 404 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

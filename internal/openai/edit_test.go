package openai

import "testing"

func TestUsageEdit(t *testing.T) {
	tests := []struct{ body, want string }{ // an empty want: no edit
		{`{"stream":true}`, `{"stream_options":{"include_usage":true},"stream":true}`},
		{" {\r\n\"stream\" : true } ", " {\"stream_options\":{\"include_usage\":true},\r\n\"stream\" : true } "},
		{`{"stream":true,"stream_options":null}`, `{"stream":true,"stream_options":{"include_usage":true}}`},
		{`{"stream":true,"stream_options":{}}`, `{"stream":true,"stream_options":{"include_usage":true}}`},
		{`{"stream":true,"stream_options":{ "include_obfuscation" : false }}`, `{"stream":true,"stream_options":{"include_usage":true, "include_obfuscation" : false }}`},
		{`{"stream_options":{"a":[{}],"include_usage" : false ,"b":1},"stream":true}`, `{"stream_options":{"a":[{}],"include_usage" : true ,"b":1},"stream":true}`},
		{`{"stream_options":{"include_usage":null},"stream":true}`, `{"stream_options":{"include_usage":true},"stream":true}`},
		{`{"stream_options":{"include\u005fusage":false},"stream":true}`, `{"stream_options":{"include\u005fusage":true},"stream":true}`},
		{`{"stream_options":{"include_usage":true},"stream":true}`, ""},
		{`{"stream_options":{"include_usage":1},"stream":true}`, ""},
		{`{"stream_options":{"include_usage":"false"},"stream":true}`, ""},
		{`{"stream_options":{"include_usage":false,"include_usage":false},"stream":true}`, ""},
		{`{"stream_options":{"Include_Usage":false},"stream":true}`, ""},
		{`{"stream":false}`, ""},
		{`{"stream":null,"stream_options":{}}`, ""},
		{`{}`, ""},
	}
	for _, tt := range tests {
		p, err := Peek([]byte(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		e, ok := UsageEdit([]byte(tt.body), p)
		if ok != (tt.want != "") {
			t.Errorf("%s: edited %v: %+v", tt.body, ok, e)
		} else if ok && spliced(t, []byte(tt.body), e) != tt.want {
			t.Errorf("%s: got %s", tt.body, spliced(t, []byte(tt.body), e))
		}
	}
}

func TestTwoEdits(t *testing.T) {
	for body, want := range map[string]string{
		`{"stream":true,"model":"a"}`:            `{"stream_options":{"include_usage":true},"stream":true,"model":"n"}`,
		`{"stream":true}`:                        `{"model":"n","stream_options":{"include_usage":true},"stream":true}`,
		`{"stream_options":{},"stream":true}`:    `{"model":"n","stream_options":{"include_usage":true},"stream":true}`,
		`{"model":"old","a":"é","stream":true}`:  `{"stream_options":{"include_usage":true},"model":"n","a":"é","stream":true}`,
		`{"stream":true,"stream_options": null}`: `{"model":"n","stream":true,"stream_options": {"include_usage":true}}`,
	} {
		p, err := Peek([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		usage, ok := UsageEdit([]byte(body), p)
		if got := spliced(t, []byte(body), ModelEdit(p, "n"), usage); !ok || got != want {
			t.Errorf("%s: got %s", body, got)
		}
	}
	if got := spliced(t, []byte("abc")); got != "abc" {
		t.Error(got)
	}
}

func TestKnowsStreamOptions(t *testing.T) {
	for target, want := range map[string]bool{
		"/openai/deployments/d/chat/completions?api-version=2024-10-21":         true,
		"/openai/deployments/d/chat/completions?api-version=2024-09-01-preview": true,
		"/openai/deployments/d/completions?api-version=2025-01-01-preview":      true,
		"/openai/deployments/d/chat/completions?api-version=2024-08-01-preview": false,
		"/openai/deployments/d/chat/completions?api-version=2023-05-15":         false,
		"/openai/v1/chat/completions":                                           true,
		"/openai/v1/chat/completions?api-version=preview":                       true,
		"/openai/v1/responses":  false,
		"/openai/v1/embeddings": false,
	} {
		r, ok := ParseRoute("POST", target)
		if !ok || r.KnowsStreamOptions() != want {
			t.Errorf("%s: %v", target, r.KnowsStreamOptions())
		}
	}
}

func TestWithDeployment(t *testing.T) {
	r, ok := ParseRoute("POST", "/openai/deployments/chat/chat/completions?api-version=2024-10-21")
	if !ok {
		t.Fatal("no route")
	}
	other := r.WithDeployment("gpt-4o.2")
	if other.Path != "/openai/deployments/gpt-4o.2/chat/completions" || other.Deployment != "gpt-4o.2" || other.Query != r.Query || other.Suffix != r.Suffix {
		t.Errorf("%+v", other)
	}
	v1, _ := ParseRoute("POST", "/openai/v1/chat/completions")
	if v1.WithDeployment("x") != v1 || r.WithDeployment("chat") != r {
		t.Error("a path changed that need not")
	}
	for name, want := range map[string]bool{"gpt-4o": true, "a/b": false, "..": false, "": false, "a b": false, "a%2fb": false, "llama3.2:3b": true} {
		if IsDeployment(name) != want {
			t.Errorf("%q", name)
		}
	}
}

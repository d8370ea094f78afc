package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// fixed is a token that some other program got.
type fixed string

// GetToken gives it.
func (f fixed) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(f), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// openaiGo are the calls by OpenAI's client.
func openaiGo(w world) ([]call, error) {
	common := []option.RequestOption{option.WithHTTPClient(w.http), option.WithMaxRetries(0)}
	with := func(more ...option.RequestOption) openai.Client {
		return openai.NewClient(append(more, common...)...)
	}
	classic := azure.WithEndpoint(w.base, "2024-10-21")
	v1 := option.WithBaseURL(w.base + "/openai/v1/")
	var calls []call
	for _, c := range []struct {
		how    string
		client openai.Client
	}{
		{"classic, key", with(classic, azure.WithAPIKey(w.key))},
		{"classic, token", with(classic, azure.WithTokenCredential(fixed(w.token)))},
		{"v1, key", with(v1, option.WithAPIKey(w.key))},
		{"v1, token", with(v1, option.WithAPIKey(w.token))},
	} {
		for _, one := range openaiGoCalls(c.how, c.client) {
			calls = append(calls, call{c.how + ": " + one.name, one.make})
		}
	}
	for name, client := range map[string]openai.Client{
		"classic, a bad key":   with(classic, azure.WithAPIKey(badKey)),
		"classic, a stranger":  with(classic, azure.WithTokenCredential(fixed(w.stranger))),
		"v1, a bad key":        with(v1, option.WithAPIKey(badKey)),
		"classic, old version": with(azure.WithEndpoint(w.base, "2024-02-01"), azure.WithAPIKey(w.key)),
	} {
		calls = append(calls, call{name, func() (any, error) {
			return streamed(client, chatParams(func(p *openai.ChatCompletionNewParams) { withUsage(p) }))
		}})
	}
	return sorted(calls), nil
}

// openaiGoCalls are what every way to sign in can be asked.
func openaiGoCalls(how string, c openai.Client) []call {
	ctx := context.Background()
	ask := func(change ...func(*openai.ChatCompletionNewParams)) func() (any, error) {
		return func() (any, error) { return raw(c.Chat.Completions.New(ctx, chatParams(change...))) }
	}
	stream := func(change ...func(*openai.ChatCompletionNewParams)) func() (any, error) {
		return func() (any, error) { return streamed(c, chatParams(change...)) }
	}
	named := func(model string) func(*openai.ChatCompletionNewParams) {
		return func(p *openai.ChatCompletionNewParams) { p.Model = model }
	}
	embed := func(p openai.EmbeddingNewParams) func() (any, error) {
		return func() (any, error) { return raw(c.Embeddings.New(ctx, p)) }
	}
	text := openai.EmbeddingNewParamsInputUnion{OfString: openai.String(question)}
	return []call{
		{"chat", ask()},
		{"stream", stream()},
		{"stream with usage", stream(withUsage)},
		{"three choices", ask(func(p *openai.ChatCompletionNewParams) { p.N = openai.Int(3) })},
		{"tools", ask(withTool)},
		{"tools, streamed", stream(withTool)},
		{"JSON mode", ask(asJSON)},
		{"JSON mode, streamed", stream(asJSON)},
		{"cut short", ask(func(p *openai.ChatCompletionNewParams) { p.MaxTokens = openai.Int(5) })},
		{"a long prompt", ask(func(p *openai.ChatCompletionNewParams) {
			p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage(strings.Repeat(question+" ", 8000))}
		})},
		{"embeddings", embed(openai.EmbeddingNewParams{Model: embeddingModel, Input: text})},
		{"embeddings, shortened", embed(openai.EmbeddingNewParams{Model: embeddingModel, Input: text, Dimensions: openai.Int(8)})},
		{"models", func() (any, error) { return raw(c.Models.List(ctx)) }},
		{"one model", func() (any, error) { return raw(c.Models.Get(ctx, "gpt-4o-mini-2024-07-18")) }},
		{"responses", func() (any, error) { return raw(c.Responses.New(ctx, responseParams())) }},
		{"responses, streamed", func() (any, error) { return collect(c.Responses.NewStreaming(ctx, responseParams())) }},
		{"an image", func() (any, error) {
			return raw(c.Images.Generate(ctx, openai.ImageGenerateParams{Model: "dall-e-3", Prompt: question}))
		}},
		{"speech", func() (any, error) {
			resp, err := c.Audio.Speech.New(ctx, openai.AudioSpeechNewParams{
				Model: "tts", Input: question, Voice: openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String("alloy")}, ResponseFormat: openai.AudioSpeechNewParamsResponseFormatWAV,
			})
			if err != nil {
				return nil, err
			}
			defer func() { _ = resp.Body.Close() }()
			return io.ReadAll(resp.Body)
		}},
		{"a stored response", func() (any, error) {
			made, err := c.Responses.New(ctx, responseParams())
			if err != nil {
				return nil, err
			}
			again, err := c.Responses.Get(ctx, made.ID, responses.ResponseGetParams{})
			if err != nil {
				return nil, err
			}
			return map[string]any{"again": json.RawMessage(again.RawJSON()), "same": again.RawJSON() == made.RawJSON()}, c.Responses.Delete(ctx, made.ID)
		}},
		{"an unknown deployment", ask(named("ghost"))},
		{"a deployment that no backend has", ask(named("no-such-deployment"))},
		{"a deployment for something else", ask(named(embeddingModel))},
		{"no messages", ask(func(p *openai.ChatCompletionNewParams) { p.Messages = []openai.ChatCompletionMessageParamUnion{} })},
		{"filtered", ask(named("filtered"))},
		{"filtered, streamed", stream(named("filtered"))},
		{"throttled", ask(named(throttled(how)))},
	}
}

func chatParams(change ...func(*openai.ChatCompletionNewParams)) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{
		Model:    chatModel,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Answer briefly."), openai.UserMessage(question)},
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

func withUsage(p *openai.ChatCompletionNewParams) {
	p.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
}

func withTool(p *openai.ChatCompletionNewParams) {
	p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
		Name: "weather", Parameters: shared.FunctionParameters{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}},
	})}
}

func asJSON(p *openai.ChatCompletionNewParams) {
	p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question + " As JSON.")}
	p.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONObject: &shared.ResponseFormatJSONObjectParam{}}
}

func responseParams() responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model: chatModel, Input: responses.ResponseNewParamsInputUnion{OfString: param.NewOpt(question)},
	}
}

// rawJSON is what every answer of this client keeps.
type rawJSON interface{ RawJSON() string }

// raw is an answer as the client keeps it.
func raw[T rawJSON](answer T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return json.RawMessage(answer.RawJSON()), nil
}

// streamed collects a stream, and what the client's own accumulator makes of it.
func streamed(c openai.Client, p openai.ChatCompletionNewParams) (any, error) {
	stream := c.Chat.Completions.NewStreaming(context.Background(), p)
	var sum openai.ChatCompletionAccumulator
	var chunks []json.RawMessage
	for stream.Next() {
		chunk := stream.Current()
		chunks = append(chunks, json.RawMessage(chunk.RawJSON()))
		sum.AddChunk(chunk)
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	text := ""
	if len(sum.Choices) > 0 {
		text = sum.Choices[0].Message.Content
	}
	return map[string]any{"chunks": chunks, "text": text, "tokens": sum.Usage.TotalTokens}, nil
}

func collect[T rawJSON](stream *ssestream.Stream[T]) (any, error) {
	var events []json.RawMessage
	for stream.Next() {
		events = append(events, json.RawMessage(stream.Current().RawJSON()))
	}
	return events, stream.Err()
}

// told is what a program can learn from an error, but for the address.
func told(err error) any {
	var refused *openai.Error
	if errors.As(err, &refused) {
		return map[string]any{"status": refused.StatusCode, "code": refused.Code, "message": refused.Message, "param": refused.Param, "type": refused.Type, "body": refused.RawJSON()}
	}
	return toldByAzure(err)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/ai/azopenai"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
)

// azOpenAI are the calls by Azure's client, which knows the classic paths alone.
func azOpenAI(w world) ([]call, error) {
	options := &azopenai.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: w.http, Retry: policy.RetryOptions{MaxRetries: -1}}}
	var calls []call
	for how, secret := range map[string]string{"key": w.key, "bad key": badKey} {
		c, err := azopenai.NewClientWithKeyCredential(w.base, azcore.NewKeyCredential(secret), options)
		if err != nil {
			return nil, err
		}
		calls = append(calls, azOpenAICalls(how, c, secret == w.key)...)
	}
	for how, token := range map[string]string{"token": w.token, "stranger": w.stranger} {
		c, err := azopenai.NewClient(w.base, fixed(token), options)
		if err != nil {
			return nil, err
		}
		calls = append(calls, azOpenAICalls(how, c, token == w.token)...)
	}
	return sorted(calls), nil
}

// azOpenAICalls are what c can be asked. Who may not call asks only what there
// is: Azure tells anybody that a path does not exist, the gateway only callers
// that it knows.
func azOpenAICalls(how string, c *azopenai.Client, may bool) []call {
	ctx := context.Background()
	ask := func(model string, change ...func(*azopenai.ChatCompletionsOptions)) func() (any, error) {
		return func() (any, error) {
			o := azopenai.ChatCompletionsOptions{DeploymentName: &model, Messages: azMessages(question)}
			for _, c := range change {
				c(&o)
			}
			answer, err := c.GetChatCompletions(ctx, o, nil)
			return answer.ChatCompletions, err
		}
	}
	stream := func(model string, change ...func(*azopenai.ChatCompletionsStreamOptions)) func() (any, error) {
		return func() (any, error) {
			o := azopenai.ChatCompletionsStreamOptions{DeploymentName: &model, Messages: azMessages(question)}
			for _, c := range change {
				c(&o)
			}
			return azStream(c.GetChatCompletionsStream(ctx, o, nil))
		}
	}
	calls := []call{
		{how + ": chat", ask(chatModel)},
		{how + ": tools", ask(chatModel, func(o *azopenai.ChatCompletionsOptions) {
			o.Tools = []azopenai.ChatCompletionsToolDefinitionClassification{&azopenai.ChatCompletionsFunctionToolDefinition{
				Function: &azopenai.ChatCompletionsFunctionToolDefinitionFunction{Name: to.Ptr("weather"), Parameters: []byte(`{"type":"object","properties":{}}`)},
			}}
		})},
		{how + ": JSON mode", ask(chatModel, func(o *azopenai.ChatCompletionsOptions) {
			o.Messages, o.ResponseFormat = azMessages(question+" As JSON."), &azopenai.ChatCompletionsJSONResponseFormat{}
		})},
		{how + ": cut short", ask(chatModel, func(o *azopenai.ChatCompletionsOptions) { o.MaxTokens = to.Ptr[int32](5) })},
		{how + ": stream", stream(chatModel)},
		{how + ": stream with usage", stream(chatModel, func(o *azopenai.ChatCompletionsStreamOptions) {
			o.StreamOptions = &azopenai.ChatCompletionStreamOptions{IncludeUsage: to.Ptr(true)}
		})},
		{how + ": embeddings", func() (any, error) {
			answer, err := c.GetEmbeddings(ctx, azopenai.EmbeddingsOptions{DeploymentName: to.Ptr(embeddingModel), Input: []string{question, "Razor"}}, nil)
			return answer.Embeddings, err
		}},
		{how + ": embeddings in base64", func() (any, error) {
			answer, err := c.GetEmbeddings(ctx, azopenai.EmbeddingsOptions{
				DeploymentName: to.Ptr(embeddingModel), Input: []string{question}, Dimensions: to.Ptr[int32](8), EncodingFormat: to.Ptr(azopenai.EmbeddingEncodingFormatBase64),
			}, nil)
			return answer.Embeddings, err
		}},
	}
	if !may {
		return calls
	}
	return append(calls,
		call{how + ": completions", func() (any, error) {
			answer, err := c.GetCompletions(ctx, azopenai.CompletionsOptions{DeploymentName: to.Ptr(chatModel), Prompt: []string{question}}, nil)
			return answer.Completions, err
		}},
		call{how + ": an image", func() (any, error) {
			answer, err := c.GetImageGenerations(ctx, azopenai.ImageGenerationOptions{DeploymentName: to.Ptr(chatModel), Prompt: to.Ptr(question)}, nil)
			return answer.ImageGenerations, err
		}},
		call{how + ": an unknown deployment", ask("ghost")},
		call{how + ": a deployment that no backend has", ask("no-such-deployment")},
		call{how + ": a deployment for something else", ask(embeddingModel)},
		call{how + ": filtered", ask("filtered")},
		call{how + ": filtered, streamed", stream("filtered")},
		call{how + ": throttled", ask(throttled(how))},
	)
}

func azMessages(text string) []azopenai.ChatRequestMessageClassification {
	return []azopenai.ChatRequestMessageClassification{
		&azopenai.ChatRequestSystemMessage{Content: azopenai.NewChatRequestSystemMessageContent("Answer briefly.")},
		&azopenai.ChatRequestUserMessage{Content: azopenai.NewChatRequestUserMessageContent(text)},
	}
}

func azStream(answer azopenai.GetChatCompletionsStreamResponse, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.ChatCompletionsStream.Close() }()
	var chunks []azopenai.ChatCompletions
	for {
		chunk, err := answer.ChatCompletionsStream.Read()
		if errors.Is(err, io.EOF) {
			return chunks, nil
		}
		if err != nil {
			return nil, fmt.Errorf("after %d chunks: %w", len(chunks), err)
		}
		chunks = append(chunks, chunk)
	}
}

// toldByAzure is what a program can learn from an error of azcore, but for
// the address.
func toldByAzure(err error) any {
	var filtered *azopenai.ContentFilterResponseError
	if errors.As(err, &filtered) {
		return map[string]any{"status": filtered.StatusCode, "code": filtered.ErrorCode, "filter": filtered.ContentFilterResults}
	}
	var refused *azcore.ResponseError
	if errors.As(err, &refused) {
		return map[string]any{"status": refused.StatusCode, "code": refused.ErrorCode}
	}
	return err.Error()
}

// sorted puts calls that came from a map into one order.
func sorted(calls []call) []call {
	slices.SortStableFunc(calls, func(a, b call) int { return strings.Compare(a.name, b.name) })
	return calls
}

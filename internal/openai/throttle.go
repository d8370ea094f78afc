package openai

import (
	"net/http"
	"strconv"
	"time"
)

// Quota is what a 429 says of a limit of one minute; the zero Quota says
// nothing.
type Quota struct{ Limit, Left int64 }

// RequestsLimited is Azure's answer to too many requests. A retry below a
// second counts as one.
func RequestsLimited(retry time.Duration, requests, tokens Quota) Error {
	retry = max(retry, time.Second)
	e := limited("DeploymentRatelimit-Call", "requests", retry, requests, tokens)
	e.Message = "Rate limit is exceeded. Try again in " + strconv.FormatInt(wholeSeconds(retry), 10) + " seconds."
	return e
}

// TokensLimited is Azure's answer to too many tokens, but for the last
// sentence, which sends people to Azure's support for more: the limit is not
// Azure's.
func TokensLimited(route Route, retry time.Duration, requests, tokens Quota) Error {
	retry = max(retry, time.Second)
	e := limited("DeploymentRatelimit-Token", "tokens", retry, requests, tokens)
	version := route.APIVersion
	if version == "" {
		version = string(V1)
	}
	e.Message = "Requests to the " + operationID(route.Operation) + " Operation under Azure OpenAI API version " + version +
		" have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after " +
		strconv.FormatInt(wholeSeconds(retry), 10) + " seconds."
	return e
}

func limited(policy, kind string, retry time.Duration, requests, tokens Quota) Error {
	h := http.Header{}
	h.Set("Policy-Id", policy)
	for _, q := range []struct {
		kind string
		Quota
	}{{"requests", requests}, {"tokens", tokens}} {
		if q.Limit > 0 {
			h.Set("X-Ratelimit-Limit-"+q.kind, strconv.FormatInt(q.Limit, 10))
			h.Set("X-Ratelimit-Remaining-"+q.kind, strconv.FormatInt(q.Left, 10))
			h.Set("X-Ratelimit-Renewalperiod-"+q.kind, "60")
		}
	}
	h.Set("X-Ratelimit-Reset-"+kind, strconv.FormatInt(wholeSeconds(retry), 10))
	return Error{Status: http.StatusTooManyRequests, Code: "429", RetryAfter: retry, Header: h}
}

// operationID is Azure's own name of an operation. Only the first three have
// been seen in a 429; the others follow their pattern.
func operationID(op Operation) string {
	switch op {
	case ChatCompletions:
		return "ChatCompletions_Create"
	case Completions:
		return "Completions_Create"
	case Embeddings:
		return "Embeddings_Create"
	case Responses:
		return "Responses_Create"
	case ImageGenerations, ImageEdits:
		return "ImageGenerations_Create"
	case Speech:
		return "Speech_Create"
	case Transcriptions:
		return "Transcriptions_Create"
	case Translations:
		return "Translations_Create"
	}
	return string(op)
}

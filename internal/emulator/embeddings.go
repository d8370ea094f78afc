package emulator

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
)

// Bounds of an embeddings request. Azure's are 8,192 tokens an input and
// 300,000 in all; our count is an estimate, so that only twice as many are
// surely too many.
const (
	maxInputs      = 2048
	maxInputTokens = 2 * 8192
	maxAllTokens   = 2 * 300_000
)

type embeddingsRequest struct {
	Model          string          `json:"model"`
	Input          json.RawMessage `json:"input"`
	EncodingFormat *string         `json:"encoding_format"`
	Dimensions     *int            `json:"dimensions"`
}

// embeddingInput is one text, or one list of token numbers.
type embeddingInput struct {
	text   string
	tokens []int
}

func (in embeddingInput) count() int {
	if in.tokens != nil {
		return len(in.tokens)
	}
	return countTokens(in.text)
}

type (
	embeddingList struct {
		Object string         `json:"object"`
		Data   []embedding    `json:"data"`
		Model  string         `json:"model"`
		Usage  embeddingUsage `json:"usage"`
	}
	embedding struct {
		Object string `json:"object"`
		Index  int    `json:"index"`
		Vector any    `json:"embedding"` // []float32, or base64 of it
	}
	embeddingUsage struct {
		PromptTokens int `json:"prompt_tokens"`
		TotalTokens  int `json:"total_tokens"`
	}
)

func (f *front) embeddings(w http.ResponseWriter, c *call) *refusal {
	body, refused := readBody(w, c)
	if refused != nil {
		return refused
	}
	var req embeddingsRequest
	if refused := decode(body, &req); refused != nil {
		return refused
	}
	name := c.route.deployment
	if c.v1 {
		name = req.Model
	}
	if refused := deployed(c, name); refused != nil {
		return refused
	}
	inputs, refused := readInputs(req.Input)
	if refused != nil {
		return refused
	}
	dimensions, refused := chooseDimensions(req.Dimensions, c.deployment.model)
	if refused != nil {
		return refused
	}
	encode, refused := chooseEncoding(req.EncodingFormat)
	if refused != nil {
		return refused
	}
	prompt := 0
	for _, in := range inputs {
		prompt += in.count()
	}
	if refused := c.deployment.quota.admit(f.now(), c, prompt, 1); refused != nil {
		return refused
	}
	out := embeddingList{Object: "list", Model: servedName(c.deployment.model, c.deployment.Version)}
	documents := f.corpus()
	for i, in := range inputs {
		if c.Context().Err() != nil {
			return nil // the client left
		}
		vector := documents.embed(in, c.deployment.model.dimensions)
		out.Data = append(out.Data, embedding{"embedding", i, encode(shortenVector(vector, dimensions))})
	}
	out.Usage = embeddingUsage{prompt, prompt}
	f.setModelHeaders(w.Header(), c, out.Usage.TotalTokens)
	writeAnswer(w, out)
	return nil
}

// badInput is what the service says of any input that is not of its shape.
func badInput() *refusal {
	return invalid("", "", "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.")
}

// readInputs takes a string, an array of strings, of token numbers, or of
// arrays of those.
func readInputs(raw json.RawMessage) ([]embeddingInput, *refusal) {
	if !present(raw) {
		return nil, invalid("input", "missing_required_parameter", "Missing required parameter: 'input'.")
	}
	inputs, ok := inputsOf(raw)
	if !ok || len(inputs) == 0 || len(inputs) > maxInputs {
		return nil, badInput()
	}
	all := 0
	for _, in := range inputs {
		n := in.count()
		all += n
		switch {
		case n == 0:
			return nil, badInput()
		case n > maxInputTokens || all > maxAllTokens:
			return nil, invalid("", "", "This model's maximum context length is 8192 tokens, however you requested %d tokens (%d in your prompt; 0 for the completion). Please reduce your prompt; or completion length.", all, all)
		}
	}
	return inputs, nil
}

func inputsOf(raw json.RawMessage) ([]embeddingInput, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []embeddingInput{{text: text}}, true
	}
	var tokens []int
	if json.Unmarshal(raw, &tokens) == nil && len(tokens) > 0 {
		return []embeddingInput{{tokens: tokens}}, validTokens(tokens)
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) > maxInputs {
		return nil, false
	}
	var inputs []embeddingInput
	for _, item := range list {
		var in embeddingInput
		if json.Unmarshal(item, &in.text) != nil {
			if json.Unmarshal(item, &in.tokens) != nil || !validTokens(in.tokens) {
				return nil, false
			}
		} else if string(item) == "null" {
			return nil, false
		}
		inputs = append(inputs, in)
	}
	return inputs, true
}

func validTokens(tokens []int) bool {
	for _, t := range tokens {
		if t < 0 {
			return false
		}
	}
	return len(tokens) > 0
}

func chooseDimensions(asked *int, m model) (int, *refusal) {
	switch {
	case asked == nil:
		return m.dimensions, nil
	case !m.shortens:
		return 0, invalid("", "", "This model does not support specifying dimensions.")
	case *asked < 1:
		return 0, invalid("dimensions", "integer_below_min_value", "Invalid 'dimensions': integer below minimum value. Expected a value >= 1, but got %d instead.", *asked)
	case *asked > m.dimensions:
		return 0, invalid("", "", "Invalid value for 'dimensions' = %d. Must be less than or equal to %d.", *asked, m.dimensions)
	}
	return *asked, nil
}

func chooseEncoding(format *string) (func([]float32) any, *refusal) {
	switch {
	case format == nil || *format == "float":
		return func(v []float32) any { return v }, nil
	case *format == "base64":
		return func(v []float32) any { return base64Vector(v) }, nil
	}
	return nil, invalid("encoding_format", "invalid_value", "Invalid value: '%s'. Supported values are: 'float' and 'base64'.", shorten(*format))
}

// base64Vector is little-endian IEEE 754, four bytes a number, as OpenAI's
// clients ask for by default and decode.
func base64Vector(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// features are what an input is made of, each with its weight.
func (c *corpus) features(in embeddingInput) map[string]float64 {
	features := map[string]float64{}
	for _, t := range in.tokens {
		features[fmt.Sprintf("token %d", t)]++
	}
	for _, w := range words(in.text) {
		rarity := c.rarity(w.stem)
		features["word "+w.stem] += rarity
		padded := "^" + w.stem + "$"
		for i := 0; i+3 <= len(padded); i++ {
			features["gram "+padded[i:i+3]] += gramWeight * rarity / float64(len(padded)-2)
		}
	}
	if len(features) == 0 { // stop words or marks alone: they are all there is
		features["text "+strings.ToLower(in.text)] = 1
	}
	return features
}

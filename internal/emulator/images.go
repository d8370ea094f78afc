package emulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strconv"
	"strings"
)

// maxImages is how many images one call may ask for.
const maxImages = 10

type imageRequest struct {
	Model          string `json:"model"`
	Prompt         string `json:"prompt"`
	N              *int   `json:"n"`
	Size           string `json:"size"`
	ResponseFormat string `json:"response_format"`
}

type (
	imageList struct {
		Created int64         `json:"created"`
		Data    []imageAnswer `json:"data"`
		Usage   *imageUsage   `json:"usage,omitempty"`
	}
	imageAnswer struct {
		Base64        string        `json:"b64_json,omitempty"`
		Filter        answerFilter  `json:"content_filter_results"`
		PromptFilter  promptVerdict `json:"prompt_filter_results"`
		RevisedPrompt string        `json:"revised_prompt,omitempty"`
		URL           string        `json:"url,omitempty"`
	}
	imageUsage struct {
		Input        int `json:"input_tokens"`
		InputDetails struct {
			Image int `json:"image_tokens"`
			Text  int `json:"text_tokens"`
		} `json:"input_tokens_details"`
		Output int `json:"output_tokens"`
		Total  int `json:"total_tokens"`
	}
)

// images draws a pattern that the prompt alone decides. A URL of it is a data
// URL: there is no store of images to fetch from.
func (f *front) images(w http.ResponseWriter, c *call) *refusal {
	body, refused := readBody(w, c)
	if refused != nil {
		return refused
	}
	var req imageRequest
	if refused := decode(body, &req); refused != nil {
		return refused
	}
	if refused := deployed(c, c.named(req.Model)); refused != nil {
		return refused
	}
	count, size, refused := req.check(c.deployment.model)
	if refused != nil {
		return refused
	}
	if refused := c.deployment.quota.admit(f.now(), c, countTokens(req.Prompt), 1); refused != nil {
		return refused
	}
	if v, blocked := judge(req.Prompt); blocked {
		return promptBlocked(v)
	}
	out := imageList{Created: f.now().Unix()}
	for i := range count {
		encoded := base64.StdEncoding.EncodeToString(draw(req.Prompt, i, size))
		one := imageAnswer{Base64: encoded, Filter: answerPasses(), PromptFilter: promptPasses()[0].Verdict}
		if strings.HasPrefix(c.deployment.model.name, "dall-e") {
			one.RevisedPrompt = "A pattern drawn by Ostiary's emulator, which is no image model."
			if req.ResponseFormat != "b64_json" {
				one.Base64, one.URL = "", "data:image/png;base64,"+encoded
			}
		}
		out.Data = append(out.Data, one)
	}
	if !strings.HasPrefix(c.deployment.model.name, "dall-e") {
		u := &imageUsage{Input: countTokens(req.Prompt), Output: 272 * count} // what a small square of gpt-image-1 costs
		u.InputDetails.Text, u.Total = u.Input, u.Input+u.Output
		out.Usage = u
	}
	f.setModelHeaders(w.Header(), c, 0)
	writeAnswer(w, out)
	return nil
}

func (r imageRequest) check(m model) (count int, size image.Point, refused *refusal) {
	if r.Prompt == "" {
		return 0, size, invalid("prompt", "missing_required_parameter", "Missing required parameter: 'prompt'.")
	}
	count = 1
	if r.N != nil {
		count = *r.N
	}
	if count < 1 || count > maxImages || count > 1 && m.name == "dall-e-3" {
		return 0, size, invalid("n", "invalid_value", "Invalid 'n': %d images cannot be asked for of this model.", count)
	}
	switch r.Size {
	case "", "auto", "1024x1024":
		size = image.Pt(1024, 1024)
	case "1536x1024", "1792x1024":
		size = image.Pt(1536, 1024)
	case "1024x1536", "1024x1792":
		size = image.Pt(1024, 1536)
	default:
		return 0, size, invalid("size", "invalid_value", "Invalid value: '%s'. Supported values are: '1024x1024', '1024x1536', '1536x1024', '1024x1792', '1792x1024', and 'auto'.", shorten(r.Size))
	}
	if len(r.Size) == 9 && strings.Contains(r.Size, "1792") {
		size = image.Pt(max(1024, size.X/1536*1792), max(1024, size.Y/1536*1792))
	}
	return count, size, nil
}

// draw makes a PNG of eight by eight fields in two colours, mirrored, by a hash
// of prompt and number.
func draw(prompt string, number int, size image.Point) []byte {
	sum := sha256.Sum256([]byte(strconv.Itoa(number) + " " + prompt))
	ink := color.RGBA{sum[29], sum[30], sum[31], 255}
	picture := image.NewPaletted(image.Rectangle{Max: size}, color.Palette{color.White, ink})
	for y := range size.Y {
		for x := range size.X {
			column := 8 * x / size.X
			field := 8*(8*y/size.Y) + min(column, 7-column)
			picture.Pix[y*picture.Stride+x] = sum[field/8] >> (field % 8) & 1
		}
	}
	var out bytes.Buffer
	_ = png.Encode(&out, picture) // a buffer never fails, and the picture is ours
	return out.Bytes()
}

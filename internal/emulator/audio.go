package emulator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Bounds and form of sound.
const (
	maxRecording  = 25 << 20 // bytes, as Azure has it
	maxAudioField = 64 << 10 // of a form
	sampleRate    = 24_000   // as OpenAI's pcm
	beep          = 200 * time.Millisecond
	maxSpoken     = 4096 // characters of a text to speak
)

type speechRequest struct {
	Model  string `json:"model"`
	Input  string `json:"input"`
	Voice  any    `json:"voice"`
	Format string `json:"response_format"`
}

// speech answers with a short tone whose pitch the text decides. It has WAV and
// raw samples alone: Azure's default, MP3, would need an encoder.
func (f *front) speech(w http.ResponseWriter, c *call) *refusal {
	body, refused := readBody(w, c)
	if refused != nil {
		return refused
	}
	var req speechRequest
	if refused := decode(body, &req); refused != nil {
		return refused
	}
	if refused := deployed(c, c.named(req.Model)); refused != nil {
		return refused
	}
	switch {
	case req.Input == "" || len([]rune(req.Input)) > maxSpoken:
		return invalid("input", "", "Invalid 'input': expected a string of 1 to %d characters.", maxSpoken)
	case req.Voice == nil:
		return invalid("voice", "missing_required_parameter", "Missing required parameter: 'voice'.")
	}
	sound, kind := tone(req.Input), "audio/pcm"
	switch req.Format {
	case "", "wav":
		sound, kind = append(wavHeader(len(sound)), sound...), "audio/wav"
	case "pcm":
	default:
		return invalid("response_format", "unsupported_value", "Unsupported value: Ostiary's emulator speaks 'wav' and 'pcm' alone, not '%s'.", shorten(req.Format))
	}
	if refused := c.deployment.quota.admit(f.now(), c, countTokens(req.Input), 1); refused != nil {
		return refused
	}
	f.setModelHeaders(w.Header(), c, 0)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(sound)))
	_, _ = w.Write(sound) // a client that left needs no answer
	return nil
}

// tone is signed 16-bit samples of one channel.
func tone(text string) []byte {
	pitch := 220 * math.Exp2(float64(countTokens(text)%24)/12)
	n := int(beep.Seconds() * sampleRate)
	out := make([]byte, 0, 2*n)
	for i := range n {
		fade := math.Sin(math.Pi * float64(i) / float64(n))
		sample := 8000 * fade * math.Sin(2*math.Pi*pitch*float64(i)/sampleRate)
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(sample))) //nolint:gosec // two's complement is what WAV wants
	}
	return out
}

// wavHeader is RIFF's for n bytes of such samples.
func wavHeader(n int) []byte {
	h := []byte("RIFF")
	h = binary.LittleEndian.AppendUint32(h, uint32(36+n)) //nolint:gosec // n is beep's
	h = append(h, "WAVEfmt "...)
	h = binary.LittleEndian.AppendUint32(h, 16)
	for _, v := range []uint16{1, 1} { // PCM, one channel
		h = binary.LittleEndian.AppendUint16(h, v)
	}
	h = binary.LittleEndian.AppendUint32(h, sampleRate)
	h = binary.LittleEndian.AppendUint32(h, 2*sampleRate)
	for _, v := range []uint16{2, 16} { // bytes a frame, bits a sample
		h = binary.LittleEndian.AppendUint16(h, v)
	}
	h = append(h, "data"...)
	return binary.LittleEndian.AppendUint32(h, uint32(n)) //nolint:gosec // as above
}

// recording is what a transcription's form holds.
type recording struct {
	model, format string
	size          int64
	given         bool
}

// transcription reads the form and says plainly that nobody listened.
func (f *front) transcription(w http.ResponseWriter, c *call) *refusal {
	r, refused := readRecording(w, c)
	if refused != nil {
		return refused
	}
	if refused := deployed(c, c.named(r.model)); refused != nil {
		return refused
	}
	if !r.given {
		return invalid("file", "missing_required_parameter", "Missing required parameter: 'file'.")
	}
	switch r.format {
	case "", "json", "verbose_json", "text":
	default:
		return invalid("response_format", "unsupported_value", "Unsupported value: Ostiary's emulator writes 'json', 'verbose_json' and 'text' alone, not '%s'.", shorten(r.format))
	}
	text := fmt.Sprintf("This is Ostiary's emulator, not a language model. It does not listen; the recording had %d bytes.", r.size)
	if refused := c.deployment.quota.admit(f.now(), c, 0, countTokens(text)); refused != nil {
		return refused
	}
	f.setModelHeaders(w.Header(), c, 0)
	switch r.format {
	default:
		writeAnswer(w, struct {
			Text string `json:"text"`
		}{text})
	case "verbose_json":
		writeAnswer(w, struct {
			Task     string     `json:"task"`
			Language string     `json:"language"`
			Duration float64    `json:"duration"`
			Text     string     `json:"text"`
			Segments []struct{} `json:"segments"`
		}{map[bool]string{true: "translate", false: "transcribe"}[c.operation == opTranslation], "english", 0, text, []struct{}{}})
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, text+"\n")
	}
	return nil
}

func readRecording(w http.ResponseWriter, c *call) (r recording, refused *refusal) {
	c.Body = http.MaxBytesReader(w, c.Body, maxRecording+8*maxAudioField)
	form, err := c.MultipartReader()
	if err != nil {
		return r, invalid("", "", "Could not parse multipart form")
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return r, badForm(err)
		}
		if part.FormName() == "file" {
			r.given = true
			r.size, err = io.Copy(io.Discard, part)
			if r.size > maxRecording {
				return r, bodyTooLarge()
			}
		} else {
			var value bytes.Buffer
			if _, err = io.Copy(&value, io.LimitReader(part, maxAudioField)); err == nil {
				switch part.FormName() {
				case "model":
					r.model = value.String()
				case "response_format":
					r.format = value.String()
				}
			}
		}
		if err != nil {
			return r, badForm(err)
		}
	}
}

func badForm(err error) *refusal {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return bodyTooLarge()
	}
	return invalid("", "", "Could not parse multipart form")
}

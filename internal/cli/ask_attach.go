package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/internal/fault"
)

const (
	maxAttachment = 16 << 20 // bytes of one file
	maxAttached   = 32 << 20 // bytes of all files together
)

// part is a piece of a message that is more than text.
type part struct {
	Type  string    `json:"type"`
	Text  string    `json:"text,omitempty"`
	Image *imageURL `json:"image_url,omitempty"`
}

type imageURL struct {
	URL string `json:"url"`
}

// attach makes a message of a question and files: one text, or parts where a
// file is a picture.
func attach(text string, files []string) (any, error) {
	var texts []string
	var images []part
	total := 0
	for _, path := range files {
		data, err := readAttachment(path)
		if err != nil {
			return nil, err
		}
		if total += len(data); total > maxAttached {
			return nil, fault.New(fault.TooLarge, "the files together are over 32 MiB").At(path).Fix("add fewer")
		}
		if kind := http.DetectContentType(data); slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, kind) {
			images = append(images, part{Type: "image_url", Image: &imageURL{"data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)}})
			continue
		}
		content, err := asText(path, data)
		if err != nil {
			return nil, err
		}
		texts = append(texts, fmt.Sprintf("File %s:\n\n%s", filepath.Base(path), content))
	}
	if text != "" {
		texts = append(texts, text)
	}
	whole := strings.Join(texts, "\n\n")
	if len(images) == 0 {
		return whole, nil
	}
	return append([]part{{Type: "text", Text: whole}}, images...), nil
}

func readAttachment(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the file").At(path).Because(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxAttachment+1))
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the file").At(path).Because(err)
	}
	if len(data) > maxAttachment {
		return nil, fault.New(fault.TooLarge, "the file is over 16 MiB").At(path).Fix("add a part of it")
	}
	return data, nil
}

func asText(name string, data []byte) (string, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return "", fault.New(fault.Invalid, "neither text in UTF-8 nor a picture").At(name).Fix("convert it to text first")
	}
	return string(data), nil
}

// writeLine writes v as one line of JSON.
func writeLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

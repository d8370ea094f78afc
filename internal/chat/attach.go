package chat

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is sent along with a question.
const (
	textFile     = "text/plain"
	maxFiles     = 8
	maxTextFile  = 256 << 10
	maxImageFile = 5 << 20
	maxName      = 120 // bytes of a file's name
)

// misuse is something that a person can mend: a key of the texts, and what to
// put into it.
type misuse struct {
	status int
	key    string
	args   []any
}

func (m *misuse) Error() string { return m.key }

func bad(status int, key string, args ...any) *misuse { return &misuse{status, key, args} }

// attach judges a file by what it holds; what a browser says of it counts for
// nothing.
func attach(name string, data []byte, images bool) (File, error) {
	f := File{Name: plainName(name), Data: data, Size: int64(len(data))}
	kind, _, _ := strings.Cut(http.DetectContentType(data), ";")
	switch kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		f.Type = kind
		if !images {
			return f, bad(http.StatusUnsupportedMediaType, "file-no-images", f.Name)
		}
		if len(data) > maxImageFile {
			return f, bad(http.StatusRequestEntityTooLarge, "file-large", f.Name, bytesText(maxImageFile))
		}
		return f, nil
	}
	f.Type = textFile
	switch {
	case len(data) == 0:
		return f, bad(http.StatusBadRequest, "file-empty", f.Name)
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		return f, bad(http.StatusUnsupportedMediaType, "file-kind", f.Name)
	case len(data) > maxTextFile:
		return f, bad(http.StatusRequestEntityTooLarge, "file-large", f.Name, bytesText(maxTextFile))
	}
	return f, nil
}

// plainName is the last part of a name, without what cannot be read.
func plainName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune("\"<>|:*?", r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if name == "." || name == "/" || name == "" {
		return "file"
	}
	return clip(name, maxName)
}

func bytesText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%.3g MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (n+1023)>>10)
}

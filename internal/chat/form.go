package chat

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// form is what the composer sends.
type form struct {
	text        string
	model       string
	system      string
	temperature *float64
	from        int64 // edit: the message that this takes the place of
	again       int64 // the answer to have once more
	names       []string
	data        [][]byte
}

// readForm reads a multipart body of bounded size. A slow line has two minutes.
func readForm(w http.ResponseWriter, r *http.Request) (f form, err error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(uploadTime)) // a recorder in a test has none
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return f, bad(http.StatusUnsupportedMediaType, "broken")
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	for range 40 {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, readFailed(err)
		}
		if err := f.take(part); err != nil {
			return f, err
		}
	}
	return f, bad(http.StatusRequestEntityTooLarge, "files-many", maxFiles)
}

func readFailed(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return bad(http.StatusRequestEntityTooLarge, "upload-large", bytesText(maxUpload))
	}
	return bad(http.StatusBadRequest, "upload-cut")
}

// take reads one field. Fields that are not known are dropped.
func (f *form) take(part *multipart.Part) error {
	data, err := io.ReadAll(io.LimitReader(part, maxUpload))
	if err != nil {
		return readFailed(err)
	}
	text := string(data)
	switch part.FormName() {
	case "text":
		f.text = strings.ReplaceAll(text, "\r\n", "\n") // as forms write line ends
	case "system":
		f.system = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	case "model":
		f.model = text
	case "temperature":
		return f.takeTemperature(text)
	case "from":
		f.from, _ = strconv.ParseInt(text, 10, 64) // what is none replaces nothing
	case "again":
		f.again, _ = strconv.ParseInt(text, 10, 64)
	case "files":
		if part.FileName() != "" {
			f.names, f.data = append(f.names, part.FileName()), append(f.data, data)
		}
	}
	return nil
}

func (f *form) takeTemperature(text string) error {
	if text == "" {
		return nil
	}
	t, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", "."), 64)
	if err != nil || !(t >= 0 && t <= 2) {
		return bad(http.StatusBadRequest, "temperature-range")
	}
	f.temperature = &t
	return nil
}

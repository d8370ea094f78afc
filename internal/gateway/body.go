package gateway

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/openai"
)

// checkType holds the body to what will be read of it: a backend that decodes
// another character set, or decompresses, would see another body than policy.
func (c *call) checkType() *refusal {
	unsupported := func(message string) *refusal {
		return &refusal{openai.Error{Status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaType", Message: message}, message}
	}
	if coding := c.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return unsupported("The request body must not be compressed.")
	}
	if len(c.r.Header.Values("Content-Type")) > 1 {
		return unsupported("The request must have one Content-Type.")
	}
	media, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	charset, given := params["charset"]
	if err != nil || media != string(c.target.Body) || given && !strings.EqualFold(charset, "utf-8") {
		return unsupported("The Content-Type of this operation is " + string(c.target.Body) + ".")
	}
	return nil
}

// buffer reads the body into memory, after reserving room for it. A body of
// unknown length reserves the largest, and gives back what it did not need:
// room is taken once, so that callers cannot wait for each other in a circle.
func (c *call) buffer() *refusal {
	limit := c.g.cfg.MaxBody
	tooLarge := &refusal{openai.Error{
		Status: http.StatusRequestEntityTooLarge, Code: "RequestTooLarge", Message: "The request body is too large.",
	}, "the request body is over the limit"}
	size := c.r.ContentLength
	if size > limit {
		return tooLarge
	}
	if size < 0 {
		size = limit
	}
	if !c.reserve(size) {
		return busy("the gateway holds as many request bodies as it may", time.Second)
	}
	c.budgeted = size
	body, err := c.read(limit)
	switch {
	case errors.Is(err, errTooLarge):
		return tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.w.Header().Set("Connection", "close")
		return &refusal{openai.Error{Status: http.StatusRequestTimeout, Code: "Timeout", Message: "The request body did not arrive."}, "the request body stopped arriving"}
	case err != nil:
		return invalid("the request body did not arrive whole")
	}
	c.body = body
	c.g.budget.Release(c.budgeted - int64(len(body)))
	c.budgeted = int64(len(body))
	return nil
}

// reserve waits for room, if there is none at once.
func (c *call) reserve(size int64) bool {
	if c.g.budget.TryAcquire(size) {
		return true
	}
	wait, cancel := context.WithTimeout(c.r.Context(), c.g.cfg.BudgetWait)
	defer cancel()
	return c.g.budget.Acquire(wait, size) == nil
}

var errTooLarge = errors.New("over the limit")

// read takes the body; each piece of it may take BodyStall to come. A byte now
// and then is none: it would hold memory for as long as its sender likes.
func (c *call) read(limit int64) ([]byte, error) {
	control := http.NewResponseController(c.w)
	from := &stallReader{c: c, control: control}
	var all []byte
	var err error
	if n := c.r.ContentLength; n >= 0 {
		all = make([]byte, n) // at most limit
		_, err = io.ReadFull(from, all)
	} else {
		all, err = io.ReadAll(io.LimitReader(from, limit+1))
	}
	if err != nil {
		return nil, err
	}
	if int64(len(all)) > limit {
		return nil, errTooLarge
	}
	// Without this the deadline would later look like a client that left.
	_ = control.SetReadDeadline(time.Time{})
	return all, nil
}

type stallReader struct {
	c       *call
	control *http.ResponseController
	piece   int // bytes that must come before the deadline moves
}

// bodyPiece is what counts as progress, in bytes.
const bodyPiece = 1 << 10

func (s *stallReader) Read(p []byte) (int, error) {
	if s.piece <= 0 {
		s.piece = bodyPiece
		_ = s.control.SetReadDeadline(time.Now().Add(s.c.g.cfg.BodyStall)) // a writer that knows no deadlines has none
	}
	n, err := s.c.r.Body.Read(p)
	s.piece -= n
	return n, err
}

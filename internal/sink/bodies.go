package sink

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// BodyMode says what an entry holds of the bodies that the log keeps.
type BodyMode string

// Nothing; as they lie in the log, for auditors alone; or in clear.
const (
	BodiesNone   BodyMode = "none" // the default
	BodiesSealed BodyMode = "sealed"
	BodiesClear  BodyMode = "clear"

	// bodiesGone is in Entry.Bodies where a body should be and is not.
	bodiesGone = "unreadable"
)

// Bodies opens the bodies that a log keeps, as its writer can: a
// *ledger.Ledger.
type Bodies interface {
	OpenPieces(payloads [][]byte) ([]byte, error)
}

// opener makes a body of its pieces.
type opener func(payloads [][]byte) ([]byte, error)

// sealedText is a sealed body in an entry: its pieces, each as base64 on a
// line. Together with the ledger's keys an auditor can open it.
func sealedText(payloads [][]byte) ([]byte, error) {
	lines := make([]string, len(payloads))
	for i, p := range payloads {
		lines[i] = base64.StdEncoding.EncodeToString(p)
	}
	return []byte(strings.Join(lines, "\n")), nil
}

// Unseal puts in clear what sealedText made; open is ledger.OpenPieces. A body
// that does not open is left out, with the first error.
func (e *Entry) Unseal(open func(payloads [][]byte) ([]byte, error)) error {
	if e.Bodies != string(BodiesSealed) {
		return nil
	}
	var first error
	e.Bodies = string(BodiesClear)
	for _, body := range []*Text{&e.RequestBody, &e.ResponseBody} {
		clear, err := unseal(*body, open)
		if err != nil && first == nil {
			first, e.Bodies = err, bodiesGone
		}
		*body = clear
	}
	return first
}

func unseal(text Text, open opener) (Text, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var payloads [][]byte
	for line := range strings.SplitSeq(string(text), "\n") {
		p, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, fault.New(fault.Invalid, "not a sealed body").Because(err)
		}
		payloads = append(payloads, p)
	}
	return open(payloads)
}

// maxBody bounds the pieces of one call in an entry, in bytes.
const maxBody = 192 << 20

var errTooLarge = errors.New("the bodies of a call are over 192 MiB")

// attach puts the bodies into an entry. What cannot be opened is left out: a
// call is worth more than its body, and the log keeps both.
func (s *Shipper) attach(ctx context.Context, w *whole) {
	if s.cfg.Bodies == BodiesNone {
		return
	}
	open := opener(sealedText)
	if s.cfg.Bodies == BodiesClear {
		open = s.cfg.Source.Bodies.OpenPieces
	}
	if err := w.open(ctx, s.cfg.Source.Directory, string(s.cfg.Bodies), open); err != nil {
		s.metrics.unreadable.Inc()
		s.cfg.Logger.Warn("the bodies of a call cannot be delivered; the call is", "call", w.ID, "error", err)
	}
}

// open fills in the bodies that the records promise.
func (w *whole) open(ctx context.Context, dir, mode string, open opener) error {
	if w.requestPieces+w.responsePieces == 0 {
		return nil
	}
	w.Bodies = bodiesGone
	if len(w.request) < w.requestPieces || len(w.response) < w.responsePieces {
		if err := w.reread(ctx, dir); err != nil {
			return err
		}
	}
	var request, response []byte
	var err error
	if w.requestPieces > 0 {
		if request, err = open(w.request); err != nil {
			return err
		}
	}
	if w.responsePieces > 0 {
		if response, err = open(w.response); err != nil {
			return err
		}
	}
	w.RequestBody, w.ResponseBody, w.Bodies = request, response, mode
	return nil
}

var errEnough = errors.New("enough read")

// reread collects the pieces from the log once more.
func (w *whole) reread(ctx context.Context, dir string) error {
	first, last := w.Intent, w.Index
	if w.dropped || len(w.request)+len(w.response) > 0 {
		first = min(first, w.bodies.first)
	}
	w.request, w.response = nil, nil
	bytes := 0
	err := ledger.ReadItems(dir, first, func(it ledger.Item) error {
		switch {
		case it.Index >= last:
			return errEnough
		case ctx.Err() != nil:
			return ctx.Err()
		case it.Piece == nil || it.Piece.ID != w.ID:
			return nil
		case it.Piece.Part == ledger.Request:
			w.request = append(w.request, it.Piece.Payload)
		default:
			w.response = append(w.response, it.Piece.Payload)
		}
		if bytes += len(it.Piece.Payload); bytes > maxBody {
			return errTooLarge
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

package authority

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// Log is the tamper-evident log of what was signed.
type Log interface {
	// Append returns once the records are durable.
	Append(ctx context.Context, payloads ...[]byte) (last uint64, err error)
	// Each gives visit every record from the first on, in order.
	Each(visit func(index uint64, payload []byte) error) error
	Close() error
}

// directoryLog is the log in an authority's directory.
type directoryLog struct {
	*ledger.Log
	dir string
}

// OpenIssuance opens the log in an authority's directory, or begins it.
func OpenIssuance(directory string, logger *slog.Logger) (Log, error) {
	dir := filepath.Join(directory, "issuance")
	l, err := ledger.OpenLog(ledger.LogConfig{Directory: dir, Logger: logger})
	if err != nil {
		return nil, err
	}
	return directoryLog{l, dir}, nil
}

func (l directoryLog) Each(visit func(uint64, []byte) error) error {
	return ledger.ReadLog(l.dir, 0, visit)
}

func appendTo(ctx context.Context, l Log, payloads ...[]byte) error {
	if _, err := l.Append(ctx, payloads...); err != nil {
		return fault.New(fault.Unavailable, "the issuance log cannot be written, so nothing is signed").Because(err)
	}
	return nil
}

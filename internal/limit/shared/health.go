package shared

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	maxFailed = 3 // failures in a row, then nobody waits for the server until it is back

	probeWell = 5 * time.Second
	probeIll  = 500 * time.Millisecond
)

// Why a server did not count; labels of a metric.
const (
	becauseTimeout     = "timeout"
	becauseUnreachable = "unreachable"
	becauseCertificate = "certificate"
	becauseLogin       = "login"
	becauseRefused     = "refused" // it answered with another error
	becauseAnswer      = "answer"  // it answered what is no answer
)

// health is what is known of the server.
type health struct {
	mu     sync.Mutex
	failed int  // in a row
	well   bool // it has counted since it last failed for good
	since  time.Time
	reason string
}

// serves says whether to ask at all.
func (h *health) serves() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed < maxFailed
}

// failing says whether the last question failed.
func (h *health) failing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed > 0
}

// note takes what came of a question, and says whether the state has changed.
func (h *health) note(reason string, now time.Time) (changed, well bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if reason == "" {
		changed = !h.well
		h.failed, h.well, h.reason = 0, true, ""
	} else {
		h.failed = min(h.failed+1, maxFailed)
		h.reason = reason
		changed = h.failed == maxFailed && (h.well || h.since.IsZero())
		if changed {
			h.well = false
		}
	}
	if changed {
		h.since = now
	}
	return changed, h.well
}

// noted takes note of a question's end.
func (s *Store) noted(err error) {
	reason := because(err)
	if reason != "" {
		s.metrics.failures.WithLabelValues(reason).Inc()
	}
	changed, well := s.health.note(reason, s.cfg.Now())
	switch {
	case !changed:
	case well:
		s.cfg.Logger.Info("the shared limits are counted", "redis", s.cfg.address())
		s.nudge()
	default:
		s.cfg.Logger.Warn("the shared limits cannot be counted", "redis", s.cfg.address(),
			"reason", reason, "code", code(err), slog.String("on_failure", string(s.cfg.OnFailure)))
	}
}

// because sorts failures; empty for none. The texts of a server are not passed
// on: Redis repeats what it was sent, a password too.
func because(err error) string {
	var refused redis.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errNoToken):
		return becauseLogin
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout):
		return becauseTimeout
	case errors.As(err, &refused):
		switch code(err) {
		case "WRONGPASS", "NOAUTH", "NOPERM":
			return becauseLogin
		}
		return becauseRefused
	case isCertificate(err):
		return becauseCertificate
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return becauseTimeout
	}
	if network != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, redis.ErrClosed) {
		return becauseUnreachable
	}
	return becauseAnswer
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var host x509.HostnameError
	var header tls.RecordHeaderError
	return errors.As(err, &verification) || errors.As(err, &host) || errors.As(err, &header)
}

// code is the first word of a server's error where that is one of Redis's codes:
// capitals and nothing else.
func code(err error) string {
	var refused redis.Error
	if !errors.As(err, &refused) {
		return ""
	}
	word, _, _ := strings.Cut(refused.Error(), " ")
	if len(word) > 20 || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return word
}

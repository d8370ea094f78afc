package httpd

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
)

func cutUnix(address string) (string, bool) { return strings.CutPrefix(address, "unix:") }

// listenUnix makes a socket with mode 0600. A socket left by a process that
// has died is replaced; one that answers is not.
func listenUnix(path string) (net.Listener, error) {
	refused := fault.New(fault.Unavailable, "cannot listen").At("unix:" + path)
	if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "unix", path); err == nil {
		_ = conn.Close()
		return nil, refused.Fix("another process serves this socket; stop it first")
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		_ = os.Remove(path)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, refused.Because(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// UnixClient speaks HTTP over a Unix socket; the host of its URLs is ignored.
func UnixClient(path string) *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			},
		},
	}
}

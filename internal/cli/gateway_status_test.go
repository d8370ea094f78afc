package cli

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/gateway"
	"github.com/ostiary/ostiary/internal/limit/shared"
)

// TestPrintShared: a status says how the Redis of shared limits is, where there
// is one.
func TestPrintShared(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	for want, s := range map[string]*shared.Status{
		"":                                     nil,
		"r:1 not asked yet; on failure refuse": {Address: "r:1", OnFailure: shared.Refuse},
		"r:1 up since 2026-01-02 03:04:05; on failure alone":             {Address: "r:1", Up: true, Since: at, OnFailure: shared.Alone},
		"r:1 up since 2026-01-02 03:04:05, timeout; on failure refuse":   {Address: "r:1", Up: true, Since: at, Reason: "timeout", OnFailure: shared.Refuse},
		"r:1 down since 2026-01-02 03:04:05, timeout; on failure refuse": {Address: "r:1", Since: at, Reason: "timeout", OnFailure: shared.Refuse},
	} {
		var out strings.Builder
		if err := printGateway(&out, gateway.Status{Ready: "yes", Shared: s}); err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`(?m)^shared limits +(.*)$`).FindStringSubmatch(out.String())
		if got := strings.Join(line, "\n"); want == "" && got != "" || want != "" && !strings.HasSuffix(got, "\n"+want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package gateway

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/ledger"
)

// TestStreamsCutByClients: clients leave at random points of their streams, and
// each time the backend's work is ended, an outcome with what was used until
// then is recorded, and nothing is left running. OSTIARY_TORTURE=1 cuts 1,000
// streams, else it is 100.
func TestStreamsCutByClients(t *testing.T) {
	streams := 100
	if os.Getenv("OSTIARY_TORTURE") != "" {
		streams = 1000
	}
	const event = "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}],\"model\":\"gpt-4o-2024\",\"usage\":null}\n\n"
	var began, cancelled atomic.Int64
	r := newRig(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		began.Add(1)
		w.Header().Set("Content-Type", "text/event-stream")
		for req.Context().Err() == nil { // an endless answer: only its client's leaving ends it
			_, _ = io.WriteString(w, event)
			_ = http.NewResponseController(w).Flush()
		}
		cancelled.Add(1)
	})
	r.book.completed = make(chan struct{}, streams)
	before := runtime.NumGoroutine()
	client := &http.Transport{}
	var wg sync.WaitGroup
	read := make([]int64, streams) // bytes that each client saw
	for i := range streams {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			resp, err := client.RoundTrip(r.request("POST", chatPath, `{"stream":true,"messages":[{"content":"12345678"}]}`).WithContext(ctx))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			read[i], _ = io.CopyN(io.Discard, resp.Body, random.Int64N(20000))
			leave()
		})
		if i%50 == 49 {
			wg.Wait()
		}
	}
	wg.Wait()
	for range streams {
		<-r.book.completed
	}
	client.CloseIdleConnections()
	r.server.Close()
	r.upstream.Close() // waits for its handlers
	if began.Load() != int64(streams) || cancelled.Load() != int64(streams) {
		t.Errorf("%d calls reached the backend, %d of them were cancelled", began.Load(), cancelled.Load())
	}
	sent := int64(len(strings.Replace(event, `,"usage":null`, "", 1)))
	for _, res := range r.book.results {
		// What was sent is whole events, each with two tokens by estimate. More may
		// have been read of the backend than went to the client.
		if u := res.Usage; res.Aborted != clientLeft || res.Status != 200 || !u.Estimated || u.Prompt != 2 || u.Total != u.Prompt+u.Completion || u.Completion < 2*(res.Response.Bytes/sent) || res.Response.Bytes%sent != 0 {
			t.Errorf("%+v", res)
		}
	}
	if len(r.book.results) != streams {
		t.Errorf("%d outcomes", len(r.book.results))
	}
	var seen, recorded int64
	for i := range read {
		seen += read[i]
		recorded += r.book.results[i].Response.Bytes
	}
	if recorded < seen {
		t.Errorf("clients saw %d bytes, recorded are %d", seen, recorded)
	}
	if kept := r.limbo(before); kept != "" {
		t.Errorf("goroutines are left:\n%s", kept)
	}
	r.verifyLedger(streams)
	if n := countIntents(t, r); n != streams {
		t.Errorf("%d intents", n)
	}
}

// limbo waits until no more goroutines run than before, and gives the stacks of
// those that stay.
func (r *rig) limbo(before int) string {
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return ""
		}
		time.Sleep(20 * time.Millisecond) // connections that were closed take a moment to notice
	}
	stacks := make([]byte, 1<<20)
	return string(stacks[:runtime.Stack(stacks, true)])
}

func countIntents(t *testing.T, r *rig) (n int) {
	t.Helper()
	for _, kind := range r.book.kinds {
		if kind == ledger.Intent {
			n++
		}
	}
	return n
}

package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/ledger"
)

// noDisk commits and records nothing, to measure the gateway without a disk.
type noDisk struct{ *ledger.Ledger }

func (noDisk) Intent(context.Context, string, ledger.Call) error                 { return nil }
func (noDisk) Outcome(context.Context, string, ledger.Result) error              { return nil }
func (noDisk) Refusal(context.Context, string, ledger.Call, ledger.Result) error { return nil }

// BenchmarkCall compares a whole call (484 B up, 1,535 B down) and a stream of
// 200 events through the gateway, with and without a durable ledger, with
// httputil.ReverseProxy, each in front of the same server on loopback.
func BenchmarkCall(b *testing.B) {
	request := chatBody[:len(chatBody)-1] + strings.Repeat(" ", 484-len(chatBody)) + "}"
	answer := chatAnswer + strings.Repeat(" ", 1535-len(chatAnswer))
	event := "data: {\"choices\":[{\"delta\":{\"content\":\" word\"},\"finish_reason\":null,\"index\":0}],\"id\":\"chatcmpl-x\",\"model\":\"gpt-4o-2024\"}\n\n"
	events := make([]string, 200, 201)
	for i := range events {
		events[i] = event
	}
	stubs := map[string]http.HandlerFunc{
		"whole": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, answer)
		},
		"stream": streamed(append(events, chatDone)...),
	}
	for _, shape := range []string{"whole", "stream"} {
		r := newRig(b, stubs[shape], func(c *Config) { c.Logger = nil })
		r.book.completed = make(chan struct{}, 1<<20)
		target, err := url.Parse(r.upstream.URL)
		if err != nil {
			b.Fatal(err)
		}
		proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }})
		defer proxy.Close()
		bare := newRig(b, stubs[shape], func(c *Config) { c.Ledger, c.Logger = noDisk{c.Ledger.(*book).Ledger}, nil })
		durable := newRig(b, stubs[shape], func(c *Config) { c.Ledger, c.Logger = c.Ledger.(*book).Ledger, nil })
		for name, where := range map[string]*rig{"reverseproxy": {server: proxy, key: "x"}, "gateway-nodisk": bare, "gateway-durable": durable} {
			where.t = b
			b.Run(shape+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					client := &http.Transport{DisableCompression: true}
					defer client.CloseIdleConnections()
					for pb.Next() {
						resp, err := client.RoundTrip(where.request("POST", chatPath, request))
						if err != nil {
							b.Error(err)
							return
						}
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
				})
			})
		}
	}
}

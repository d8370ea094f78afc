package e2e

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/portal"
)

// TestSilenceOnTheWire holds a connection through a whole portal on which
// nobody says a word for ten minutes of real time (seconds in the short form):
// it is there afterwards, and so is the session that carried it.
func TestSilenceOnTheWire(t *testing.T) {
	silence := time.Duration(rounds(2, 600)) * time.Second
	p := found(t, "demo", nil)
	ln := listen(t)
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	out, me := p.join(pki.Outlet, "owner", service("openai")), p.join(pki.Inlet, "consumer", service("openai"))
	p.outlet(out, ln.Addr().String(), portal.Rule{Member: me.ID()})
	conn, err := net.Dial("tcp", p.inlet(portal.InletConfig{Credentials: me, Outlet: out.ID()}, true))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(word string) {
		t.Helper()
		if _, err := io.WriteString(conn, word); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(word))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != word {
			t.Fatalf("%q came back as %q, %v", word, got, err)
		}
	}
	say("before")
	time.Sleep(silence)
	say("after")
}

package channel

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Ten minutes in which no stream says anything: pings keep the session, and
// what NATs know of it; nothing is lost after.
func TestTenMinutesOfSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		in, out := NewInlet(a, outletID, SessionConfig{}), NewOutlet(b, inletID, SessionConfig{})
		st, err := in.Open("openai")
		if err != nil {
			t.Fatal(err)
		}
		other, err := out.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if in.Err() != nil || out.Err() != nil {
			t.Fatalf("the session ended: %v, %v", in.Err(), out.Err())
		}
		go func() { _, _ = other.Write([]byte("still here")); _ = other.CloseWrite() }()
		if got, err := io.ReadAll(st); string(got) != "still here" || err != nil {
			t.Errorf("after the silence: %q, %v", got, err)
		}
		in.Close()
		out.Close()
		_, _ = a.Close(), b.Close()
	})
}

// A peer whose machine stands still: the transport takes what is sent, and
// nothing comes back. The stated time is three times the time between pings.
func TestFrozenPeerIsFoundInTheStatedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, every := range []time.Duration{0, time.Second, time.Minute} {
			a, b := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, b) }()
			start := time.Now()
			s := NewInlet(a, outletID, SessionConfig{PingEvery: every})
			st, err := s.Open("openai")
			if err != nil {
				t.Fatal(err)
			}
			s.Freshen()
			time.Sleep(1500 * time.Millisecond)
			if s.Err() == nil && s.Stats().Overdue < time.Second {
				t.Errorf("every %s: nothing suspected after 1.5 s", every)
			}
			_, err = st.Read(make([]byte, 1))
			if every == 0 {
				every = PingEvery
			}
			if took := time.Since(start); err == nil || took > 3*every {
				t.Errorf("every %s: found after %s, %v", every, took, err)
			}
			_ = b.Close()
		}
	})
}

// Whoever keeps the session of an expired certificate opens nothing by it, and
// what was open has an hour.
func TestExpiredSessionTakesNoStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		in := NewInlet(a, outletID, SessionConfig{}) // a hostile inlet does not look at the time
		out := NewOutlet(b, inletID, SessionConfig{Expires: time.Now().Add(time.Minute)})
		first, err := in.Open("openai")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		late, err := in.Open("openai")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := late.Read(make([]byte, 1)); err == nil {
			t.Error("a stream was opened on a session that had expired")
		}
		_ = first.SetReadDeadline(time.Now().Add(2 * time.Hour))
		_, err = first.Read(make([]byte, 1))
		if in.Err() == nil || err == nil {
			t.Errorf("the session outlived its hour: %v", err)
		}
		_, _ = a.Close(), b.Close()
	})
}

package membership

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/secret"
)

func sample() Ticket {
	return Ticket{
		Authority: "authority.example.com:7443", Project: "demo", Pin: [32]byte{1, 2, 3},
		Code: secret.New(strings.Repeat("A", 43)),
	}
}

func TestTicketRoundTrip(t *testing.T) {
	want := sample()
	got, err := ParseTicket("  " + want.Encode().Reveal() + "\n")
	if err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
}

// A ticket damaged anywhere is refused, and no refusal repeats the code.
func TestDamagedTickets(t *testing.T) {
	text := sample().Encode().Reveal()
	for i := range text {
		for _, damaged := range []string{text[:i], text[:i] + "!" + text[i+1:], text[:i] + text[i+1:]} {
			_, err := ParseTicket(damaged)
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("damaged at %d: %v", i, err)
			}
			if strings.Contains(err.Error(), "AAAA") {
				t.Fatalf("the refusal repeats the ticket: %v", err)
			}
		}
	}
	if _, err := ParseTicket(text + strings.Repeat("A", 2000)); err == nil {
		t.Error("an endless ticket was taken")
	}
}

func FuzzParseTicket(f *testing.F) {
	f.Add(sample().Encode().Reveal())
	f.Add("ostiary-ticket-1.e30")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := ParseTicket(text); err == nil && got.Encode().Reveal() != strings.TrimSpace(text) {
			t.Errorf("%q reads as another ticket", text)
		}
	})
}

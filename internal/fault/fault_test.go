package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/fault"
)

func TestPublicLeavesTheCauseOut(t *testing.T) {
	err := fault.New(fault.Denied, "no").At("here").Fix("ask").Because(errors.New("what a stranger sent"))
	if got := err.Public(); got != "here: no; ask" {
		t.Errorf("Public = %q", got)
	}
	if got := err.Error(); got != "here: no: what a stranger sent; ask" {
		t.Errorf("Error = %q", got)
	}
	wrapped := fmt.Errorf("outer: %w", err)
	if fault.KindOf(wrapped) != fault.Denied || fault.PublicText(wrapped) != "here: no; ask" {
		t.Error("the kind or the words are lost in wrapping")
	}
	if text := fault.PublicText(io.EOF); strings.Contains(text, "EOF") || fault.KindOf(io.EOF) != fault.Internal {
		t.Errorf("a foreign error shows as %q", text)
	}
	if !errors.Is(fault.New(fault.Internal, "x").Because(io.EOF), io.EOF) {
		t.Error("the cause cannot be found")
	}
}

// The kinds' numbers are a contract with clients and scripts.
func TestStatusAndExitCode(t *testing.T) {
	for kind, want := range map[fault.Kind][2]int{
		fault.Internal: {500, 3}, fault.Invalid: {400, 2}, fault.Unauthenticated: {401, 1}, fault.Denied: {403, 1},
		fault.NotFound: {404, 2}, fault.Conflict: {409, 1}, fault.TooLarge: {413, 2}, fault.Throttled: {429, 3},
		fault.Unavailable: {503, 3}, fault.Upstream: {502, 3}, fault.No: {403, 1},
	} {
		if got := [2]int{kind.HTTPStatus(), kind.ExitCode()}; got != want {
			t.Errorf("kind %d: %v, want %v", kind, got, want)
		}
	}
}

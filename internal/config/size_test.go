package config

import (
	"math"
	"testing"
)

func TestSize(t *testing.T) {
	tests := []struct {
		text, canonical string
		size            Size
	}{
		{"0", "0", 0},
		{"0GiB", "0", 0},
		{"1000", "1000", 1000},
		{"1024", "1KiB", 1 << 10},
		{"512KiB", "512KiB", 512 << 10},
		{"64MiB", "64MiB", 64 << 20},
		{"1536MiB", "1536MiB", 1536 << 20},
		{"1024MiB", "1GiB", 1 << 30},
		{"8388607TiB", "8388607TiB", 8388607 << 40},
		{"9223372036854775807", "9223372036854775807", math.MaxInt64},
	}
	for _, tt := range tests {
		var s Size
		if err := s.UnmarshalText([]byte(tt.text)); err != nil || s != tt.size || s.String() != tt.canonical {
			t.Errorf("%q: %d %q %v, want %d %q", tt.text, s, s, err, tt.size, tt.canonical)
		}
	}
}

func TestBadSize(t *testing.T) {
	const shape = "not a size; write bytes, or a whole number of KiB, MiB, GiB or TiB, such as 64MiB"
	const large = "too large for a size; write less than 8388608TiB"
	for text, want := range map[string]string{
		"": shape, "KiB": shape, "-1": shape, "-1KiB": shape, "+1": shape, "01": shape, "1.5GiB": shape, "64MB": shape, "64M": shape, "64mib": shape,
		"64 MiB": shape, "0x10": shape, "1e3": shape, "1KiBKiB": shape, "1_000": shape,
		"8388608TiB": large, "9223372036854775808": large, "99999999999999999999": large, "9007199254740992KiB": large,
	} {
		s := Size(7)
		if err := s.UnmarshalText([]byte(text)); err == nil || err.Error() != want || s != 7 {
			t.Errorf("%q: %d, %v", text, s, err)
		}
	}
	if _, err := Size(-1).MarshalText(); err == nil {
		t.Error("a negative size has a text")
	}
}

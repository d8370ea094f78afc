package config

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"listen", "timeout", "max_body", "url", "key", "tls"}
	for key, want := range map[string]string{
		"lisen": "listen", "listne": "listen", "Listen": "listen", "listening": "listen", "max-body": "max_body", "maxBody": "max_body", "mx_body": "max_body", "mx_bod": "",
		"ulr": "url", "kye": "key", "uri": "url", "tsl": "tls",
		"": "", "x": "", "ab": "", "address": "", "timeless": "", "keys": "key", "body": "",
	} {
		if got := nearest(key, known); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "bc", 1}, {"kitten", "sitting", 3},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

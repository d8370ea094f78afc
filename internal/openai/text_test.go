package openai

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

// TestTextBytes: a text counts the same however it is escaped.
func TestTextBytes(t *testing.T) {
	for _, text := range []string{"", "plain", "a\"b\\c\n\t/", "Größe", "Привет", "日本語", "한국어", "a😀b", "\u0800\u07ff"} {
		plain, _ := json.Marshal(text)
		var escaped strings.Builder
		for _, r := range text {
			switch {
			case r < 0x80:
				b, _ := json.Marshal(string(r))
				escaped.Write(b[1 : len(b)-1])
			case r > 0xffff:
				hi, lo := utf16.EncodeRune(r)
				fmt.Fprintf(&escaped, `\u%04x\u%04X`, hi, lo)
			default:
				fmt.Fprintf(&escaped, `\u%04x`, r)
			}
		}
		for _, written := range []string{string(plain), `"` + escaped.String() + `"`} {
			p, err := Peek([]byte(`{"k\u00e9y":"\n","prompt":` + written + `}`))
			if err != nil || p.TextBytes != int64(len(text)) {
				t.Errorf("%s: %d bytes, want %d: %v", written, p.TextBytes, len(text), err)
			}
			w := NewWhole()
			for _, b := range []byte(`{"choices":[{"text":` + written + `}]}`) {
				w.Feed([]byte{b})
			}
			if n := w.Answer().TextBytes; n != int64(len(text)) {
				t.Errorf("%s, byte by byte: %d", written, n)
			}
		}
	}
}

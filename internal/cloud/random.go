package cloud

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
)

// randomHex is 2n hexadecimal digits; crypto/rand never fails, as it says.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// randomGUID is a version 4 UUID (RFC 9562 section 5.4).
func randomGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

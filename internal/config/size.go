package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as plain bytes or in KiB, MiB, GiB or TiB
// ("64MiB"). The zero value is no bytes; what it means is the field's affair.
type Size int64

// units from the largest, so that the first that divides a size is canonical.
const units = "TiB GiB MiB KiB"

// UnmarshalText parses a size. Negative sizes, fractions, decimal units such
// as MB and sizes over 2⁶³−1 bytes are errors.
func (s *Size) UnmarshalText(text []byte) error {
	digits, factor := string(text), int64(1)
	for i, unit := range strings.Fields(units) {
		if d, ok := strings.CutSuffix(digits, unit); ok {
			digits, factor = d, int64(1)<<(10*(4-i))
			break
		}
	}
	if !integer.MatchString(digits) || digits[0] == '-' {
		return errors.New("not a size; write bytes, or a whole number of KiB, MiB, GiB or TiB, such as 64MiB")
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/factor {
		return errors.New("too large for a size; write less than 8388608TiB")
	}
	*s = Size(n * factor)
	return nil
}

// String is the canonical form: the largest unit of which s is a whole number.
func (s Size) String() string {
	for i, unit := range strings.Fields(units) {
		if factor := Size(1) << (10 * (4 - i)); s != 0 && s%factor == 0 {
			return strconv.FormatInt(int64(s/factor), 10) + unit
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText is String; a negative size is an error, as no text gives it back.
func (s Size) MarshalText() ([]byte, error) {
	if s < 0 {
		return nil, errors.New("a negative size")
	}
	return []byte(s.String()), nil
}

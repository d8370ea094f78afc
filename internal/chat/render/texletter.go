package render

// alphabet is one of Unicode's mathematical alphabets, by where its letters
// begin; zero where it has none. The block leaves holes for letters that
// Unicode had before (Unicode 16, section 22.2).
type alphabet struct {
	upper, lower, digit rune
	upright             bool
	holes               map[rune]rune
}

//nolint:gochecknoglobals // a constant table
var alphabets = map[string]alphabet{
	"mathrm":     {upright: true},
	"mathit":     {},
	"mathnormal": {},
	"mathbf":     {upper: '𝐀', lower: '𝐚', digit: '𝟎'},
	"boldsymbol": {upper: '𝑨', lower: '𝒂', digit: '𝟎'},
	"bm":         {upper: '𝑨', lower: '𝒂', digit: '𝟎'},
	"mathbb":     {upper: '𝔸', lower: '𝕒', digit: '𝟘', holes: map[rune]rune{'C': 'ℂ', 'H': 'ℍ', 'N': 'ℕ', 'P': 'ℙ', 'Q': 'ℚ', 'R': 'ℝ', 'Z': 'ℤ'}},
	"mathcal":    {upper: '𝒜', lower: '𝒶', holes: map[rune]rune{'B': 'ℬ', 'E': 'ℰ', 'F': 'ℱ', 'H': 'ℋ', 'I': 'ℐ', 'L': 'ℒ', 'M': 'ℳ', 'R': 'ℛ', 'e': 'ℯ', 'g': 'ℊ', 'o': 'ℴ'}},
	"mathscr":    {upper: '𝒜', lower: '𝒶', holes: map[rune]rune{'B': 'ℬ', 'E': 'ℰ', 'F': 'ℱ', 'H': 'ℋ', 'I': 'ℐ', 'L': 'ℒ', 'M': 'ℳ', 'R': 'ℛ', 'e': 'ℯ', 'g': 'ℊ', 'o': 'ℴ'}},
	"mathfrak":   {upper: '𝔄', lower: '𝔞', holes: map[rune]rune{'C': 'ℭ', 'H': 'ℌ', 'I': 'ℑ', 'R': 'ℜ', 'Z': 'ℨ'}},
	"mathsf":     {upper: '𝖠', lower: '𝖺', digit: '𝟢'},
	"mathtt":     {upper: '𝙰', lower: '𝚊', digit: '𝟶'},
}

// letter is r in this alphabet; what the alphabet lacks stays as it is.
func (a alphabet) letter(r rune) string {
	if hole, ok := a.holes[r]; ok {
		return string(hole)
	}
	switch {
	case r >= 'A' && r <= 'Z' && a.upper != 0:
		r += a.upper - 'A'
	case r >= 'a' && r <= 'z' && a.lower != 0:
		r += a.lower - 'a'
	case r >= '0' && r <= '9' && a.digit != 0:
		r += a.digit - '0'
	}
	return string(r)
}

// heavy says whether the alphabet is a bold one, which a style can stand for.
func (a alphabet) heavy() bool { return a.upper == '𝐀' || a.upper == '𝑨' }

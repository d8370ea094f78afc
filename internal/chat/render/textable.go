package render

// The tables below are TeX's own names and Unicode's characters.

// symbol is a command that stands for one character.
type symbol struct {
	text string
	kind byte // i identifier, o operator, b big operator with limits, n integral
}

func (s symbol) atom() atom {
	switch s.kind {
	case 'i':
		return atom{ml: "<mi>" + s.text + "</mi>"}
	case 'u':
		return atom{ml: `<mi mathvariant="normal">` + s.text + "</mi>"}
	case 'b':
		return atom{ml: "<mo>" + s.text + "</mo>", limits: true}
	}
	return atom{ml: "<mo>" + s.text + "</mo>"}
}

type accent struct {
	text string
	wide bool
}

func (a accent) stretchy() string {
	if a.wide {
		return ""
	}
	return ` stretchy="false"`
}

//nolint:gochecknoglobals // constant tables
var (
	symbols = join(
		all('i', map[string]string{
			"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
			"theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "omicron": "ο",
			"pi": "π", "varpi": "ϖ", "rho": "ρ", "varrho": "ϱ", "sigma": "σ", "varsigma": "ς", "tau": "τ", "upsilon": "υ",
			"phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "ell": "ℓ", "imath": "ı", "jmath": "ȷ",
		}),
		all('u', map[string]string{
			"Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ",
			"Psi": "Ψ", "Omega": "Ω", "infty": "∞", "partial": "∂", "nabla": "∇", "hbar": "ℏ", "Re": "ℜ", "Im": "ℑ", "aleph": "ℵ",
			"emptyset": "∅", "varnothing": "∅", "top": "⊤", "bot": "⊥", "angle": "∠", "degree": "°", "%": "%", "#": "#", "$": "$", "&": "&amp;", "_": "_",
			"dots": "…", "ldots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱", "dotsc": "…", "dotsb": "⋯", "checkmark": "✓", "square": "□", "Box": "□", "blacksquare": "■",
		}),
		all('o', map[string]string{
			"pm": "±", "mp": "∓", "times": "×", "div": "÷", "cdot": "⋅", "ast": "∗", "star": "⋆", "circ": "∘", "bullet": "∙", "setminus": "∖",
			"oplus": "⊕", "ominus": "⊖", "otimes": "⊗", "oslash": "⊘", "odot": "⊙", "wedge": "∧", "land": "∧", "vee": "∨", "lor": "∨", "cap": "∩", "cup": "∪",
			"leq": "≤", "le": "≤", "leqslant": "⩽", "geq": "≥", "ge": "≥", "geqslant": "⩾", "neq": "≠", "ne": "≠", "ll": "≪", "gg": "≫", "lt": "&lt;", "gt": "&gt;",
			"equiv": "≡", "approx": "≈", "sim": "∼", "simeq": "≃", "cong": "≅", "propto": "∝", "doteq": "≐", "triangleq": "≜", "coloneqq": "≔", "prec": "≺", "succ": "≻",
			"in": "∈", "notin": "∉", "ni": "∋", "subset": "⊂", "subseteq": "⊆", "supset": "⊃", "supseteq": "⊇", "subsetneq": "⊊", "models": "⊨", "vdash": "⊢", "perp": "⊥", "parallel": "∥", "mid": "∣", "nmid": "∤",
			"to": "→", "rightarrow": "→", "leftarrow": "←", "gets": "←", "leftrightarrow": "↔", "Rightarrow": "⇒", "implies": "⟹", "Leftarrow": "⇐", "impliedby": "⟸",
			"Leftrightarrow": "⇔", "iff": "⟺", "mapsto": "↦", "longrightarrow": "⟶", "longleftarrow": "⟵", "Longrightarrow": "⟹", "hookrightarrow": "↪", "uparrow": "↑", "downarrow": "↓", "rightharpoonup": "⇀", "rightleftharpoons": "⇌", "nearrow": "↗", "searrow": "↘",
			"forall": "∀", "exists": "∃", "nexists": "∄", "neg": "¬", "lnot": "¬", "therefore": "∴", "because": "∵", "colon": ":", "prime": "′",
			"langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "lvert": "|", "rvert": "|", "vert": "|", "lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "{": "{", "}": "}", "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "backslash": "\\",
			"int": "∫", "iint": "∬", "iiint": "∭", "oint": "∮",
		}),
		all('b', map[string]string{
			"sum": "∑", "prod": "∏", "coprod": "∐", "bigcup": "⋃", "bigcap": "⋂", "bigvee": "⋁", "bigwedge": "⋀", "bigoplus": "⨁", "bigotimes": "⨂", "bigsqcup": "⨆",
		}),
	)

	functions = set("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "arcsin", "arccos", "arctan", "exp", "log", "ln", "lg", "deg", "dim", "hom", "ker", "arg")

	limitFunctions = map[string]string{
		"lim": "lim", "limsup": "lim sup", "liminf": "lim inf", "max": "max", "min": "min", "sup": "sup", "inf": "inf", "det": "det", "gcd": "gcd", "Pr": "Pr", "argmax": "arg max", "argmin": "arg min",
	}

	accents = map[string]accent{
		"hat": {"^", false}, "bar": {"¯", false}, "vec": {"→", false}, "dot": {"˙", false}, "ddot": {"¨", false}, "tilde": {"~", false}, "check": {"ˇ", false}, "breve": {"˘", false}, "acute": {"´", false}, "grave": {"`", false}, "mathring": {"˚", false},
		"widehat": {"^", true}, "widetilde": {"~", true}, "overrightarrow": {"→", true}, "overleftarrow": {"←", true},
	}

	spaces = map[string]string{
		",": "0.167em", ":": "0.222em", ">": "0.222em", ";": "0.278em", "!": "-0.167em", " ": "0.333em", "quad": "1em", "qquad": "2em", "thinspace": "0.167em", "enspace": "0.5em",
	}

	sizes = set("big", "Big", "bigg", "Bigg", "bigl", "Bigl", "biggl", "Biggl", "bigr", "Bigr", "biggr", "Biggr", "bigm", "Bigm")

	delimiters = map[string]string{
		"{": "{", "}": "}", "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
		"vert": "|", "lvert": "|", "rvert": "|", "Vert": "‖", "lVert": "‖", "rVert": "‖", "|": "‖", "backslash": "\\", "uparrow": "↑", "downarrow": "↓",
	}

	negations = map[string]string{
		"=": "≠", "<": "≮", ">": "≯", "in": "∉", "equiv": "≢", "sim": "≁", "approx": "≉", "subset": "⊄", "subseteq": "⊈", "supset": "⊅", "exists": "∄", "mid": "∤", "parallel": "∦", "leq": "≰", "le": "≰", "geq": "≱", "ge": "≱", "ni": "∌", "cong": "≇", "simeq": "≄",
	}

	grids = map[string]grid{
		"matrix": {}, "smallmatrix": {}, "pmatrix": {open: "(", close: ")"}, "bmatrix": {open: "[", close: "]"}, "Bmatrix": {open: "{", close: "}"},
		"vmatrix": {open: "|", close: "|"}, "Vmatrix": {open: "‖", close: "‖"}, "cases": {open: "{", align: "l"}, "array": {array: true},
		"aligned": {align: "rl"}, "align": {align: "rl"}, "alignat": {align: "rl"}, "split": {align: "rl"}, "eqnarray": {align: "rcl"}, "gathered": {}, "gather": {}, "equation": {}, "multline": {},
	}
)

func all(kind byte, names map[string]string) map[string]symbol {
	m := make(map[string]symbol, len(names))
	for name, text := range names {
		m[name] = symbol{text, kind}
	}
	return m
}

func join(parts ...map[string]symbol) map[string]symbol {
	whole := map[string]symbol{}
	for _, part := range parts {
		for name, s := range part {
			whole[name] = s
		}
	}
	return whole
}

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, name := range names {
		m[name] = true
	}
	return m
}

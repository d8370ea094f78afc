package config

import "strings"

// suggest is the fix for an unknown key: the known key that was meant, where
// one is near, and all that may stand here.
func suggest(key string, fs []field) string {
	if len(fs) == 0 {
		return "delete it; no key is known here"
	}
	known := make([]string, len(fs))
	for i, f := range fs {
		known[i] = f.key
	}
	all := strings.Join(known, ", ")
	if near := nearest(key, known); near != "" {
		return `write "` + near + `"; known here: ` + all
	}
	return "delete it; known here: " + all
}

// nearest is the known key at the smallest distance, at most a third of the
// key's length; empty where none is near. apiKey and api-key are api_key.
func nearest(key string, known []string) string {
	key = fold(key)
	best, found := len(key)/3, ""
	if len(key) > 64 {
		return ""
	}
	for _, k := range known {
		if d := distance(key, fold(k)); d < best || d == best && found == "" {
			best, found = d, k
		}
	}
	return found
}

func fold(key string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(key))
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours that make b of a (optimal string alignment), in bytes.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

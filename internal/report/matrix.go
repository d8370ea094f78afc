package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/posture"
)

// The page shows at most so much of the matrix, the gravest first, and says
// what is left out.
const (
	doorsMax  = 6   // columns of one table; further doors go to a further table
	tablesMax = 12  // tables
	rowsMax   = 400 // rows of one table
	rangesMax = 12  // ranges of one cell
)

// matrix is one table of who reaches what.
type matrix struct {
	Doors []matrixDoor
	Rows  []matrixRow
	Left  int // rows left out
}

type matrixDoor struct{ Name, Door string }

type matrixRow struct {
	ID    string // anchor, in the first table that has the place
	Name  string
	Full  string
	Class class
	Cells [][]matrixCell // one list for each door, empty where nothing is said
}

type matrixCell struct {
	Class                           class
	Word                            string
	Sentence, Ranges, Rule, Pointer string
}

// matrices builds the tables, and the anchor of each place by its lower-case
// id. left is how many doors found no table.
func matrices(r posture.Report, names namer) (tables []matrix, anchors map[string]string, left int) {
	anchors = map[string]string{}
	for chunk := range slices.Chunk(r.Reached, doorsMax) {
		if len(tables) == tablesMax {
			left += len(chunk)
			continue
		}
		tables = append(tables, matrixOf(chunk, r, names, anchors))
	}
	return tables, anchors, left
}

func matrixOf(doors []posture.Reached, r posture.Report, names namer, anchors map[string]string) matrix {
	var m matrix
	rows, index := []*matrixRow{}, map[string]*matrixRow{}
	for i, door := range doors {
		m.Doors = append(m.Doors, doorOf(door, names))
		for _, s := range door.Sources {
			where := strings.ToLower(s.Where)
			row := index[where]
			if row == nil {
				row = &matrixRow{Name: placeName(s.Where, names), Full: s.Where, Class: none, Cells: make([][]matrixCell, len(doors))}
				index[where] = row
				rows = append(rows, row)
			}
			c := classOf(s.Allowed, s.Status)
			row.Class = min(row.Class, c)
			row.Cells[i] = append(row.Cells[i], matrixCell{
				Class: c, Word: answerWord(c), Sentence: clean(s.Sentence), Ranges: listText(s.Ranges, rangesMax), Rule: clean(s.Rule), Pointer: clean(s.Pointer),
			})
		}
	}
	slices.SortStableFunc(rows, func(a, b *matrixRow) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), natural(a.Name, b.Name), cmp.Compare(a.Full, b.Full))
	})
	m.Left = max(0, len(rows)-rowsMax)
	for _, row := range rows[:len(rows)-m.Left] {
		if where := strings.ToLower(row.Full); anchors[where] == "" {
			row.ID = fmt.Sprintf("w-%d", len(anchors))
			anchors[where] = row.ID
		}
		row.Full = clean(row.Full)
		m.Rows = append(m.Rows, *row)
	}
	return m
}

// placeName names a place; one without an id is somewhere.
func placeName(where string, names namer) string {
	if where == "" {
		return "elsewhere"
	}
	return names.of(where)
}

func doorOf(r posture.Reached, names namer) matrixDoor {
	at := fmt.Sprintf("%s port %d", clean(r.Address), r.Port)
	if r.Endpoint == "" {
		return matrixDoor{names.of(r.Account), "public door, " + at}
	}
	return matrixDoor{names.of(r.Account), names.of(r.Endpoint) + ", " + at}
}

// answerWord is how the page says a class.
func answerWord(c class) string {
	return [...]string{"reaches, not meant", "blocked, but meant", "unknown", "reaches, as meant", "blocked", "not judged"}[c]
}

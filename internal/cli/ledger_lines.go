package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/sink"
)

// jsonLines prints entries as JSON, one a line.
type jsonLines struct{ enc *json.Encoder }

func newJSONLines(w io.Writer) jsonLines {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return jsonLines{enc}
}

func (l jsonLines) write(e *sink.Entry) error { return l.enc.Encode(e) }
func (l jsonLines) flush() error              { return nil }

// csvLines prints entries as CSV (RFC 4180, with a head).
type csvLines struct {
	w       *csv.Writer
	columns []sink.Column
	begun   bool
}

func newCSVLines(w io.Writer, columns []sink.Column) *csvLines {
	return &csvLines{w: csv.NewWriter(w), columns: columns}
}

func (l *csvLines) head() error {
	if l.begun {
		return nil
	}
	l.begun = true
	names := make([]string, len(l.columns))
	for i, c := range l.columns {
		names[i] = c.Name
	}
	return l.w.Write(names)
}

func (l *csvLines) write(e *sink.Entry) error {
	if err := l.head(); err != nil {
		return err
	}
	cells, err := sink.Row(l.columns, e)
	if err != nil {
		return err
	}
	for i := range cells {
		cells[i] = harmless(cells[i])
	}
	return l.w.Write(cells)
}

func (l *csvLines) flush() error {
	err := l.head()
	l.w.Flush()
	if err != nil {
		return err
	}
	return l.w.Error()
}

func writeCSV(out io.Writer, lines [][]string) error {
	w := csv.NewWriter(out)
	for _, line := range lines {
		for i := range line {
			line[i] = harmless(line[i])
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// harmless keeps a spreadsheet from running a stranger's text as a formula: a
// cell that begins like one gets an apostrophe before it. Numbers stay.
func harmless(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return "'" + cell
}

// table prints calls for people.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	printRow(t.w, []string{"time", "who", "workload", "operation", "deployment", "status", "tokens", "cost", "ms", "id"})
	return t
}

func (t table) write(e *sink.Entry) error {
	status, ms, cost := "no outcome", "", ""
	if e.Kind != sink.KindNoOutcome {
		status, ms = strings.TrimSpace(fmt.Sprint(e.Status, " ", e.ErrorCode, " ", e.Aborted)), strconv.FormatFloat(e.Latency, 'f', 0, 64)
	}
	if e.Currency != "" {
		cost = sink.Money(e.CostMicros) + " " + e.Currency
	}
	usage := ledger.Usage{Prompt: e.Prompt, Completion: e.Completion, Estimated: e.Estimated}
	printRow(t.w, []string{
		e.Time.Format("2006-01-02T15:04:05.000Z"), first(e.Name, e.Subject, e.Member, e.Client), e.Workload, e.Operation, e.Deployment,
		status, usage.String(), cost, ms, e.ID,
	})
	return nil
}

func (t table) flush() error { return t.w.Flush() }

func first(names ...string) string {
	for _, name := range names {
		if name != "" {
			return name
		}
	}
	return ""
}

// printRow prints the cells of a table's line; what strangers chose is made
// printable, and what is empty "-".
func printRow(w io.Writer, cells []string) {
	shown := make([]string, len(cells))
	for i, cell := range cells {
		if shown[i] = ledger.Printable(cell); cell == "" {
			shown[i] = "-"
		}
	}
	_, _ = fmt.Fprintln(w, strings.Join(shown, "\t")) // Flush tells of an error
}

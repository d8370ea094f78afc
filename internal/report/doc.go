// Package report shows a posture.Report: as text for people, as JSON, SARIF
// and JUnit for machines, and as one page of HTML with the drawn topology. It
// also says what changed between two reports.
//
// It guarantees that equal reports give equal bytes, whatever order their
// findings came in; that nothing is left out without saying how much; and that
// names, which strangers choose, stay text: they cannot reach a terminal's
// control codes, a page's script or a reader's line of sight (bidirectional
// overrides are shown as escapes). It judges nothing: the verdict and every
// status are the report's own.
//
// Only JSON holds every byte of the report as it is. The other forms shorten
// what no screen could show.
package report

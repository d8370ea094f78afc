package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/posture"
)

func TestMatrix(t *testing.T) {
	r := normal(small())
	r.Reached[1].Sources = append(r.Reached[1].Sources,
		posture.Sources{Where: strings.ToUpper(vnet("vnet-spoke-app")), Status: posture.Fail, Ranges: []string{"10.1.0.0/16"}},
		posture.Sources{Where: "", Status: posture.Unknown})
	tables, anchors, left := matrices(r, newNamer(r))
	if len(tables) != 1 || left != 0 {
		t.Fatalf("%d tables, %d doors left", len(tables), left)
	}
	m := tables[0]
	var rows []string
	for _, row := range m.Rows {
		var cells []string
		for _, cell := range row.Cells {
			var words []string
			for _, c := range cell {
				words = append(words, c.Word)
			}
			cells = append(cells, strings.Join(words, "; "))
		}
		rows = append(rows, fmt.Sprintf("%s [%s] %s", row.Name, strings.Join(cells, " | "), row.Class.Key()))
		if anchors[strings.ToLower(row.Full)] != row.ID || row.ID == "" {
			t.Errorf("%s has the anchor %q, and links lead to %q", row.Name, row.ID, anchors[strings.ToLower(row.Full)])
		}
	}
	want := []string{
		"vnet-spoke-dev [ | reaches, not meant] intruder",
		"vnet-spoke-app [ | reaches, as meant; blocked, but meant] cutoff",
		"elsewhere [ | unknown] doubt",
		"vnet-hub/snet-apps [ | reaches, as meant] meant",
		"head-office [ | blocked] blocked",
		"internet [blocked | ] blocked",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
	if m.Doors[0].Door != "public door, contoso-openai.openai.azure.com port 443" || m.Doors[1].Door != "pe-openai, 10.0.1.4 port 443" {
		t.Errorf("%+v", m.Doors)
	}
}

// A place has its anchor once, in the first table that shows it; rows that are
// left out are the least grave, and counted.
func TestMatricesOfManyDoors(t *testing.T) {
	r := posture.Report{}
	for door := range doorsMax + 1 {
		d := posture.Reached{Account: account, Endpoint: fmt.Sprint("pe-", door)}
		for i := range rowsMax + 5 {
			s := posture.Sources{Where: vnet(fmt.Sprintf("v-%03d", i)), Status: posture.Pass}
			if i == rowsMax+4 {
				s.Allowed, s.Status = true, posture.Fail
			}
			d.Sources = append(d.Sources, s)
		}
		r.Reached = append(r.Reached, d)
	}
	tables, _, _ := matrices(r, newNamer(r))
	if len(tables) != 2 || tables[0].Left != 5 || len(tables[0].Rows) != rowsMax || len(tables[1].Doors) != 1 {
		t.Fatalf("%d tables, %d rows, %d left", len(tables), len(tables[0].Rows), tables[0].Left)
	}
	if tables[0].Rows[0].Class != intruder {
		t.Error("the gravest row is not the first")
	}
	for _, row := range tables[1].Rows {
		if row.ID != "" {
			t.Fatalf("%s has a second anchor", row.Name)
		}
	}
}

func TestDrawingInWords(t *testing.T) {
	p := planOf(small().Map)
	if got, want := p.summary(), "Of 5 networks and other places, 1 reaches the model and is not meant to, 2 reach the model as meant, 2 are blocked. Each box leads to the rule that decided, in the table below."; got != want {
		t.Errorf("summary %q", got)
	}
	tips := tipsOf(p)
	for id, want := range map[string]string{
		vnet("vnet-spoke-dev"): "vnet-spoke-dev VNet\n10.2.0.0/16\nholds default\nreaches pe-openai, and is not meant to, by nsg-endpoints/AllowVnetInBound (65000)\npeered with vnet-hub",
		pe:                     "pe-openai endpoint\n10.0.1.4\nprivate link to contoso-openai\nreached by 2 as meant and 1 not meant; 0 could not be told; 1 blocked",
		account:                "contoso-openai account\npublic access disabled\nreached by 0 as meant and 0 not meant; 0 could not be told; 1 blocked\na finding that concerns it fails",
	} {
		if got := tips.of(p.find(id)); got != want {
			t.Errorf("tip of %s\n%s\nwant\n%s", short(id), got, want)
		}
	}
	var legend []string
	for _, l := range p.legend() {
		legend = append(legend, fmt.Sprint(l.Kind, l.N))
	}
	if got := strings.Join(legend, " "); got != "intruder1 meant2 blocked2 peering-1 link-1" {
		t.Errorf("legend %s", got)
	}
	if got := planOf(posture.Map{Nodes: []posture.Node{{ID: "a", Kind: "account"}}}).summary(); got != "No network was judged." {
		t.Errorf("%q", got)
	}
}

package topology_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/estate"
	"github.com/ostiary/ostiary/internal/topology"
)

// spoil calls with for each value below some properties, after making that one
// value unreadable; what was there is put back.
func spoil(v any, path string, inside bool, with func(path string)) {
	garble := func(old any, set func(any), at string) {
		spoil(old, at, inside, with)
		if !inside {
			return
		}
		if _, ok := old.(float64); ok {
			set("unreadable")
		} else {
			set(7.5)
		}
		with(at)
		set(old)
	}
	switch v := v.(type) {
	case map[string]any:
		for key, old := range v {
			switch {
			case key == "properties" || key == "value":
				spoil(old, path+"/"+key, true, with)
			case key == "name" || key == "id" && !strings.Contains(path, "properties"):
			default:
				garble(old, func(x any) { v[key] = x }, path+"/"+key)
			}
		}
	case []any:
		for i, old := range v {
			garble(old, func(x any) { v[i] = x }, fmt.Sprintf("%s/%d", path, i))
		}
	}
}

// An answer that was certain stays as it is or becomes unknown when any one
// value of the estate becomes unreadable. It never turns into its opposite.
func TestDoubtNeverTurnsAnAnswerRound(t *testing.T) {
	spoiled, unknown := 0, 0
	for _, c := range observedFlows() {
		if c.want == topology.Unknown {
			continue
		}
		var doc any
		if err := json.Unmarshal([]byte(c.in.doc()), &doc); err != nil {
			t.Fatal(err)
		}
		spoil(doc, "", false, func(path string) {
			text, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			e, err := estate.Read(strings.NewReader(string(text)), estate.Options{})
			if err != nil {
				return // no estate, no answer
			}
			f := c.ask(topology.New(e, topology.Config{}))
			spoiled++
			if f.Verdict == topology.Unknown {
				unknown++
			} else if f.Verdict != c.want {
				t.Errorf("%s: with %s unreadable the answer is %v", c.what, path, f)
			}
		})
	}
	if spoiled < 2000 || unknown < 200 {
		t.Errorf("only %d values spoiled, %d of them with an effect", spoiled, unknown)
	}
	t.Log(spoiled, unknown)
}

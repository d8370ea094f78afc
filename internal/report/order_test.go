package report

import (
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/posture"
)

func TestStateOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		status posture.Status
		waiver *posture.Waiver
		want   State
	}{
		{"fails", posture.Fail, nil, Fail},
		{"unknown", posture.Unknown, nil, Unknown},
		{"passes", posture.Pass, nil, Pass},
		{"waived", posture.Fail, &posture.Waiver{}, Waived},
		{"an unknown that is waived", posture.Unknown, &posture.Waiver{}, Waived},
		{"a waiver that is not needed", posture.Pass, &posture.Waiver{}, Pass},
		{"a status nobody knows", "odd", nil, Unknown},
		{"no status", "", nil, Unknown},
	} {
		if got := StateOf(posture.Finding{Status: c.status, Waiver: c.waiver}); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestCountsOf(t *testing.T) {
	if got, want := CountsOf(small()), (Counts{MustFail: 2, MustUnknown: 1, AdviceFail: 1, Waived: 1, Pass: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := CountsOf(hostile()); got.MustUnknown != 2 {
		t.Errorf("a level and a status that nobody knows must decide, and be unknown: %+v", got)
	}
}

// A blocked source is never shown as reaching, an unknown one never as blocked.
func TestClassOf(t *testing.T) {
	for _, c := range []struct {
		allowed bool
		status  posture.Status
		want    class
	}{
		{true, posture.Pass, meant}, {true, posture.Fail, intruder}, {true, posture.Unknown, doubt}, {true, "", meant},
		{false, posture.Pass, blocked}, {false, posture.Fail, cutOff}, {false, posture.Unknown, doubt}, {false, "", blocked},
	} {
		if got := classOf(c.allowed, c.status); got != c.want {
			t.Errorf("allowed %v, %q: %v, want %v", c.allowed, c.status, got, c.want)
		}
	}
}

func TestVerdictText(t *testing.T) {
	private := small()
	private.Verdict, private.Findings = posture.Private, private.Findings[5:]
	waived := private
	waived.Findings = append(waived.Findings[:len(waived.Findings):len(waived.Findings)], smallFindings()[4])
	unknown := small()
	unknown.Verdict, unknown.Findings = posture.Undecided, unknown.Findings[2:3]
	for _, c := range []struct {
		name string
		r    posture.Report
		want string
	}{
		{"private", private, "Every check that decides passes, for 1 account."},
		{"private with a waiver", waived, "Every check that decides passes or is waived, for 1 account. 1 finding waived."},
		{"open", small(), "2 findings to mend. 1 finding could not be told. 1 finding waived."},
		{"open by advice alone, where that decides", posture.Report{Verdict: posture.Open}, "A finding that decides fails."},
		{"unknown", unknown, "Nothing that decides fails, but not everything could be told. 1 finding could not be told."},
		{"no account", empty(), "No Azure OpenAI account was found, and without one nothing can be called private. 1 finding could not be told."},
	} {
		if got := verdictText(c.r); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	if got := sourceText(posture.Report{Taken: time.Time{}}); got != "unnamed source, 0 accounts" {
		t.Errorf("no source: %q", got)
	}
}

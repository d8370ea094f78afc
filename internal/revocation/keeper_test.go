package revocation_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/pki/pkitest"
	"github.com/ostiary/ostiary/internal/revocation"
)

// rig is a keeper with a clock to turn.
type rig struct {
	*revocation.Keeper
	ca   *pki.CA
	path string
	now  time.Time
}

func newRig(t *testing.T) *rig {
	r := &rig{ca: pkitest.Project(t, "demo"), path: filepath.Join(t.TempDir(), "revocations.json"), now: time.Now().Truncate(time.Second)}
	r.open(r.now)
	return r
}

// open is what a restart does.
func (r *rig) open(since time.Time) {
	r.Keeper = revocation.New(revocation.Config{Path: r.path, Root: r.ca.Certificate(), Since: since, Now: func() time.Time { return r.now }})
}

func (r *rig) offer(t *testing.T, epoch uint64, members ...string) error {
	t.Helper()
	return r.Offer(sign(t, r.ca, revocation.List{Epoch: epoch, Members: members}))
}

func TestKeeperCutsWhoIsRevoked(t *testing.T) {
	r := newRig(t)
	a, b := member(t, r.ca, "a"), member(t, r.ca, "b")
	cut := make(chan error, 2)
	defer r.Follow(a, func(why error) { cut <- why })()
	defer r.Follow(b, func(error) { t.Error("b was cut") })()
	stop := r.Follow(a, func(error) { t.Error("somebody who left was cut") })
	stop()
	if err := r.offer(t, 1); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(a); err != nil {
		t.Fatal(err)
	}
	if err := r.offer(t, 2, "spiffe://demo/inlet/a"); err != nil {
		t.Fatal(err)
	}
	if err := <-cut; fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "spiffe://demo/inlet/a has been revoked") {
		t.Error(err)
	}
	if fault.KindOf(r.Check(a)) != fault.Denied || r.Check(b) != nil {
		t.Errorf("a: %v, b: %v", r.Check(a), r.Check(b))
	}
	// Who is followed only now is cut at once.
	r.Follow(a, func(why error) { cut <- why })
	<-cut
}

// An older list, and another of the same epoch, change nothing, also after a
// restart.
func TestListsDoNotRollBack(t *testing.T) {
	r := newRig(t)
	a := member(t, r.ca, "a")
	if err := r.offer(t, 5, "spiffe://demo/inlet/a"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for epoch, what := range map[uint64]string{4: "of epoch 4, ours of epoch 5", 5: "two lists of epoch 5"} {
			if err := r.offer(t, epoch); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), what) {
				t.Errorf("epoch %d: %v", epoch, err)
			}
		}
		if r.Check(a) == nil || r.Epoch() != 5 {
			t.Errorf("epoch %d, and the member is %v", r.Epoch(), r.Check(a))
		}
		r.open(r.now)
	}
	if err := r.offer(t, 5, "spiffe://demo/inlet/a"); err != nil {
		t.Errorf("the same list again: %v", err)
	}
}

// Nobody is trusted once the authority has been silent for too long. The age
// goes on through a restart and through a sleep of the machine.
func TestStaleList(t *testing.T) {
	r := newRig(t)
	a := member(t, r.ca, "a")
	r.SetMaxAge(time.Minute)
	if err := r.offer(t, 1); err != nil {
		t.Fatal(err)
	}
	cut := make(chan error, 1)
	r.Follow(a, func(why error) { cut <- why })
	r.now = r.now.Add(time.Minute)
	r.Judge()
	if err := r.Check(a); err != nil || r.State().Stale {
		t.Errorf("a minute is within bounds: %v", err)
	}
	r.Confirm(2) // of a list that we do not have
	r.now = r.now.Add(time.Second)
	r.Judge()
	if err := <-cut; fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "nothing heard of the authority") {
		t.Error(err)
	}
	r.open(r.now) // the file's time counts, not that of the restart
	r.SetMaxAge(time.Minute)
	if !r.State().Stale || r.Check(a) == nil {
		t.Error("a restart made the list young")
	}
	r.Confirm(1)
	if err := r.Check(a); err != nil || r.State().Stale {
		t.Errorf("the authority is back: %v", err)
	}
	r.now = r.now.Add(-time.Hour) // somebody set the clock
	if age := r.State().Age; age != 0 {
		t.Errorf("a clock that was turned back makes the list %s old", age)
	}
}

// Without a list, age counts from when the node last heard of its authority; a
// day is the default.
func TestNoListYet(t *testing.T) {
	r := newRig(t)
	a := member(t, r.ca, "a")
	r.open(r.now.Add(-23 * time.Hour))
	if err := r.Check(a); err != nil {
		t.Error(err)
	}
	r.open(r.now.Add(-25 * time.Hour))
	if err := r.Check(a); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
}

// A stored list that cannot be used is as none.
func TestDamagedFile(t *testing.T) {
	r := newRig(t)
	if err := r.offer(t, 3, "spiffe://demo/inlet/a"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.open(r.now)
	if r.Epoch() != 0 {
		t.Errorf("epoch %d of a damaged file", r.Epoch())
	}
	if err := r.offer(t, 3, "spiffe://demo/inlet/a"); err != nil || r.Check(member(t, r.ca, "a")) == nil {
		t.Error("the list did not come back", err)
	}
}

// A list that cannot be stored is in force all the same.
func TestUnstorableListCounts(t *testing.T) {
	r := newRig(t)
	r.path = filepath.Join(r.path, "missing", "file")
	r.open(r.now)
	if err := r.offer(t, 1, "spiffe://demo/inlet/a"); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
	if r.Check(member(t, r.ca, "a")) == nil {
		t.Error("the list does not count")
	}
}

// One cut that hangs does not keep the others.
func TestSlowCutKeepsNobody(t *testing.T) {
	r := newRig(t)
	a := member(t, r.ca, "a")
	synctest.Test(t, func(t *testing.T) {
		block, done := make(chan struct{}), make(chan struct{}, 8)
		for range 8 {
			r.Follow(a, func(error) { done <- struct{}{}; <-block })
		}
		if err := r.offer(t, 1, "spiffe://demo/inlet/a"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(done) != 8 {
			t.Errorf("%d of 8 were cut", len(done))
		}
		close(block)
	})
}

func TestSettings(t *testing.T) {
	for age, good := range map[time.Duration]bool{0: true, 29 * time.Second: false, 30 * time.Second: true, 24 * time.Hour: true, 25 * time.Hour: false, -1: false} {
		said := ""
		revocation.Settings{MaxAge: age}.Check(func(path, _, _ string) { said = path })
		if (said == "") != good {
			t.Errorf("max_age %s: %q", age, said)
		}
	}
}

package ledger

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// mounted mounts a drive.
func mounted(t *testing.T, d *drive) (dir string) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		t.Skip("NOT CHECKED: power losses; this needs /dev/fuse and root")
	}
	dir = t.TempDir()
	var never time.Duration
	server, err := fs.Mount(dir, &root{drive: d}, &fs.Options{
		EntryTimeout: &never, AttrTimeout: &never, NegativeTimeout: &never,
		MountOptions: fuse.MountOptions{DirectMount: true, FsName: "drive", Name: "drive"},
	})
	if err != nil {
		t.Skipf("NOT CHECKED: power losses; no file system can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestPowerLoss cuts the power of a real writer's disk under load, 1,000 times
// in the long form, at any of its calls, those of a start included. What the
// disk then holds has every entry that the writer was told is durable, once.
func TestPowerLoss(t *testing.T) {
	rounds := torture(t, 5, 1000)
	const each = 25 // rounds on one log
	lost := 0
	for start := 0; start < rounds; start += each {
		d := newDrive()
		dir := mounted(t, d)
		acked := map[string]bool{}
		for round := start; round < min(start+each, rounds); round++ {
			rng := rand.New(rand.NewPCG(uint64(round), 3))
			d.powerFor(1 + rng.IntN(150))
			runWriter(t, dir, round, func(entry string, _ func()) { acked[entry] = true })
			select {
			case <-d.dead:
			default:
				t.Fatalf("round %d: the writer ended before the power did", round)
			}
			d.restart(rng)
			if r, err := VerifyLog(dir); err == nil && !onlyTorn(r) {
				t.Fatalf("round %d: before the next start: %v", round, r.Problems)
			} else if err == nil && !r.OK() {
				lost++
			}
			wantAcked(t, dir, acked)
		}
		if len(acked) == 0 {
			t.Fatalf("rounds from %d on: nothing was acknowledged", start)
		}
	}
	if lost == 0 && rounds > 20 {
		t.Error("no power loss tore anything: the drive loses nothing")
	}
}

func onlyTorn(r LogReport) bool {
	for _, p := range r.Problems {
		if !p.Torn && p.File != checkpointName {
			return false
		}
	}
	return true
}

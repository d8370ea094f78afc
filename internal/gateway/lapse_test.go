package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestLapses: many share a bound, and each has from 25 to 30 s.
func TestLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lapses
		shared := 0
		before := l.context()
		for range 100 {
			time.Sleep(700 * time.Millisecond)
			ctx := l.context()
			if ctx == before {
				shared++
			}
			before = ctx
			ends, ok := ctx.Deadline()
			if left := time.Until(ends); !ok || ctx.Err() != nil || left > recordTime || left < recordTime-recordShare {
				t.Fatalf("%v left, %v", left, ctx.Err())
			}
		}
		if shared < 80 {
			t.Errorf("%d of 100 shared", shared)
		}
		<-before.Done()
	})
}

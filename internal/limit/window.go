package limit

import "time"

const (
	slots = 61 // seconds that may hold part of the last 60 s: the one under way is not over

	// Max bounds one number and a limit: far above any, far below overflow.
	Max = 1 << 40
)

// window sums what was taken in the last minute, by the second. What is taken
// in a second counts until 61 s after the second began, hence for 60 to 61 s.
type window struct {
	limit int64 // 0: none
	sum   int64
	took  [slots]int64
}

// expire forgets the seconds that came in since the last call.
func (w *window) expire(last, now int64) {
	for s := last + 1; s <= min(now, last+slots); s++ {
		w.sum -= w.took[s%slots]
		w.took[s%slots] = 0
	}
}

func (w *window) fits(n int64) bool { return w.limit == 0 || w.sum+n <= w.limit }

func (w *window) add(second, n int64) {
	w.sum += n
	w.took[second%slots] += n
}

// left is what may still be taken.
func (w *window) left() int64 { return max(0, w.limit-w.sum) }

// wait is the number of seconds from the start of second now until n fits.
// What never fits is told to wait for an empty window.
func (w *window) wait(now, n int64) int64 {
	over := w.sum + n - w.limit
	for s := now - slots + 1; s < now && over > 0; s++ {
		if over -= w.took[s%slots]; over <= 0 {
			return s + slots - now
		}
	}
	return slots
}

// second counts from an arbitrary start that is far from 0, so that a clock set
// back some hours makes no negative ones.
func second(start, now time.Time) int64 { return int64(now.Sub(start)/time.Second) + 1<<20 }

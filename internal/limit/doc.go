// Package limit holds callers to a number of requests and of tokens a minute.
//
// A call takes its request and an estimate of its tokens before it is sent, and
// settles with what it really used when it has ended: the rest is given back,
// a debt is taken. What many calls take at once is taken one after the other,
// so they cannot go over the limit together.
//
// Guarantees. Over any 60 s, what was let through (each call by what it took,
// or by what it used where that is known and less) is within the limit when a
// call is let through, debts counted from the moment they were known. A call
// that is refused and comes back after the time that it was told is let
// through, unless others came first. A limiter takes 1 KiB, runs no goroutine,
// and spends the same time whatever its past.
//
// What it does not: it knows one process (package shared counts for several).
// It keeps no count over a restart, and it cannot bound what a call uses beyond
// its estimate; such a debt delays the calls after it, for one minute at most.
package limit

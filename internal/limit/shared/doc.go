// Package shared holds callers to a number of requests and of tokens a minute,
// counted for all gateways together in one Redis.
//
// What it guarantees is what package limit does, for the sum of all processes
// that use the same Redis and prefix: over any 60 s of the server's clock, what
// was let through (each call by what it took, or by what it used where that is
// known and less) is within the limit when a call is let through. One script
// looks, settles and takes in one step and one round trip; which limits hold is
// what the asking process is configured with. What a call used in the end goes
// along with the workload's next call, or by itself after some milliseconds,
// never in the way of an answer. A process that dies takes its reservations with
// it: they count for a minute, as if they had been used. Keys end by themselves
// 62 s after they were last taken from.
//
// Where Redis does not answer in time, or answers what is no answer, the store
// refuses (an error) or counts for this process alone, as it is configured.
// After three failures in a row it asks no more, but twice a second whether it is
// back. Alone, a process lets through the limit, its own last minute counted;
// so n processes may let through n times the limit, and as much again in the
// minute in which Redis comes back. What is uncertain counts against the
// workload: a settlement that may or may not have arrived gives nothing back.
//
// What Redis learns: names of workloads, and how many requests and tokens each
// took in which second. No caller, no prompt, no answer and no credential but
// the login. Who can write there can raise and lower what is let through.
//
// What it does not: a Redis that forgets (a restart, a failover to a copy that
// lags behind) begins a new minute. A redirect of a cluster (MOVED) is followed;
// one for a slot that moves just then (ASK) is a failure.
package shared

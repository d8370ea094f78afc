// Package witness keeps a log's past out of the reach of those who keep the
// log. A witness remembers the newest checkpoint of a log and refuses one that
// does not extend it.
//
// Server is a witness that others can ask, by the protocol of C2SP's
// tlog-witness with the Ed25519 cosignatures of tlog-cosignature; Client asks
// one. Directory is the plainest witness: dated copies of checkpoints on a
// disk elsewhere that the log's keepers can add to and not take from. Pusher
// brings a log's checkpoints to a witness as they are signed.
//
// What a server guarantees: of one log it cosigns no two checkpoints that do
// not extend one another, across restarts and races, as far as fsync is honest
// and nobody puts its own directory back. It learns how many entries a log has
// and when it grew; it learns nothing of them.
//
// What it does not: what a log signed after its last witnessed checkpoint can
// still be taken back. A witness that the log's own keeper runs binds nobody.
package witness

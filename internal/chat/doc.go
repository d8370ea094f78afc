// Package chat is the web page on which the people of a company talk to the
// model behind the gateway.
//
// What it guarantees.
//   - Nobody sees anything without signing in: what a stranger gets is
//     /healthz, the way to the login service and back, the page that says "you
//     are signed out", and the style sheet and scripts, which hold no data.
//   - It calls the gateway as the person, with the person's own token, so that
//     policy, limits and the ledger see who asked. It has no credential for the
//     model.
//   - Tokens and sessions are kept in memory alone, never in a file, a page or
//     a log. A session's cookie is 256 random bits, made anew at each sign-in;
//     the server keeps its hash.
//   - One person's conversations are another's 404. Administrators see numbers,
//     no texts.
//   - What a model or a person wrote runs no script and loads nothing:
//     internal/chat/render lays answers out and sanitises them, and the pages'
//     policy allows scripts and styles of this service alone, none inline, and
//     connections to nowhere else.
//   - Prompts and answers reach no log, no metric and no error.
//
// What it does not. Conversations stand in the database in clear, for they are
// searched: who holds the disk or the database reads them. A restart ends all
// sessions, and answers that were being written are kept as far as they came.
// Sessions hold for one process: several copies need a load balancer that
// keeps each browser with one of them.
package chat

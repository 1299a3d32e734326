// Package sqlite is the embedded engine of the store: one SQLite file behind a process lock.
//
// # Model
//
// A document is a row of docs (small columns) and a row of bodies. Two narrow tables of interned integers serve the
// tokens: feed (token, writer, seq) for Range, rewritten with each write, and carried (token, no) for Scan, Find and
// Group, touched only when the tokens of a living document change. Declared indexes are partial expression indexes on
// the JSON of the searchable fields.
//
// # Writing
//
// One goroutine writes. Put calls queue; whatever waits when a commit ends shares the next transaction, so the price
// of an fsync is divided by the load and nobody waits on purpose. A stale member harms nobody. A failing statement
// rolls the group back and each call runs alone once. A failed COMMIT or fsync leaves the outcome open (the frames may
// be in the log although the disk said no), so it answers nobody with OK or stale, and the engine stops for good:
// trusting the page cache after a failed fsync is how databases lose acknowledged data.
//
// Checkpoints run in the same goroutine after the answers are given, never inside a commit.
//
// # Reading
//
// A few read connections, each with its statements prepared once. A read that needs several statements runs in one
// read transaction: what it returns existed together. Walk, for copies, goes by row number and takes a transaction for
// each page: a copy holds no snapshot, which would keep the log from being written back.
//
// # Invariants
//
//   - The file belongs to one process and one Engine in it (lock.go); hence Sole.
//   - A position above 0 names one document; feed holds exactly the tokens and left tokens of each document with such a
//     position; carried holds exactly the tokens of living documents.
//   - writers.last never falls.
//
// # What it refuses
//
// It knows nothing of watermarks, sealing, scopes or the content of a body; it repeats no write of its own accord after
// an unknown outcome; it answers no query that no declared index serves.
package sqlite

// Package mongo is the engine of the store for many machines: one collection of a MongoDB-compatible server.
//
// # Model
//
// All kinds stand in the collection "docs", one document each (codec.go has its fields). The key is kind and id, and is
// the only unique value, so that the collection can be sharded by a hash of it. Present tokens and those that a document
// has left stand in one array. Declared indexes are plain compound ones over {live, fields…, _id}, where live is the
// kind of a living document and absent of a removed one; kinds that declare the same fields share an index. A view a
// kind shows people the living documents without their restricted part.
//
// # Writing
//
// One command a document, those of one call side by side, each on a majority's disks before it is answered. Base 0 is an
// insert, a base above 0 replaces where {_id, rev: base}; there is no upsert, transaction or change stream, so a server
// needs none of them.
//
// An outcome is what the server said of it and a majority confirmed: written, or no such version (no match, key taken).
// MongoDB lets a write that changes nothing wait until a majority has what it was refused for, so a stale is as firm as
// an ok. Everything else is unknown: a time-out, a broken line, a write concern that was not met, any other error. The
// driver's retryable writes are off, also where the URI asks for them: the store repeats a write itself, with a new seq,
// and a server that does not know the first attempt again would answer the second as stale although it was ours
// (docs/adr/0010).
//
// # Reading
//
// From the primary, what a majority has, in causally consistent sessions. A session serves one command at a time, so
// each call has one of its own, and the engine carries the newest operation time from call to call: no answer is older
// than one before it, on any shard and after any change of primary (docs/adr/0011). That is what lets a reader take the
// watermarks first and trust the ranges after them.
//
// Each query names its index. Range and Scan come in the index's order, merged over the tokens; nothing is sorted.
//
// # Time-outs
//
// Every call ends within Options.Timeout, on a server that is paused as on one that is gone. Reads are repeated within
// that time by the driver.
//
// # Invariants
//
//   - rev and position change together with the document: it is replaced as a whole.
//   - Nothing is written that a caller did not ask for in this call; nothing is written twice.
//   - No answer to a read is older than an earlier answer of this engine.
//   - Open changes nothing but missing indexes and views.
//
// # What it refuses
//
// It is no store.Sole: others may write, so watermarks are published and writers sealed. It knows nothing of them; the
// registry is documents to it. It answers no query that no declared index serves. It drops no index: a node of the
// former version may still ask for it.
//
// # What it cannot do
//
// A server that has just lost its place as primary without knowing may answer a node which has seen nothing newer. What
// it says is true of a moment ago: no reader misses anything by it, but one who comes from another node with a newer
// mark can be told to begin anew.
package mongo

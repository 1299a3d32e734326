// Package store keeps Paicha's documents and feeds their changes to readers who must miss none of them.
//
// # Model
//
// Every synced thing is a document (Doc). A write is a compare-and-set on its Rev, atomic for that document alone and
// durable before it is answered; no multi-document transaction is assumed anywhere. What a program does with several
// documents it makes restartable instead (see package sync, pending effects).
//
// The algorithm of the feed lives once, in this package, over a small Engine. Adapters supply engines.
//
// # The feed
//
// The classic defect of sequence cursors: A takes 4, B takes 5, B commits first, a reader at 5 never sees 4. Here a
// writer is one process lifetime, registered durably before its first write; it numbers its writes itself, and a
// document's position changes together with the document. A writer's watermark is the highest seq below which every
// outcome is resolved. Readers take the watermarks first and then, of each writer, what lies above their cursor and at
// or below the watermark.
//
// An unknown outcome (time-out, lost connection) holds the watermark until the document is seen past its base, forced
// if need be by writing again on the same base with a new seq: then the late write must be stale.
//
// # Sealing
//
// A dead writer is closed by a compare-and-set on its entry, which freezes its watermark, and then listed in the head
// document's seals with that watermark as its final. Nobody reads past a final. What the writer wrote above it, before
// or after, is re-stamped (same content, new rev and position) by whoever finds it: the writer itself, which checks
// after each write and before the answer that it is unsealed, or a sweep. Publishing the watermark is itself a
// compare-and-set on the entry, so it is that check.
//
// On a Sole engine (SQLite behind a process lock) nobody else can write, so watermarks stay in memory and the writer of
// a former process is sealed at its last committed seq.
//
// # Copies
//
// A backup, and moving to another engine, copy a history while it is written (Origin.Copy): the watermarks first, then a
// walk over all documents, then rounds that take again what was written above the marks of the round before, until a
// round brings little. The marks taken before the last round are the finals that the copy names.
//
// What the copy holds: each document as it stood when the walk began, or later, because the walk named it after that. So
// whatever was acknowledged before the copy began is in it, with any number of nodes. Of one node it also holds whatever
// stands at or below its final: a range has no upper bound and is read in rising order until nothing is ahead, and a
// document that is rewritten meanwhile only moves up. With several nodes a document escapes a round if another node,
// whose range was read before, rewrites it during the round; then it is in the next one, and after the last it is held as
// of an earlier round: older, never older than the beginning.
//
// That is enough, because a document is self-contained: body, tokens, leavings and memory of mutations are one version.
// What spans documents completes itself, as after a crash: an inspection names its hazards in pendingEffects until they
// are durable, and the next start looks there; a hazard without the submission that caused it waits for the tablet, which
// sends it again in the new epoch, to the same id; evidence is looked for from both sides. Photos are copied after the
// documents: their bytes were durable before a document said that they arrived.
//
// A document above the final of its writer may be in the copy too: its write was done, and perhaps answered, while the
// last round ran, or its outcome was not resolved. It is kept, since it may have been answered, and it does no harm if it
// was not: its device asks again and finds its mutation in the document's memory. It is re-stamped like any document
// above a final.
//
// A copy begins a new epoch (Arrival.Begin): the old writers are sealed at their finals, and no cursor of the old epoch is
// good, since its reader may have seen what the copy does not hold. Revs, positions and leavings stay as they were. Until
// then no Store opens on it. A store that sees another epoch than the one it was opened in answers ErrEpoch from then on:
// its process has to stop. On a Sole engine that cannot happen.
//
// # Invariants
//
//   - A Mark component never decreases, and what lies at or below it has been offered to its reader.
//   - A document has one position; an older version is not in the feed any more.
//   - A removed document keeps its tombstone: its id is not used again.
//   - A removal is told only to cursors that had not passed the leaving.
package store

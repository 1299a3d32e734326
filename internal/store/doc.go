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
// # Invariants
//
//   - A Mark component never decreases, and what lies at or below it has been offered to its reader.
//   - A document has one position; an older version is not in the feed any more.
//   - A removed document keeps its tombstone: its id is not used again.
//   - A removal is told only to cursors that had not passed the leaving.
package store

// Package audit keeps the append-only Merkle log of who did what: one leaf for each history entry of each document.
//
// # Leaves
//
// A leaf (Leaf) is the canonical JSON (RFC 8785) of one entry with the document's kind and id, the entry's place in the
// history, and the revision and SHA-256 of the body that it was taken from. Kinds with a history are in the table sources;
// of evidence the arrivals of photos are the history, without what the server finds out about a photo later. Restricted
// parts are in no leaf: that there is one must not show.
//
// The tree is RFC 6962's, by golang.org/x/mod/sumdb/tlog; heads are C2SP checkpoints, signed with Ed25519 as notes
// (golang.org/x/mod/sumdb/note). Nothing here hashes a tree itself.
//
// # Documents
//
// The log stands in documents that no reader has a token for, on any engine:
//
//	logHead/log               size, root, cursor, signed note; replaced by compare-and-set
//	logBatch/<first leaf>     the leaves that were added at once; inserted, never changed
//	logTile/<tile path>       hashes, as tlog cuts the tree into tiles; inserted, never changed
//	logSubject/<kind>/<id>    which leaves the entries of one document have; only grows
//
// After a restore there may be tiles and subjects above the head whose batch the backup does not have: a new epoch begins
// with a walk, which takes the subjects' part away before anything is appended (tidy), and such a tile is replaced.
//
// # Appending
//
// A Sequencer reads the feed of all documents from the cursor in the head and compares each history with its subject
// document. What is new becomes the batch at the head's size. The insert of that batch is the one decision: of several
// nodes one succeeds, and the others take the batch that they find. Everything after it follows from the batch alone, so
// that whoever comes next completes it after a crash at any step: tiles, then subjects, and then the head. A batch above
// the head is there at most once, and is always completed before another is proposed.
//
// Why nothing is logged twice: a batch is proposed from subjects that were read after the head. All batches below that
// head had reached their subjects before the head moved; a batch at the head makes the insert fail. Why nothing is lost:
// a cursor is kept only together with the batch of what lies below it, and when the feed answers reset, all documents are
// walked again.
//
// # What it refuses
//
// It never rewrites a leaf. A history entry that no longer equals its leaf is reported and left as it is. A head signed by
// another key, and tiles that do not give the head's root, stop the sequencer until a person has looked.
package audit

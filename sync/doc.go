// Package sync is the protocol between tablets and the server: mutations go up, documents come down, photos travel
// apart. docs/protocol.md is the source of truth; importers write fieldsync for this package.
//
// # Up
//
// A tablet pushes mutations, which are named commands with ids of the tablet's making. Push takes them apart by root
// (an inspection and what is derived from it), applies each root's in order to what it reads from the store, and
// commits the results by compare-and-set, starting over where somebody was faster. The verdict of each mutation is kept
// with the document it was about (memory.go), or in a receipt where there is none, before it is answered: a retry gets
// the first answer.
//
// An inspection's findings become hazards after the inspection is durable. It names them in pendingEffects until they
// are durable too; whoever meets an inspection with pending effects, a duplicate push or the recovery at start,
// completes them. Hazard ids are derived from the finding, so doing it twice comes to the same.
//
// # Down
//
// A pull reads the store's feed through the tokens that the person holds now, and copies bytes. What an audience may
// not see is a separate part of the document and is chosen, never filtered.
//
// # What this package refuses to do
//
// It orders nothing by a tablet's clock, drops nothing that was pushed, and never tells by an answer whether a hazard
// or photo exists that the asker may not see. Of an inspection whose id somebody knows it tells by the refusal alone.
package sync

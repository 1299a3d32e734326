package store

import "context"

// Engine is what an adapter supplies: durable documents with compare-and-set, and reads in position order.
// It knows nothing of watermarks, sealing or cursors. storetest.Engine is its definition by test.
type Engine interface {
	// Get returns the documents in the order of refs, tombstones too; an absent one has Rev 0.
	// It reads what is durable (majority), never an older state than one it returned before.
	Get(ctx context.Context, refs []Ref) ([]Doc, error)

	// Put writes each document whose stored Rev equals Base, atomically for that document alone, and returns one
	// status each, in order. OK means durable before Put returned. Two puts of one document in one call are tried in order.
	// An error means that every outcome is Unknown; a put that was not applied may still be applied later.
	Put(ctx context.Context, puts []Put) ([]Status, error)

	// Range returns the documents whose Position is of r.Writer with r.After < Seq ≤ r.UpTo and which carry, now or
	// in Left, one of r.Tokens (nil: all), by rising Seq. more tells that the limit cut the answer.
	Range(ctx context.Context, r Range) (docs []Doc, more bool, err error)

	// Last returns the highest Seq ≤ upTo of w at which a document stands that carries, now or in Left, one of
	// tokens; 0 if there is none.
	Last(ctx context.Context, w WriterID, upTo Seq, tokens []Token) (Seq, error)

	// Scan walks the living documents that carry one of s.Tokens, in an order of the engine's choosing, from where
	// after points; next is empty when it is done. A document that carries the token from the first page to the last
	// is named at least once; one written meanwhile may be named twice.
	Scan(ctx context.Context, s Scan) (docs []Doc, next ScanKey, err error)

	Find(ctx context.Context, q Query) (Page, error)
	Group(ctx context.Context, g Grouping) ([]Bucket, error)
}

// Sole is the further ability of an engine that one process holds alone, as SQLite behind a lock does: a writer of a
// dead process has no late writes, so its last committed seq is its watermark, and nobody can seal a living one.
type Sole interface {
	// LastSeq returns the highest seq durably written by w, 0 if none.
	LastSeq(ctx context.Context, w WriterID) (Seq, error)
}

// Put is one compare-and-set: Doc, complete with Rev = Base+1 and Position, replaces the version Base.
// Base 0 inserts; an insert over an existing document is stale, never an update.
type Put struct {
	Base Rev
	Doc  Doc
}

// Range asks for documents by position. UpTo 0 means no upper bound.
type Range struct {
	Writer WriterID
	After  Seq
	UpTo   Seq
	Tokens []Token
	Limit  Limit
}

// Scan asks for documents by token. Tokens are sorted.
type Scan struct {
	Tokens []Token
	After  ScanKey
	Limit  Limit
}

// ScanKey is a place in a scan; opaque to all but the engine that made it. Empty is the beginning and the end.
type ScanKey string

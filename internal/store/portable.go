package store

import (
	"bytes"
	"context"
	"maps"
	"slices"
)

// Portable is the further ability of an engine to give all its documents away and to take documents in as they are:
// backup, restore and moving to another engine are made of it. storetest.Portable is its definition by test.
//
// On SQLite Walk goes by row number and Load is LoadOver. On MongoDB Walk is a plain find by ranges of _id, majority
// concern, without any filter on kind or removal; Load may be LoadOver too, or faster an unordered insertMany
// (w:majority, j:true), after which LoadOver takes care of what the key refused.
type Portable interface {
	// Walk returns documents of every kind, tombstones and the store's own too, complete, in an order of the engine's
	// choosing that no write changes, from where after points; next is empty when it is done. A document that exists
	// from the first page to the last is named at least once, as it was at some moment between. A key stays good as
	// long as the data: another process may go on with it.
	Walk(ctx context.Context, after ScanKey, limit Limit) (docs []Doc, next ScanKey, err error)

	// Load stores documents as they are, with their Rev, Position and Left, durably. Of two versions of a document the
	// one with the higher Rev stays, in whatever order and however often they come. Another content under a Rev that
	// is stored is ErrLoadDiffers, and then the stored one stays. Nobody else writes to the engine meanwhile. After
	// any other error some of docs may be stored: again is harmless.
	Load(ctx context.Context, docs []Doc) error
}

// LoadOver is Load for an engine that has no faster way, by looking and then putting.
func LoadOver(ctx context.Context, e Engine, docs []Doc) error {
	newest := make([]Doc, 0, len(docs))
	at := make(map[Ref]int, len(docs))
	for _, d := range docs {
		i, again := at[d.Ref]
		switch {
		case !again:
			at[d.Ref] = len(newest)
			newest = append(newest, d)
		case newest[i].Rev == d.Rev && !Same(newest[i], d):
			return ErrLoadDiffers.At(d.pointer())
		case newest[i].Rev < d.Rev:
			newest[i] = d
		}
	}
	var last error
	for range 4 { // an outcome that is not known is looked at again
		refs := make([]Ref, len(newest))
		for i, d := range newest {
			refs[i] = d.Ref
		}
		have, err := e.Get(ctx, refs)
		if err != nil {
			return err
		}
		var puts []Put
		for i, d := range newest {
			switch h := have[i]; {
			case h.Rev < d.Rev:
				puts = append(puts, Put{Base: h.Rev, Doc: d})
			case h.Rev == d.Rev && !Same(h, d):
				return ErrLoadDiffers.At(d.pointer())
			}
		}
		if len(puts) == 0 {
			return nil
		}
		var statuses []Status
		if statuses, last = e.Put(ctx, puts); last == nil && !slices.ContainsFunc(statuses, func(s Status) bool { return s != OK }) {
			return nil
		}
	}
	return ErrUnavailable.Because(last)
}

func (d Doc) pointer() string { return "/" + string(d.Kind) + "/" + d.ID }

// Same reports whether two documents are equal in every part. Bytes that are nil differ from empty ones, as they do for
// an engine; lists that are nil do not.
func Same(a, b Doc) bool {
	blob := func(x, y []byte) bool { return bytes.Equal(x, y) && (x == nil) == (y == nil) }
	return a.Ref == b.Ref && a.Rev == b.Rev && a.Position == b.Position && a.Removed == b.Removed &&
		slices.Equal(a.Tokens, b.Tokens) && maps.Equal(a.Fields, b.Fields) &&
		slices.EqualFunc(a.Left, b.Left, func(x, y Left) bool {
			return x.Token == y.Token && x.Position == y.Position && x.At.Equal(y.At)
		}) &&
		blob(a.Body, b.Body) && blob(a.Restricted, b.Restricted) && blob(a.Memory, b.Memory)
}

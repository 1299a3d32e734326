package mongo

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"paicha/internal/store"
)

// Put implements store.Engine: one command a document, those of different documents side by side. Unknown is whatever
// the server did not answer for: time-outs, lost connections, a majority that did not confirm, errors that do not say
// that nothing was written. If nothing at all is known, the first error is returned instead.
func (e *Engine) Put(ctx context.Context, puts []store.Put) ([]store.Status, error) {
	if err := e.state(ctx); err != nil {
		return nil, err
	}
	if len(puts) == 0 {
		return nil, nil
	}
	statuses := make([]store.Status, len(puts))
	errs := make([]error, len(puts))
	until := time.Now().Add(e.options.Timeout) // all of them together
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	var wg sync.WaitGroup
chains:
	for _, c := range chains(puts) {
		select {
		case e.slots <- struct{}{}:
		case <-waiting.Done():
			break chains
		}
		wg.Go(func() {
			defer func() { <-e.slots }()
			for _, i := range c {
				statuses[i], errs[i] = e.put(ctx, &puts[i], time.Until(until))
				if statuses[i] == store.Unknown {
					break // what follows it in the same document could not be told from what is still to come
				}
			}
		})
	}
	wg.Wait()
	var first error
	for i, st := range statuses {
		if st != store.Unknown {
			return statuses, nil
		}
		if first == nil {
			first = errs[i]
		}
	}
	return nil, firstOf(first, ctx.Err(), store.ErrUnavailable)
}

// chains groups the puts by document: one after the other within a chain, chains side by side.
func chains(puts []store.Put) [][]int {
	out := make([][]int, 0, len(puts))
	seen := make(map[store.Ref]int, len(puts))
	for i := range puts {
		if j, ok := seen[puts[i].Doc.Ref]; ok {
			out[j] = append(out[j], i)
			continue
		}
		seen[puts[i].Doc.Ref] = len(out)
		out = append(out, []int{i})
	}
	return out
}

// put tries one compare-and-set. It never upserts: base 0 is an insert, which the key refuses where there is a document;
// a base above 0 replaces the version with that rev, and matches nothing where there is another.
func (e *Engine) put(ctx context.Context, p *store.Put, limit time.Duration) (store.Status, error) {
	doc, err := encode(&p.Doc)
	if err != nil {
		return store.Unknown, store.ErrUnavailable.Because(err)
	}
	st := store.Unknown
	err = e.call(ctx, limit, func(ctx context.Context) error {
		if p.Base == 0 {
			_, err := e.docs.InsertOne(ctx, doc)
			if taken(err) {
				st = store.Stale
				return nil
			}
			if err == nil {
				st = store.OK
			}
			return err
		}
		filter := bson.D{{Key: fieldID, Value: key(p.Doc.Ref)}, {Key: fieldRev, Value: int64(p.Base)}}
		r, err := e.docs.ReplaceOne(ctx, filter, doc)
		if err != nil {
			return err
		}
		st = store.OK
		if r.MatchedCount == 0 {
			st = store.Stale
		}
		return nil
	})
	return st, err
}

// taken tells whether an insert was refused because the key exists, and a majority confirms it. A refusal that only one
// server has seen may be undone by a change of primary, and then the document is not past the base after all.
func taken(err error) bool {
	var w mongo.WriteException
	if !errors.As(err, &w) || w.WriteConcernError != nil || len(w.WriteErrors) == 0 {
		return false
	}
	for _, we := range w.WriteErrors {
		if we.Code != duplicateKey {
			return false
		}
	}
	return true
}

// Codes of the server's errors.
const (
	namespaceExists     = 48
	commandNotFound     = 59
	commandNotSupported = 115
	notImplemented      = 238
	duplicateKey        = 11000
)

// firstOf returns the first error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

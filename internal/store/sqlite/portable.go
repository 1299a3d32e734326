package sqlite

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"paicha/internal/store"
)

// Walk implements store.Portable, in the order of the documents' row numbers, which never change; what is new comes last.
func (e *Engine) Walk(ctx context.Context, from store.ScanKey, limit store.Limit) (docs []store.Doc, next store.ScanKey, err error) {
	if err := e.state(ctx); err != nil {
		return nil, "", err
	}
	var after int64
	if from != "" {
		if after, err = strconv.ParseInt(string(from), 36, 64); err != nil || after < 0 {
			return nil, "", store.ErrReset.Because(fmt.Errorf("walk key %q", from))
		}
	}
	err = e.read(ctx, func(r *reader) error {
		var last int64
		var more bool
		var err error
		docs, last, more, err = r.page(walk{st: r.every, tokens: []int64{0}, after: after, upTo: math.MaxInt64, limit: limit})
		if more {
			next = store.ScanKey(strconv.FormatInt(last, 36))
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return docs, next, nil
}

// Load implements store.Portable.
func (e *Engine) Load(ctx context.Context, docs []store.Doc) error {
	return store.LoadOver(ctx, e, docs)
}

package sqlite

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"paicha/internal/store"
)

// Scan implements store.Engine. It walks all tokens at once in the order of the documents' row numbers, which never
// change: a document that carries one of the tokens throughout is named exactly once, whatever is written meanwhile.
// (In position order a document could move behind the scan; token by token it could gain a token that was done.)
func (e *Engine) Scan(ctx context.Context, s store.Scan) (docs []store.Doc, next store.ScanKey, err error) {
	if err := e.state(ctx); err != nil {
		return nil, "", err
	}
	var after int64
	if s.After != "" {
		if after, err = strconv.ParseInt(string(s.After), 36, 64); err != nil || after < 0 {
			return nil, "", store.ErrReset.Because(fmt.Errorf("scan key %q", s.After))
		}
	}
	if len(s.Tokens) == 0 {
		return nil, "", nil
	}
	err = e.read(ctx, func(r *reader) error {
		tokens, err := r.tokenNumbers(s.Tokens)
		if err != nil {
			return err
		}
		var last int64
		var more bool
		docs, last, more, err = r.page(walk{st: r.carried, tokens: tokens, after: after, upTo: math.MaxInt64, limit: s.Limit})
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

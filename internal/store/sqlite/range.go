package sqlite

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
)

// Range implements store.Engine. When nothing was written after r.After it asks no statement at all: the last committed
// seq of each writer is in memory, and most polls of most tablets find nothing.
func (e *Engine) Range(ctx context.Context, q store.Range) (docs []store.Doc, more bool, err error) {
	if err := e.state(ctx); err != nil {
		return nil, false, err
	}
	writer, last, ok := e.names.writer(q.Writer)
	upTo := last
	if q.UpTo > 0 {
		upTo = min(last, q.UpTo)
	}
	if !ok || q.After >= upTo || (q.Tokens != nil && len(q.Tokens) == 0) {
		return nil, false, nil
	}
	err = e.read(ctx, func(r *reader) error {
		w := walk{st: r.feed, writer: writer, after: int64(q.After), upTo: int64(upTo), limit: q.Limit}
		if q.Tokens == nil {
			w.st, w.tokens = r.position, []int64{0}
		} else if w.tokens, err = r.tokenNumbers(q.Tokens); err != nil {
			return err
		}
		docs, _, more, err = r.page(w)
		return err
	})
	return docs, more, err
}

// Last implements store.Engine.
func (e *Engine) Last(ctx context.Context, w store.WriterID, upTo store.Seq, tokens []store.Token) (last store.Seq, err error) {
	if err := e.state(ctx); err != nil {
		return 0, err
	}
	writer, _, ok := e.names.writer(w)
	if !ok {
		return 0, nil
	}
	err = e.read(ctx, func(r *reader) error {
		numbers, err := r.tokenNumbers(tokens)
		if err != nil {
			return err
		}
		st := r.last
		if err := firstOf(st.BindInt64(2, writer), st.BindInt64(3, int64(upTo))); err != nil {
			return err
		}
		for _, t := range numbers {
			if err := st.BindInt64(1, t); err != nil {
				return err
			}
			if st.Step() {
				last = max(last, store.Seq(st.ColumnInt64(0)))
			}
			if err := firstOf(st.Err(), st.Reset()); err != nil {
				return err
			}
		}
		return nil
	})
	return last, err
}

// LastSeq implements store.Sole.
func (e *Engine) LastSeq(ctx context.Context, w store.WriterID) (store.Seq, error) {
	if err := e.state(ctx); err != nil {
		return 0, err
	}
	_, last, _ := e.names.writer(w)
	return last, nil
}

// walk is an ordered walk over several tokens at once: st yields (key, no) by rising key for one token, its parameters
// are token, after, upTo, count, and writer unless that is 0.
type walk struct {
	st     *sqlite3.Stmt
	tokens []int64
	writer int64
	after  int64
	upTo   int64
	limit  store.Limit
}

// place is where a document stands in a walk.
type place struct{ key, no int64 }

// chunk is how many places one token is asked for at a time when a page has no limit of documents.
const chunk = 256

// page merges the tokens' places, each document once, and reads the documents up to the limits. last is the key of the
// last document; more tells that a limit cut the walk.
func (r *reader) page(w walk) (docs []store.Doc, last int64, more bool, err error) {
	n := chunk
	if w.limit.Docs > 0 {
		n = min(n, w.limit.Docs+1)
	}
	bytes := 0
	for {
		places, cut, err := r.gather(w, n)
		if err != nil {
			return nil, 0, false, err
		}
		for _, p := range places {
			if w.limit.Docs > 0 && len(docs) >= w.limit.Docs {
				return docs, last, true, nil
			}
			d, err := r.byNumber(p.no)
			if err != nil {
				return nil, 0, false, err
			}
			if bytes += size(&d); w.limit.Bytes > 0 && bytes > w.limit.Bytes && len(docs) > 0 {
				return docs, last, true, nil
			}
			docs = append(docs, d)
			last = p.key
		}
		if cut == math.MaxInt64 {
			return docs, last, false, nil
		}
		w.after = cut
	}
}

// gather returns the next places of all tokens by rising key, each once. Above cut some token may have places that were
// not asked for; what lies above it is left for the next round. The slice is good until the next call.
func (r *reader) gather(w walk, n int) (places []place, cut int64, err error) {
	places, cut = r.places[:0], math.MaxInt64
	st := w.st
	err = firstOf(st.BindInt64(2, w.after), st.BindInt64(3, w.upTo), st.BindInt64(4, int64(n)))
	if err == nil && w.writer != 0 {
		err = st.BindInt64(5, w.writer)
	}
	if err != nil {
		return nil, 0, err
	}
	for _, t := range w.tokens {
		if err := st.BindInt64(1, t); err != nil {
			return nil, 0, err
		}
		from := len(places)
		for st.Step() {
			places = append(places, place{st.ColumnInt64(0), st.ColumnInt64(1)})
		}
		if err := firstOf(st.Err(), st.Reset()); err != nil {
			return nil, 0, err
		}
		if len(places)-from == n {
			cut = min(cut, places[len(places)-1].key)
		}
	}
	r.places = places
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.key, b.key) })
	places = slices.Compact(places)
	i, _ := slices.BinarySearchFunc(places, cut, func(p place, key int64) int {
		if p.key <= key {
			return -1
		}
		return 1
	})
	return places[:i], cut, nil
}

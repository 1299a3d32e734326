package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
)

// Group implements store.Engine; buckets come by rising key. It reads no bodies, and only an index where one begins with
// a condition. A field that holds text adds nothing to a sum.
func (e *Engine) Group(ctx context.Context, g store.Grouping) (buckets []store.Bucket, err error) {
	if err := e.state(ctx); err != nil {
		return nil, err
	}
	for _, f := range append(append([]string(nil), g.By...), g.Sum...) {
		if !store.Plain(f) {
			return nil, store.ErrNoIndex.Because(fmt.Errorf("field %q", f))
		}
	}
	source := "docs d"
	if x, ok := e.indexes.Serving(g.Kind, g.Where, ""); ok {
		source += " INDEXED BY " + sqlite3.QuoteIdentifier(indexName(x))
	}
	var cols, keys []string
	for i, f := range g.By {
		cols = append(cols, "ifnull("+extract("d.", f)+", '')")
		keys = append(keys, fmt.Sprint(i+1))
	}
	cols = append(cols, "count(*)")
	for _, f := range g.Sum {
		x := extract("d.", f)
		cols = append(cols, "ifnull(sum(CASE typeof("+x+") WHEN 'integer' THEN "+x+" END), 0)")
	}
	err = e.read(ctx, func(r *reader) error {
		s := newSelection(g.Kind)
		if err := s.where(g.Where); err != nil {
			return err
		}
		if err := s.tokens(r, g.Tokens); err != nil {
			return err
		}
		sql := `SELECT ` + strings.Join(cols, ", ") + ` FROM ` + source + ` WHERE ` + s.String()
		if len(keys) > 0 {
			list := strings.Join(keys, ", ")
			sql += ` GROUP BY ` + list + ` ORDER BY ` + list
		}
		st, err := r.shape(sql)
		if err != nil {
			return err
		}
		if err := s.bind(st); err != nil {
			return err
		}
		for st.Step() {
			b := store.Bucket{Count: st.ColumnInt64(len(g.By))}
			if b.Count == 0 { // the one row of a sum over nothing
				continue
			}
			for i := range g.By {
				b.Key = append(b.Key, value(st, i))
			}
			for i := range g.Sum {
				b.Sums = append(b.Sums, st.ColumnInt64(len(g.By)+1+i))
			}
			buckets = append(buckets, b)
		}
		return firstOf(st.Err(), st.Reset())
	})
	if err != nil {
		return nil, err
	}
	return buckets, nil
}

func value(st *sqlite3.Stmt, col int) store.Value {
	if st.ColumnType(col) == sqlite3.INTEGER {
		return store.Num(st.ColumnInt64(col))
	}
	return store.Text(st.ColumnText(col))
}

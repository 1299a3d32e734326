package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
)

// Find implements store.Engine. A query is served when one declared index of the kind has all its fields and begins
// with one of them; a query without fields, by id, always is.
//
// The declared index is named in the SQL, so the plan does not depend on what the planner believes of the data.
func (e *Engine) Find(ctx context.Context, q store.Query) (store.Page, error) {
	var page store.Page
	if err := e.state(ctx); err != nil {
		return page, err
	}
	source := "docs d"
	if len(q.Where) > 0 || q.Order != "" {
		x, ok := e.indexes.Serving(q.Kind, q.Where, q.Order)
		if !ok {
			return page, store.ErrNoIndex.Because(fmt.Errorf("%s: %v order %q", q.Kind, q.Where, q.Order))
		}
		source += " INDEXED BY " + sqlite3.QuoteIdentifier(indexName(x))
	}
	err := e.read(ctx, func(r *reader) error {
		s := newSelection(q.Kind)
		if err := s.where(q.Where); err != nil {
			return err
		}
		if err := s.tokens(r, q.Tokens); err != nil {
			return err
		}
		if err := s.tokens(r, q.Also); err != nil {
			return err
		}
		s.keyset(q)
		sql := `SELECT ` + columns + `, d.kind, d.id FROM ` + source + ` CROSS JOIN bodies b ON b.no = d.no WHERE ` +
			s.String() + ` ORDER BY ` + s.order
		if q.Limit > 0 {
			sql += ` LIMIT ` + s.arg(store.Num(int64(q.Limit)+1))
		}
		st, err := r.shape(sql)
		if err != nil {
			return err
		}
		if err := s.bind(st); err != nil {
			return err
		}
		more := false
		for st.Step() {
			if q.Limit > 0 && len(page.Docs) == q.Limit {
				more = true
				break
			}
			var d store.Doc
			if err := r.decodeNamed(st, &d); err != nil {
				return err
			}
			page.Docs = append(page.Docs, d)
		}
		if err := firstOf(st.Err(), st.Reset()); err != nil {
			return err
		}
		if more {
			d := page.Docs[len(page.Docs)-1]
			page.Next.ID = d.ID
			if q.Order != "" {
				page.Next.Value = d.Fields[q.Order]
			}
		}
		return nil
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}

// selection collects the conditions of a statement and the values that they bind.
type selection struct {
	terms []string
	args  []store.Value
	order string
}

func newSelection(k store.Kind) *selection {
	return &selection{terms: []string{"d.kind = " + sqlite3.Quote(string(k)), "d.removed = ''"}}
}

func (s *selection) String() string { return strings.Join(s.terms, " AND ") }

// arg keeps a value and returns its placeholder.
func (s *selection) arg(v store.Value) string {
	s.args = append(s.args, v)
	return fmt.Sprintf("?%d", len(s.args))
}

func (s *selection) bind(st *sqlite3.Stmt) error {
	for i, v := range s.args {
		var err error
		if v.IsNum {
			err = st.BindInt64(i+1, v.Num)
		} else {
			err = st.BindText(i+1, v.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// where adds conditions. Numbers and text do not compare: SQLite puts every number before every text, so a comparison
// is bounded by the empty text, the least of all texts.
func (s *selection) where(conds []store.Cond) error {
	for _, c := range conds {
		if !store.Plain(c.Field) || c.Op != store.In && len(c.Values) != 1 {
			return store.ErrNoIndex.Because(fmt.Errorf("condition %v", c))
		}
		x := extract("d.", c.Field)
		switch c.Op {
		case store.Eq:
			s.terms = append(s.terms, x+" = "+s.arg(c.Values[0]))
		case store.In:
			holders := make([]string, len(c.Values))
			for i, v := range c.Values {
				holders[i] = s.arg(v)
			}
			s.terms = append(s.terms, x+" IN ("+strings.Join(holders, ", ")+")")
		case store.Lt:
			s.terms = append(s.terms, x+" < "+s.arg(c.Values[0]))
			if !c.Values[0].IsNum {
				s.terms = append(s.terms, x+" >= ''")
			}
		case store.Ge:
			s.terms = append(s.terms, x+" >= "+s.arg(c.Values[0]))
			if c.Values[0].IsNum {
				s.terms = append(s.terms, x+" < ''")
			}
		default:
			return store.ErrNoIndex.Because(fmt.Errorf("operation %d", c.Op))
		}
	}
	return nil
}

// tokens adds that the document carries one of the tokens; none means all documents. The number of placeholders is
// rounded up so that few statements are compiled for many lengths.
func (s *selection) tokens(r *reader, ts []store.Token) error {
	if len(ts) == 0 {
		return nil
	}
	nos, err := r.tokenNumbers(ts)
	if err != nil {
		return err
	}
	n := 1
	for n < len(nos) {
		n *= 2
	}
	holders := make([]string, n)
	for i := range holders {
		no := int64(0) // no token has this number
		if i < len(nos) {
			no = nos[i]
		}
		holders[i] = s.arg(store.Num(no))
	}
	s.terms = append(s.terms, `EXISTS (SELECT 1 FROM carried c WHERE c.no = d.no AND c.token IN (`+strings.Join(holders, ", ")+`))`)
	return nil
}

// keyset adds the order and where the page begins. Ties of the order field go by id in the same direction.
func (s *selection) keyset(q store.Query) {
	way, dir := ">", ""
	if q.Desc {
		way, dir = "<", " DESC"
	}
	s.order = "d.id" + dir
	if q.Order == "" {
		if q.After.ID != "" {
			s.terms = append(s.terms, "d.id "+way+" "+s.arg(store.Text(q.After.ID)))
		}
		return
	}
	x := extract("d.", q.Order)
	s.order = x + dir + ", " + s.order
	s.terms = append(s.terms, x+" IS NOT NULL")
	if q.After.ID != "" {
		v, id := s.arg(q.After.Value), s.arg(store.Text(q.After.ID))
		s.terms = append(s.terms, fmt.Sprintf("%s %s= %s AND (%s %s %s OR d.id %s %s)", x, way, v, x, way, v, way, id))
	}
}

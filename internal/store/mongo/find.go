package mongo

import (
	"context"
	"fmt"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"paicha/internal/store"
)

// Find implements store.Engine. A query is served when one declared index of the kind has all its fields and begins
// with one of them; a query without fields, by id, always is. The index is named to the server, so the plan does not
// depend on what its planner believes of the data.
func (e *Engine) Find(ctx context.Context, q store.Query) (store.Page, error) {
	var page store.Page
	if err := e.state(ctx); err != nil {
		return page, err
	}
	index := "_id_"
	if len(q.Where) > 0 || q.Order != "" {
		x, ok := e.indexes.Serving(q.Kind, q.Where, q.Order)
		if !ok {
			return page, store.ErrNoIndex.Because(fmt.Errorf("%s: %v order %q", q.Kind, q.Where, q.Order))
		}
		index = indexName(x)
	}
	base, err := selection(q.Kind, q.Tokens, q.Also, q.Where)
	if err != nil {
		return page, err
	}
	way := 1
	if q.Desc {
		way = -1
	}
	sort := bson.D{{Key: fieldID, Value: way}}
	if q.Order != "" {
		sort = bson.D{{Key: field(q.Order), Value: way}, {Key: fieldID, Value: way}}
	}
	more := false
	for _, from := range keyset(q) {
		limit := store.Limit{}
		if q.Limit > 0 {
			limit.Docs = q.Limit - len(page.Docs)
			if limit.Docs == 0 {
				limit.Docs = 1 // only to learn whether there is one
			}
		}
		filter := append(append(bson.D{}, base...), from...)
		docs, cut, err := e.page(ctx, filter, options.Find().SetSort(sort).SetHint(index), limit)
		if err != nil {
			return store.Page{}, err
		}
		if q.Limit > 0 && len(page.Docs) == q.Limit {
			more = len(docs) > 0
			break
		}
		page.Docs = append(page.Docs, docs...)
		if more = cut; more {
			break
		}
	}
	if more {
		d := page.Docs[len(page.Docs)-1]
		page.Next.ID = d.ID
		if q.Order != "" {
			page.Next.Value = d.Fields[q.Order]
		}
	}
	return page, nil
}

// field is the path of a searchable value.
func field(name string) string { return fieldFields + "." + name }

// selection selects living documents of a kind that carry one of the tokens (none: all) and one of also (none: no such
// condition), and meet the conditions.
func selection(k store.Kind, tokens, also []store.Token, where []store.Cond) (bson.D, error) {
	out := bson.D{{Key: fieldLive, Value: string(k)}}
	if len(tokens) > 0 {
		out = append(out, carrying(tokens))
	}
	if len(where)+len(also) == 0 {
		return out, nil
	}
	all := make(bson.A, 0, len(where)+1)
	if len(also) > 0 {
		all = append(all, bson.D{carrying(also)})
	}
	for _, c := range where {
		if !store.Plain(c.Field) || c.Op != store.In && len(c.Values) != 1 {
			return nil, store.ErrNoIndex.Because(fmt.Errorf("condition %v", c))
		}
		var x any
		switch c.Op { // the server compares numbers with numbers and text with text, as the port asks
		case store.Eq:
			x = scalar(c.Values[0])
		case store.In:
			values := make(bson.A, len(c.Values))
			for i, v := range c.Values {
				values[i] = scalar(v)
			}
			x = bson.D{{Key: "$in", Value: values}}
		case store.Lt:
			x = bson.D{{Key: "$lt", Value: scalar(c.Values[0])}}
		case store.Ge:
			x = bson.D{{Key: "$gte", Value: scalar(c.Values[0])}}
		default:
			return nil, store.ErrNoIndex.Because(fmt.Errorf("operation %d", c.Op))
		}
		all = append(all, bson.D{{Key: field(c.Field), Value: x}})
	}
	return append(out, bson.E{Key: "$and", Value: all}), nil
}

// keyset says where a page begins, as one filter, or as two that are to be read one after the other: a field may hold
// numbers and text, numbers come first, and a comparison with one never reaches the other.
func keyset(q store.Query) []bson.D {
	beyond, least := "$gt", "$gte"
	if q.Desc {
		beyond, least = "$lt", "$lte"
	}
	if q.Order == "" {
		first, end := string(q.Kind)+"/", string(q.Kind)+"0" // '0' is the byte after '/'
		bounds := bson.D{{Key: "$gte", Value: first}, {Key: "$lt", Value: end}}
		if q.After.ID != "" {
			after := bson.E{Key: beyond, Value: first + q.After.ID}
			if q.Desc {
				bounds = bson.D{bounds[0], after}
			} else {
				bounds = bson.D{after, bounds[1]}
			}
		}
		return []bson.D{{{Key: fieldID, Value: bounds}}}
	}
	f := field(q.Order)
	if q.After == (store.PageKey{}) {
		return []bson.D{{{Key: f, Value: bson.D{{Key: "$ne", Value: nil}}}}} // documents without the field are left out
	}
	v := scalar(q.After.Value)
	from := []bson.D{{
		{Key: f, Value: bson.D{{Key: least, Value: v}}},
		{Key: "$or", Value: bson.A{
			bson.D{{Key: f, Value: bson.D{{Key: beyond, Value: v}}}},
			bson.D{{Key: fieldID, Value: bson.D{{Key: beyond, Value: key(store.Ref{Kind: q.Kind, ID: q.After.ID})}}}},
		}},
	}}
	switch {
	case q.After.Value.IsNum && !q.Desc:
		from = append(from, bson.D{{Key: f, Value: bson.D{{Key: "$gte", Value: ""}}}})
	case !q.After.Value.IsNum && q.Desc:
		from = append(from, bson.D{{Key: f, Value: bson.D{{Key: "$lte", Value: int64(math.MaxInt64)}}}})
	}
	return from
}

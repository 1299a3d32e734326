package mongo

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"paicha/internal/store"
)

// Group implements store.Engine; buckets come by rising key. It uses an index where one begins with a condition. A field
// that holds text adds nothing to a sum.
func (e *Engine) Group(ctx context.Context, g store.Grouping) ([]store.Bucket, error) {
	if err := e.state(ctx); err != nil {
		return nil, err
	}
	for _, f := range slices.Concat(g.By, g.Sum) {
		if !store.Plain(f) {
			return nil, store.ErrNoIndex.Because(fmt.Errorf("field %q", f))
		}
	}
	match, err := selection(g.Kind, g.Tokens, nil, g.Where)
	if err != nil {
		return nil, err
	}
	var by any
	if len(g.By) > 0 {
		parts := make(bson.D, len(g.By))
		for i, f := range g.By {
			parts[i] = bson.E{Key: part(i), Value: "$" + field(f)}
		}
		by = parts
	}
	group := bson.D{{Key: fieldID, Value: by}, {Key: "count", Value: bson.D{{Key: "$sum", Value: 1}}}}
	for i, f := range g.Sum {
		group = append(group, bson.E{Key: part(i), Value: bson.D{{Key: "$sum", Value: "$" + field(f)}}})
	}
	pipeline := bson.A{bson.D{{Key: "$match", Value: match}}, bson.D{{Key: "$group", Value: group}}}
	o := options.Aggregate()
	if x, ok := e.indexes.Serving(g.Kind, g.Where, ""); ok {
		o.SetHint(indexName(x))
	}
	var buckets []store.Bucket
	err = e.call(ctx, e.options.GroupTimeout, func(ctx context.Context) error {
		c, err := e.docs.Aggregate(ctx, pipeline, o)
		if err != nil {
			return err
		}
		for c.Next(ctx) {
			b, err := bucket(c.Current, g)
			if err != nil {
				return firstOf(err, c.Close(ctx))
			}
			buckets = append(buckets, b)
		}
		return firstOf(c.Err(), c.Close(ctx))
	})
	if err != nil {
		return nil, err
	}
	return join(buckets), nil
}

// part names the n-th part of a group's key, and its n-th sum.
func part(n int) string { return fmt.Sprintf("p%d", n) }

func bucket(raw bson.Raw, g store.Grouping) (b store.Bucket, err error) {
	var ok bool
	if b.Count, ok = raw.Lookup("count").AsInt64OK(); !ok {
		return b, errCorrupt
	}
	for i := range g.By {
		v := store.Text("") // absent, however the server puts it
		if x, err := raw.LookupErr(fieldID, part(i)); err == nil && x.Type != bson.TypeNull {
			if v, ok = value(x); !ok {
				return b, errCorrupt
			}
		}
		b.Key = append(b.Key, v)
	}
	for i := range g.Sum {
		n, ok := raw.Lookup(part(i)).AsInt64OK()
		if !ok {
			return b, errCorrupt
		}
		b.Sums = append(b.Sums, n)
	}
	return b, nil
}

// join sorts buckets, numbers before text, and adds up those of one key: a field that is absent counts as empty text,
// but to the server the two differ.
func join(bs []store.Bucket) []store.Bucket {
	slices.SortFunc(bs, func(a, b store.Bucket) int { return slices.CompareFunc(a.Key, b.Key, compare) })
	out := bs[:0]
	for _, b := range bs {
		if n := len(out); n > 0 && slices.Equal(out[n-1].Key, b.Key) {
			out[n-1].Count += b.Count
			for i := range b.Sums {
				out[n-1].Sums[i] += b.Sums[i]
			}
			continue
		}
		out = append(out, b)
	}
	return out
}

func compare(a, b store.Value) int {
	switch {
	case a.IsNum && b.IsNum:
		return cmp.Compare(a.Num, b.Num)
	case a.IsNum:
		return -1
	case b.IsNum:
		return 1
	}
	return cmp.Compare(a.Text, b.Text)
}

package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"paicha/internal/store"
)

// Get implements store.Engine. Like every read it is from the primary, of what a majority has, and not before anything
// that this engine has answered.
func (e *Engine) Get(ctx context.Context, refs []store.Ref) ([]store.Doc, error) {
	if err := e.state(ctx); err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, nil
	}
	filter := bson.D{{Key: fieldID, Value: key(refs[0])}}
	if len(refs) > 1 {
		keys := make(bson.A, len(refs))
		for i, r := range refs {
			keys[i] = key(r)
		}
		filter = bson.D{{Key: fieldID, Value: bson.D{{Key: "$in", Value: keys}}}}
	}
	found, _, err := e.page(ctx, filter, options.Find(), store.Limit{})
	if err != nil {
		return nil, err
	}
	byRef := make(map[store.Ref]int, len(found))
	for i := range found {
		byRef[found[i].Ref] = i
	}
	docs := make([]store.Doc, len(refs))
	for i, r := range refs {
		docs[i].Ref = r
		if j, ok := byRef[r]; ok {
			docs[i] = found[j]
		}
	}
	return docs, nil
}

// batch is how many documents one answer of the server brings at most.
const batch = 200

// page reads what a filter finds, up to the limits; more tells that a limit cut it.
func (e *Engine) page(
	ctx context.Context, filter bson.D, o *options.FindOptionsBuilder, limit store.Limit,
) (docs []store.Doc, more bool, err error) {
	o.SetBatchSize(batch)
	if limit.Docs > 0 {
		o.SetLimit(int64(limit.Docs) + 1).SetBatchSize(int32(min(limit.Docs+1, batch)))
	}
	err = e.call(ctx, e.options.Timeout, func(ctx context.Context) error {
		c, err := e.docs.Find(ctx, filter, o)
		if err != nil {
			return err
		}
		bytes := 0
		for c.Next(ctx) {
			if limit.Docs > 0 && len(docs) >= limit.Docs {
				more = true
				break
			}
			d, err := decode(c.Current)
			if err != nil {
				return firstOf(err, c.Close(ctx))
			}
			if bytes += size(&d); limit.Bytes > 0 && bytes > limit.Bytes && len(docs) > 0 {
				more = true
				break
			}
			docs = append(docs, d)
		}
		return firstOf(c.Err(), c.Close(ctx))
	})
	if err != nil {
		return nil, false, err
	}
	return docs, more, nil
}

// size is what a document counts for in a page's byte limit.
func size(d *store.Doc) int { return len(d.Body) + len(d.Restricted) }

package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"paicha/internal/store"
)

// Walk implements store.Portable: every document in the order of the keys, which no write changes.
func (e *Engine) Walk(ctx context.Context, after store.ScanKey, limit store.Limit) ([]store.Doc, store.ScanKey, error) {
	if err := e.state(ctx); err != nil {
		return nil, "", err
	}
	filter := bson.D{{Key: fieldID, Value: bson.D{{Key: "$gt", Value: string(after)}}}}
	docs, more, err := e.page(ctx, filter, options.Find().SetSort(bson.D{{Key: fieldID, Value: 1}}), limit)
	if err != nil || !more {
		return docs, "", err
	}
	return docs, store.ScanKey(key(docs[len(docs)-1].Ref)), nil
}

// Load implements store.Portable.
func (e *Engine) Load(ctx context.Context, docs []store.Doc) error {
	return store.LoadOver(ctx, e, docs)
}

var _ store.Portable = (*Engine)(nil)

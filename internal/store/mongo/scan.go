package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"paicha/internal/store"
)

// Scan implements store.Engine. It walks all tokens at once in the order of the keys, which never change: a document
// that carries one of the tokens throughout is named exactly once, whatever is written meanwhile.
func (e *Engine) Scan(ctx context.Context, s store.Scan) ([]store.Doc, store.ScanKey, error) {
	if err := e.state(ctx); err != nil {
		return nil, "", err
	}
	if len(s.Tokens) == 0 {
		return nil, "", nil
	}
	filter := bson.D{
		carrying(s.Tokens),
		{Key: fieldID, Value: bson.D{{Key: "$gt", Value: string(s.After)}}},
		{Key: fieldLive, Value: bson.D{{Key: "$exists", Value: true}}},
	}
	o := options.Find().SetSort(bson.D{{Key: fieldID, Value: 1}}).SetHint(indexCarried)
	docs, more, err := e.page(ctx, filter, o, s.Limit)
	if err != nil || !more {
		return docs, "", err
	}
	return docs, store.ScanKey(key(docs[len(docs)-1].Ref)), nil
}

package mongo

import (
	"context"
	"errors"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"paicha/internal/store"
)

// Range implements store.Engine.
func (e *Engine) Range(ctx context.Context, r store.Range) ([]store.Doc, bool, error) {
	if err := e.state(ctx); err != nil {
		return nil, false, err
	}
	if r.Writer == "" || r.Tokens != nil && len(r.Tokens) == 0 || r.UpTo > 0 && r.UpTo <= r.After {
		return nil, false, nil
	}
	filter, index := positions(r.Writer, r.After, r.UpTo, r.Tokens)
	o := options.Find().SetSort(bson.D{{Key: fieldSeq, Value: 1}}).SetHint(index)
	return e.page(ctx, filter, o, r.Limit)
}

// Last implements store.Engine.
func (e *Engine) Last(ctx context.Context, w store.WriterID, upTo store.Seq, tokens []store.Token) (last store.Seq, err error) {
	if err := e.state(ctx); err != nil {
		return 0, err
	}
	if w == "" || upTo == 0 || len(tokens) == 0 {
		return 0, nil
	}
	filter, index := positions(w, 0, upTo, tokens)
	o := options.FindOne().SetSort(bson.D{{Key: fieldSeq, Value: -1}}).SetHint(index).
		SetProjection(bson.D{{Key: fieldSeq, Value: 1}, {Key: fieldID, Value: 0}})
	err = e.call(ctx, e.options.Timeout, func(ctx context.Context) error {
		raw, err := e.docs.FindOne(ctx, filter, o).Raw()
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		if err != nil {
			return err
		}
		n, ok := raw.Lookup(fieldSeq).AsInt64OK()
		if !ok {
			return errCorrupt
		}
		last = store.Seq(n)
		return nil
	})
	return last, err
}

// positions selects documents of a writer by seq, and by the tokens that they carry or left unless tokens is nil; index
// is the one made for it.
func positions(w store.WriterID, after, upTo store.Seq, tokens []store.Token) (filter bson.D, index string) {
	if upTo == 0 || upTo > math.MaxInt64 {
		upTo = math.MaxInt64
	}
	filter = bson.D{
		{Key: fieldWriter, Value: string(w)},
		{Key: fieldSeq, Value: bson.D{{Key: "$gt", Value: int64(after)}, {Key: "$lte", Value: int64(upTo)}}},
	}
	if tokens == nil {
		return filter, indexPosition
	}
	either := make(bson.A, 0, 2*len(tokens))
	for _, t := range tokens {
		either = append(either, present(t), departed(t))
	}
	return append(filter, bson.E{Key: fieldTokens, Value: bson.D{{Key: "$in", Value: either}}}), indexFeed
}

// carrying selects documents that carry one of the tokens.
func carrying(tokens []store.Token) bson.E {
	some := make(bson.A, len(tokens))
	for i, t := range tokens {
		some[i] = present(t)
	}
	return bson.E{Key: fieldTokens, Value: bson.D{{Key: "$in", Value: some}}}
}

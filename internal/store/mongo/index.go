package mongo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"paicha/internal/store"
)

// The engine's own indexes.
const (
	indexPosition = "position" // Range without tokens: what a sweep asks
	indexFeed     = "feed"     // Range and Last by tokens. Writer first: what a living writer adds lies close together
	indexCarried  = "carried"  // Scan
)

// maxIndexes is what a server allows of one collection, that of the key included.
const maxIndexes = 64

// indexName is the name of a declared index. Kinds that declare the same fields share it: it begins with the kind.
func indexName(x store.Index) string { return "find." + strings.Join(x.Fields, ".") }

// wanted are the indexes that must be there. All are plain compound ones and none is unique, so that the collection can
// be sharded by a hash of the key.
func (e *Engine) wanted() []mongo.IndexModel {
	model := func(name string, keys ...string) mongo.IndexModel {
		d := make(bson.D, len(keys))
		for i, k := range keys {
			d[i] = bson.E{Key: k, Value: 1}
		}
		return mongo.IndexModel{Keys: d, Options: options.Index().SetName(name)}
	}
	out := []mongo.IndexModel{
		model(indexPosition, fieldWriter, fieldSeq),
		model(indexFeed, fieldWriter, fieldTokens, fieldSeq),
		model(indexCarried, fieldTokens, fieldID),
	}
	var names []string
	for _, list := range e.indexes {
		for _, x := range list {
			if slices.Contains(names, indexName(x)) {
				continue
			}
			names = append(names, indexName(x))
			keys := []string{fieldLive}
			for _, f := range x.Fields {
				keys = append(keys, field(f))
			}
			out = append(out, model(indexName(x), append(keys, fieldID)...))
		}
	}
	return out
}

// buildIndexes makes what is missing. It may take long on a collection that has documents, and is not bounded by Timeout.
func (e *Engine) buildIndexes(ctx context.Context) error {
	models := e.wanted()
	if n := len(models) + 1; n > maxIndexes {
		return fmt.Errorf("%d indexes are declared; one collection has at most %d", n, maxIndexes)
	}
	if _, err := e.docs.Indexes().CreateMany(ctx, models); err != nil {
		return fmt.Errorf("indexes: %w", err)
	}
	return nil
}

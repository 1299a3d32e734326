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

// compound is one index that must be there. All are plain and none is unique, so that the collection can be sharded by a
// hash of the key.
type compound struct {
	name string
	keys []string
}

func (c compound) model() mongo.IndexModel {
	d := make(bson.D, len(c.keys))
	for i, k := range c.keys {
		d[i] = bson.E{Key: k, Value: 1}
	}
	return mongo.IndexModel{Keys: d, Options: options.Index().SetName(c.name)}
}

func (e *Engine) wanted() []compound {
	out := []compound{
		{indexPosition, []string{fieldWriter, fieldSeq}},
		{indexFeed, []string{fieldWriter, fieldTokens, fieldSeq}},
		{indexCarried, []string{fieldTokens, fieldID}},
	}
	for _, list := range e.indexes {
		for _, x := range list {
			c := compound{name: indexName(x), keys: []string{fieldLive}}
			for _, f := range x.Fields {
				c.keys = append(c.keys, field(f))
			}
			c.keys = append(c.keys, fieldID)
			if !slices.ContainsFunc(out, func(o compound) bool { return o.name == c.name }) {
				out = append(out, c)
			}
		}
	}
	return out
}

// buildIndexes makes what is missing, which is nothing at most starts. Two nodes that do it at once come to the same. It
// may take long on a collection that has documents, and is not bounded by Timeout.
func (e *Engine) buildIndexes(ctx context.Context) error {
	wanted := e.wanted()
	if n := len(wanted) + 1; n > maxIndexes {
		return fmt.Errorf("%d indexes are declared; one collection has at most %d", n, maxIndexes)
	}
	for {
		missing, err := e.missing(ctx, wanted)
		if err != nil || len(missing) == 0 {
			return err
		}
		_, err = e.docs.Indexes().CreateMany(ctx, missing)
		if err == nil {
			return nil
		}
		// Another node may have been at it, or the answer is lost: what counts is what is there, and any progress is good.
		still, lookErr := e.missing(ctx, wanted)
		if lookErr != nil || len(still) >= len(missing) {
			return fmt.Errorf("indexes: %w", err)
		}
	}
}

// missing returns the indexes that are wanted and not there.
func (e *Engine) missing(ctx context.Context, wanted []compound) ([]mongo.IndexModel, error) {
	var have []mongo.IndexSpecification
	err := e.raw(ctx, e.options.Timeout, func(ctx context.Context) (err error) {
		have, err = e.docs.Indexes().ListSpecifications(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("indexes: %w", err)
	}
	var out []mongo.IndexModel
	for _, c := range wanted {
		if !slices.ContainsFunc(have, func(s mongo.IndexSpecification) bool { return s.Name == c.name }) {
			out = append(out, c.model())
		}
	}
	return out, nil
}

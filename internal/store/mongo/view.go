package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"paicha/internal/store"
)

// makeViews makes a view for each kind, named after it: the living documents without what is restricted. A person who is
// given the view and not the collection sees no more than that, and can write nothing.
//
// A view that exists is brought up to date. A server that has no views is none the worse for the program itself.
func (e *Engine) makeViews(ctx context.Context) error {
	for _, k := range e.options.Views {
		if !store.Plain(string(k)) || k == collection || strings.HasPrefix(string(k), "_") {
			return fmt.Errorf("no view can be named after kind %q", k)
		}
		err := e.makeView(ctx, k)
		if unsupported(err) {
			e.lacks = append(e.lacks, "views: people have to read the collection itself, restricted parts included")
			return nil
		}
		if err != nil {
			return fmt.Errorf("view %s: %w", k, err)
		}
	}
	return nil
}

func (e *Engine) makeView(ctx context.Context, k store.Kind) error {
	pipeline := bson.A{
		bson.D{{Key: "$match", Value: bson.D{{Key: fieldLive, Value: string(k)}}}},
		bson.D{{Key: "$project", Value: bson.D{{Key: fieldRestricted, Value: 0}, {Key: fieldMemory, Value: 0}}}},
	}
	db := e.client.Database(e.options.Database)
	return e.raw(ctx, e.options.Timeout, func(ctx context.Context) error {
		err := db.CreateView(ctx, string(k), collection, pipeline)
		var ce mongo.CommandError
		if !errors.As(err, &ce) || ce.Code != namespaceExists {
			return err
		}
		return db.RunCommand(ctx, bson.D{
			{Key: "collMod", Value: string(k)}, {Key: "viewOn", Value: collection}, {Key: "pipeline", Value: pipeline},
		}).Err()
	})
}

// unsupported tells a server's answer that it does not have what was asked of it.
func unsupported(err error) bool {
	var ce mongo.CommandError
	return errors.As(err, &ce) && slices.Contains([]int32{commandNotFound, commandNotSupported, notImplemented}, ce.Code)
}

package client_test

import (
	"context"
	"fmt"
	"time"

	fieldsync "paicha/sync"
	"paicha/sync/client"

	"github.com/google/uuid"
)

func Example() {
	tablet := &client.Tablet{
		Server: "https://paicha.example", Dir: "/data/paicha", Name: "tablet 7", Now: time.Now,
		NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
		Wait: func(ctx context.Context, attempt int) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(attempt) * time.Second):
				return nil
			}
		},
	}
	work := func(ctx context.Context) error {
		if err := tablet.Open(); err != nil {
			return err
		}
		hash, err := tablet.AddPhoto(client.NewPhoto{Inspection: "i1", Type: "image/jpeg"}, []byte("…"))
		if err != nil {
			return err
		}
		doc := fieldsync.DocRef{Kind: "inspection", ID: "i1"}
		if _, err := tablet.Save("inspection.save", doc, map[string]string{"photo": hash}); err != nil {
			return err
		}
		report, err := tablet.Sync(ctx) // whenever there may be a network
		fmt.Println(report.Waiting, "wait;", report.Asking, "need a person")
		return err
	}
	_ = work
}

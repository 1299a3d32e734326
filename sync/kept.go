package sync

import (
	"context"
	"errors"
	"time"

	"paicha/internal/store"

	"github.com/go-json-experiment/json"
)

// KindBackup is the kind of one document, which says when the last complete backup of this server was begun. It has no
// tokens: nobody pulls it, and a restored server knows what was covered when its backup was taken.
const KindBackup store.Kind = "backup"

var lastBackup = store.Ref{Kind: KindBackup, ID: "last"}

// keptMargin is taken off what devices are told: a confirmation has the time of the node that gave it, the begin of a
// backup that of the node that took it, and their clocks agree only so far.
const keptMargin = 5 * time.Minute

type backupRecord struct {
	Begun time.Time `json:"begun"`
}

// BackedUp notes a complete backup that was begun at the time given: hello tells devices that they need not keep what was
// acknowledged before. An older one than was noted changes nothing.
func (s *Service) BackedUp(ctx context.Context, begun time.Time) error {
	for {
		old, was, err := s.lastBackup(ctx)
		if err != nil || !begun.After(was) {
			return err
		}
		body, err := json.Marshal(backupRecord{Begun: begun.UTC().Truncate(time.Millisecond)})
		if err != nil {
			return err
		}
		outs, err := s.Store.Commit(ctx, []store.Write{{Old: old, New: store.Doc{Ref: lastBackup, Body: body}}})
		if err != nil || outs[0].Status != store.Stale {
			return err
		}
	}
}

// keptUntil is what hello tells: zero while there is no backup.
func (s *Service) keptUntil(ctx context.Context) (time.Time, error) {
	_, begun, err := s.lastBackup(ctx)
	if err != nil || begun.IsZero() {
		return time.Time{}, err
	}
	return begun.Add(-keptMargin), nil
}

func (s *Service) lastBackup(ctx context.Context) (store.Doc, time.Time, error) {
	d, err := s.Store.One(ctx, lastBackup)
	if errors.Is(err, store.ErrNotFound) {
		return store.Doc{}, time.Time{}, nil
	}
	if err != nil {
		return store.Doc{}, time.Time{}, err
	}
	var r backupRecord
	err = json.Unmarshal(d.Body, &r)
	return d, r.Begun, err
}

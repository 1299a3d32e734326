package client

import (
	"context"
	"net/http"
	"time"

	fieldsync "paicha/sync"
)

const (
	checkEvery = 24 * time.Hour // between two comparisons of the replica with the server
	checkTries = 3              // while others write all the time, there is another day
)

// Check compares the replica with the server, sum by sum, and repairs what differs. It returns SumsEqual when both are
// the same, perhaps after a repair, and SumsMoved when the server changed under each attempt. Sync does it once a day.
func (t *Tablet) Check(ctx context.Context) (fieldsync.CheckState, error) {
	if t.outbox == nil {
		return "", ErrClosed
	}
	t.syncMu.Lock()
	defer t.syncMu.Unlock()
	if _, err := t.pull(ctx); err != nil {
		return "", err
	}
	return t.check(ctx)
}

// check compares what was pulled until there was no more.
func (t *Tablet) check(ctx context.Context) (fieldsync.CheckState, error) {
	for range checkTries {
		var out fieldsync.CheckResponse
		err := t.call(ctx, "/api/v1/sync/check", fieldsync.CheckRequest{Cursor: t.replica.Cursor(), Sums: t.replica.sums()}, &out)
		if refused(err, http.StatusNotFound, http.StatusMethodNotAllowed) {
			return "", t.replica.checked(t.Now()) // a server from before there were sums
		}
		if err != nil {
			return "", err
		}
		switch out.State {
		case fieldsync.SumsEqual:
			return out.State, t.replica.checked(t.Now())
		case fieldsync.SumsDiffer:
			if err := t.replica.repair(out.Cursor); err != nil {
				return "", err
			}
		}
		if _, err := t.pull(ctx); err != nil {
			return "", err
		}
	}
	return fieldsync.SumsMoved, nil
}

package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"paicha/internal/store"
)

// clock is the newest operation time that any call of the engine has learnt.
type clock struct {
	mu   sync.Mutex
	time *bson.Timestamp
}

func (c *clock) now() *bson.Timestamp {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) advance(t *bson.Timestamp) {
	if t == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.time == nil || c.time.Before(*t) {
		c.time = t
	}
}

// call runs f in a causally consistent session that begins after everything that the engine has seen so far, and bounds
// it in time. Sessions may not be shared by concurrent commands, so each call has its own, and the engine carries the
// operation time from one to the next: to its callers it looks like a single session.
//
// The answer's error is ctx's own where ctx has ended, else store.ErrUnavailable with the cause.
func (e *Engine) call(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	err := e.raw(ctx, limit, f)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, mongo.ErrClientDisconnected):
		return store.ErrClosed
	}
	return store.ErrUnavailable.Because(err)
}

// raw is call with the driver's own errors.
func (e *Engine) raw(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	s, err := e.client.StartSession(options.Session().SetCausalConsistency(true))
	if err != nil {
		return err
	}
	defer s.EndSession(context.WithoutCancel(ctx)) // gives the session back to the pool; no command
	if t := e.seen.now(); t != nil {
		if err := s.AdvanceOperationTime(t); err != nil {
			return err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = f(mongo.NewSessionContext(bounded, s))
	e.seen.advance(s.OperationTime())
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no answer in %v: %w", limit, err)
	}
	return err
}

// state answers why a call cannot be served now: store.ErrClosed or the context's error.
func (e *Engine) state(ctx context.Context) error {
	select {
	case <-e.closed:
		return store.ErrClosed
	default:
	}
	return ctx.Err()
}

package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"paicha/internal/store"
	"paicha/internal/store/storetest"
)

// refusing is an engine that answers reads and fails writes, as one does whose disk is full.
type refusing struct {
	store.Engine
	on    bool // writes fail
	gone  bool // reads fail too
	tried int
}

func (e *refusing) Get(ctx context.Context, refs []store.Ref) ([]store.Doc, error) {
	if e.gone {
		e.tried++
		return nil, errRefused
	}
	return e.Engine.Get(ctx, refs)
}

var errRefused = errors.New("refused")

func (e *refusing) Put(ctx context.Context, ps []store.Put) ([]store.Status, error) {
	if e.on {
		e.tried++
		return nil, errRefused
	}
	return e.Engine.Put(ctx, ps)
}

func refusable(t *testing.T) (*refusing, *store.Store) {
	t.Helper()
	w := storetest.World{Model: storetest.NewModel()}
	e := &refusing{Engine: w.Engine()}
	s, err := store.Open(t.Context(), e, nodeOptions("first"))
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func nodeOptions(node string) store.Options {
	ids := 0
	return store.Options{
		Now:     func() time.Time { return time.UnixMilli(1_700_000_000_000) },
		Elapsed: func() time.Duration { return 0 },
		NewID:   func() string { ids++; return fmt.Sprintf("%s-%d", node, ids) },
	}
}

// A write that fails each time is given up by its call, holds the watermark, and is taken up again.
func TestRefusedWriteIsGivenUpAndTakenUpAgain(t *testing.T) {
	e, s := refusable(t)
	first := store.Write{New: store.Doc{Ref: one, Tokens: token, Body: []byte("a")}}
	second := store.Write{New: store.Doc{Ref: two, Tokens: token, Body: []byte("b")}}
	begin, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.on = true
	for range 3 {
		if _, err := s.Commit(t.Context(), []store.Write{first}); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, errRefused) {
			t.Fatalf("commit: %v", err)
		}
	}
	if e.tried > 20 {
		t.Fatalf("%d tries in three calls", e.tried)
	}
	e.on = false
	if outs, err := s.Commit(t.Context(), []store.Write{second}); err != nil || outs[0].Status != store.OK {
		t.Fatalf("after the refusals: %v %v", outs, err)
	}
	feed, err := s.Since(t.Context(), begin, token, store.Limit{})
	if err != nil || len(feed.Changes) != 2 {
		t.Fatalf("%d changes, want both: %v", len(feed.Changes), err)
	}
}

// A server that is gone is not asked again for each document of a commit: each question may take the time-out.
func TestCommitOnAServerThatIsGoneEndsSoon(t *testing.T) {
	e, s := refusable(t)
	begin, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ws []store.Write
	for i := range 50 {
		ref := store.Ref{Kind: "hazard", ID: fmt.Sprint(i)}
		ws = append(ws, store.Write{New: store.Doc{Ref: ref, Tokens: token, Body: []byte("a")}})
	}
	e.on, e.gone = true, true
	for range 2 {
		if _, err := s.Commit(t.Context(), ws); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("commit: %v", err)
		}
	}
	if e.tried > 10 {
		t.Errorf("the server was asked %d times", e.tried)
	}
	e.on, e.gone = false, false
	if err := s.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	feed, err := s.Since(t.Context(), begin, token, store.Limit{})
	if err != nil || len(feed.Changes) != 50 {
		t.Fatalf("%d changes, want all: %v", len(feed.Changes), err)
	}
}

func TestRefusedRegistrationEnds(t *testing.T) {
	e, _ := refusable(t)
	e.on = true
	if _, err := store.Open(t.Context(), e, nodeOptions("second")); !errors.Is(err, errRefused) {
		t.Fatalf("open: %v", err)
	}
}

func TestTooLargeIsNotNumberedAndHarmsNobody(t *testing.T) {
	_, s := refusable(t)
	small := store.Write{New: store.Doc{Ref: one, Tokens: token, Body: []byte("a")}}
	large := store.Write{New: store.Doc{Ref: two, Tokens: token, Body: make([]byte, store.MaxDoc), Memory: []byte{0}}}
	if _, err := s.Commit(t.Context(), []store.Write{large}); !errors.Is(err, store.ErrTooLarge) {
		t.Fatalf("alone: %v", err)
	}
	outs, err := s.Commit(t.Context(), []store.Write{large, small, large})
	if err != nil || outs[0].Status != store.Unknown || outs[1].Status != store.OK || outs[2].Status != store.Unknown {
		t.Fatalf("beside another: %+v %v", outs, err)
	}
	if outs[1].Position.Seq != 1 {
		t.Fatalf("a number was taken: %+v", outs[1])
	}
}

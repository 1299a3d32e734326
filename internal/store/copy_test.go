package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/internal/store/storetest"
)

// copying is two writers and somebody who copies while they write.
func copying(shared bool, acknowledged *int) storetest.Scenario {
	ctx := context.Background()
	var w *world
	var before map[string][]store.Ref
	var held map[store.Ref]store.Doc
	var h store.History
	return storetest.Scenario{
		Setup: func(tw *storetest.World) []storetest.Actor {
			w = &world{World: tw, acked: map[string][]store.Ref{}, stood: map[store.Position]store.Doc{}}
			a := w.open(ctx)
			b := a
			if !shared {
				b = w.open(ctx)
			}
			o, err := w.open(ctx).Origin()
			if err != nil {
				panic(err)
			}
			look := w.Engine()
			held = map[store.Ref]store.Doc{}
			return []storetest.Actor{
				{Name: "A", Run: func() error { return w.add(ctx, a, "a", one) }},
				{Name: "B", Run: func() error { return w.add(ctx, b, "b", one, two) }},
				{Name: "copier", Run: func() error {
					// A step of its own, which shows the explorer what is acknowledged: a commit is with its publication.
					seen := []store.Ref{one, two, {Kind: "_writer", ID: string(a.Writer())}, {Kind: "_writer", ID: string(b.Writer())}}
					if _, err := look.Get(ctx, seen); err != nil {
						return err
					}
					before = maps.Clone(w.acked)
					*acknowledged = max(*acknowledged, len(before))
					var err error
					h, err = o.Copy(ctx, store.Progress{}, store.Limit{Docs: 1}, func(docs []store.Doc, _ store.Progress) error {
						for _, d := range docs {
							if d.Rev > held[d.Ref].Rev {
								held[d.Ref] = d
							}
						}
						return nil
					})
					return err
				}},
			}
		},
		Check: func(*storetest.World) error {
			for letter, refs := range before {
				for _, ref := range refs {
					if n := count(held[ref].Body, letter); n != 1 {
						return fmt.Errorf("%s was acknowledged before the copy began and stands %d times in %s %q", letter, n, ref.ID, held[ref].Body)
					}
				}
			}
			// Of one node, whatever was written at or below the final watermark is in the copy, or a later version.
			for p, d := range w.stood {
				if shared && p.Seq <= h.Live[p.Writer] && held[d.Ref].Rev < d.Rev {
					return fmt.Errorf("%s rev %d was written at %v, the copy ends at %v with rev %d", d.ID, d.Rev, p, h.Live, held[d.Ref].Rev)
				}
			}
			// With several too, what still stands there.
			for ref, d := range w.Model.Docs() {
				if final := h.Live[d.Position.Writer]; d.Position.Seq <= final && held[ref].Rev < d.Rev {
					return fmt.Errorf("%s is at %v, the copy ends at %v with rev %d", ref.ID, d.Position, h.Live, held[ref].Rev)
				}
			}
			return nil
		},
	}
}

// TestCopyInEveryOrder copies while two writers write, in every order of all their steps.
func TestCopyInEveryOrder(t *testing.T) {
	for name, shared := range map[string]bool{"OneNode": true, "TwoNodes": false} {
		t.Run(name, func(t *testing.T) {
			acknowledged := 0
			st, err := storetest.Explore(copying(shared, &acknowledged))
			if err != nil {
				t.Fatal(err)
			}
			if acknowledged != 2 {
				t.Errorf("at most %d letters were acknowledged before a copy began: the test sees nothing", acknowledged)
			}
			t.Logf("%d runs, %d states", st.Runs, st.States)
		})
	}
}

// engine opens an engine of its own.
func engine(t *testing.T) *sqlite.Engine {
	t.Helper()
	e, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "paicha.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

var ids int

func options() store.Options {
	return store.Options{
		Now: time.Now, Elapsed: func() time.Duration { return 0 },
		NewID: func() string { ids++; return fmt.Sprintf("id%d", ids) },
	}
}

func opened(t *testing.T, e store.Engine) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), e, options())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func commit(t *testing.T, s *store.Store, old store.Doc, id, body string, tokens ...store.Token) store.Doc {
	t.Helper()
	w := store.Write{Old: old, New: store.Doc{Ref: store.Ref{Kind: "hazard", ID: id}, Tokens: tokens, Body: []byte(body)}}
	outs, err := s.Commit(t.Context(), []store.Write{w})
	if err != nil || outs[0].Status != store.OK {
		t.Fatal(outs, err)
	}
	d, err := s.One(t.Context(), w.New.Ref)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// carry copies o into e and begins an epoch, as a restore does.
func carry(t *testing.T, o *store.Origin, e store.Engine) store.Begun {
	t.Helper()
	a, err := store.Arrive(t.Context(), e, "test", options())
	if err != nil {
		t.Fatal(err)
	}
	h, err := o.Copy(t.Context(), store.Progress{}, store.Limit{Docs: 3}, func(docs []store.Doc, _ store.Progress) error {
		return a.Load(t.Context(), docs)
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := a.Begin(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCopyUnderLoad holds, of one node, the exact promise: the copy has each document as it stood at the final watermark
// or later, while eight writers never stop.
func TestCopyUnderLoad(t *testing.T) {
	e := engine(t)
	s := opened(t, e)
	o, err := s.Origin()
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	written := map[store.Position]store.Doc{} // every version that was ever acknowledged
	for g := range 8 {
		wg.Go(func() {
			docs := make([]store.Doc, 20)
			for i := 0; ; i = (i + 1) % len(docs) {
				select {
				case <-stop:
					return
				default:
				}
				n := store.Doc{Ref: store.Ref{Kind: "hazard", ID: fmt.Sprintf("%d-%d", g, i)}, Tokens: token, Body: fmt.Appendf(nil, "%d", docs[i].Rev)}
				outs, err := s.Commit(context.Background(), []store.Write{{Old: docs[i], New: n}})
				if err != nil || outs[0].Status != store.OK {
					t.Error(outs, err)
					return
				}
				n.Rev, n.Position = outs[0].Rev, outs[0].Position
				docs[i] = n
				mu.Lock()
				written[n.Position] = n
				mu.Unlock()
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	mu.Lock()
	before := maps.Clone(written)
	mu.Unlock()
	held := map[store.Ref]store.Rev{}
	h, err := o.Copy(t.Context(), store.Progress{}, store.Limit{Docs: 7}, func(docs []store.Doc, _ store.Progress) error {
		time.Sleep(time.Millisecond) // so that much is written meanwhile
		for _, d := range docs {
			held[d.Ref] = max(held[d.Ref], d.Rev)
		}
		return nil
	})
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range before {
		if held[d.Ref] < d.Rev {
			t.Errorf("%s rev %d was acknowledged before the copy began; it has rev %d", d.ID, d.Rev, held[d.Ref])
		}
	}
	for p, d := range written {
		if p.Seq <= h.Live[p.Writer] && held[d.Ref] < d.Rev {
			t.Errorf("%s rev %d is at %v, below the final %v; the copy has rev %d", d.ID, d.Rev, p, h.Live, held[d.Ref])
		}
	}
	t.Logf("%d versions in all, %d before, %d documents held", len(written), len(before), len(held))
}

// TestCopyGoesOnAfterAStop stops a copy after each of its pages, writes on, and lets another process finish it.
func TestCopyGoesOnAfterAStop(t *testing.T) {
	stopped := errors.New("stopped")
	for stop := 1; ; stop++ {
		e := engine(t)
		s := opened(t, e)
		var docs []store.Doc
		for i := range 9 {
			docs = append(docs, commit(t, s, store.Doc{}, fmt.Sprint(i), "1", "x"))
		}
		o, err := s.Origin()
		if err != nil {
			t.Fatal(err)
		}
		held := map[store.Ref]store.Rev{}
		var p store.Progress
		pages := 0
		take := func(docs []store.Doc, to store.Progress) error {
			if pages++; pages > stop {
				return stopped
			}
			for _, d := range docs {
				held[d.Ref] = max(held[d.Ref], d.Rev)
			}
			p = to
			return nil
		}
		_, err = o.Copy(t.Context(), p, store.Limit{Docs: 2}, take)
		if err == nil {
			if stop < 5 {
				t.Fatalf("only %d pages", stop)
			}
			return
		}
		if !errors.Is(err, stopped) {
			t.Fatal(err)
		}
		commit(t, s, docs[0], "0", "2", "x")
		commit(t, s, store.Doc{}, "new", "1", "x")
		later := opened(t, e) // the writer of the first process is sealed meanwhile
		commit(t, later, docs[8], "8", "2", "x")
		if o, err = store.AtRest(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		stop += 1000
		if _, err := o.Copy(t.Context(), p, store.Limit{Docs: 2}, take); err != nil {
			t.Fatal(err)
		}
		stop -= 1000
		for id, rev := range map[string]store.Rev{"0": 2, "1": 1, "8": 2, "new": 1} {
			if got := held[store.Ref{Kind: "hazard", ID: id}]; got != rev {
				t.Errorf("stopped after %d pages: %s has rev %d, want %d", stop, id, got, rev)
			}
		}
	}
}

// TestNewEpochInPlace: the data came back by other means, perhaps with a writer that was alive in the snapshot.
func TestNewEpochInPlace(t *testing.T) {
	e := engine(t)
	s := opened(t, e)
	d := commit(t, s, store.Doc{}, "a", "1", "x")
	mark, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := store.BeginEpoch(t.Context(), e, options())
	if err != nil || b.Sealed != 1 || b.Restamped != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	n := opened(t, e)
	if got, err := n.One(t.Context(), d.Ref); err != nil || !store.Same(got, d) {
		t.Errorf("got %+v, %v, want %+v", got, err, d)
	}
	if _, err := n.Since(t.Context(), mark, []store.Token{"x"}, store.Limit{}); !errors.Is(err, store.ErrReset) {
		t.Errorf("a cursor of the old epoch: %v", err)
	}
}

func TestNewEpochKeepsHistoryAndResetsReaders(t *testing.T) {
	e := engine(t)
	s := opened(t, e)
	kept := commit(t, s, store.Doc{}, "kept", "1", "x")
	moved := commit(t, s, store.Doc{}, "moved", "1", "x", "y")
	moved = commit(t, s, moved, "moved", "2", "y")
	mark, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Origin()
	if err != nil {
		t.Fatal(err)
	}
	to := engine(t)
	b := carry(t, o, to)
	if b.Restamped != 0 || b.Sealed != 1 || b.Epoch == s.Epoch() {
		t.Fatalf("%+v", b)
	}
	n := opened(t, to)
	if n.Epoch() != b.Epoch {
		t.Fatalf("epoch %s, want %s", n.Epoch(), b.Epoch)
	}
	for _, d := range []store.Doc{kept, moved} {
		if got, err := n.One(t.Context(), d.Ref); err != nil || !store.Same(got, d) {
			t.Fatalf("got %+v, %v, want %+v", got, err, d)
		}
	}
	if _, err := n.Since(t.Context(), mark, []store.Token{"x"}, store.Limit{}); !errors.Is(err, store.ErrReset) {
		t.Fatalf("a cursor of the old epoch: %v", err)
	}
	fresh, err := n.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	commit(t, n, kept, "kept", "2", "x")
	f, err := n.Since(t.Context(), fresh, []store.Token{"x", "y"}, store.Limit{})
	if err != nil || len(f.Changes) != 1 || f.Changes[0].Doc.Rev != 2 {
		t.Fatalf("%+v, %v", f, err)
	}
}

// TestWriteAboveTheFinalIsRestamped: a document in the copy whose write was not resolved when the watermark was taken.
func TestWriteAboveTheFinalIsRestamped(t *testing.T) {
	e := engine(t)
	s := opened(t, e)
	commit(t, s, store.Doc{}, "below", "1", "x")
	d := commit(t, s, store.Doc{}, "above", "1", "x")
	o, err := s.Origin()
	if err != nil {
		t.Fatal(err)
	}
	to := engine(t)
	a, err := store.Arrive(t.Context(), to, "test", options())
	if err != nil {
		t.Fatal(err)
	}
	h, err := o.Copy(t.Context(), store.Progress{}, store.Limit{}, func(docs []store.Doc, _ store.Progress) error { return a.Load(t.Context(), docs) })
	if err != nil {
		t.Fatal(err)
	}
	h.Live[s.Writer()] = 1
	b, err := a.Begin(t.Context(), h)
	if err != nil || b.Restamped != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	got, err := opened(t, to).One(t.Context(), d.Ref)
	if err != nil || got.Rev != 2 || got.Position.Writer == s.Writer() || string(got.Body) != "1" {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestArrivalIsExclusiveUntilItHasEnded(t *testing.T) {
	ctx := t.Context()
	e := engine(t)
	a, err := store.Arrive(ctx, e, "one", options())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Keep(ctx, []byte(`{"segment":3}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(ctx, e, options()); !errors.Is(err, store.ErrArriving) {
		t.Errorf("a store opened on half a copy: %v", err)
	}
	if _, err := store.AtRest(ctx, e); !errors.Is(err, store.ErrArriving) {
		t.Errorf("half a copy was copied: %v", err)
	}
	if _, err := store.Arrive(ctx, e, "other", options()); !errors.Is(err, store.ErrOtherArrival) {
		t.Errorf("another source went on: %v", err)
	}
	again, err := store.Arrive(ctx, e, "one", options())
	if err != nil || string(again.Progress()) != `{"segment":3}` {
		t.Fatalf("progress %s, %v", again.Progress(), err)
	}
	first, err := again.Begin(ctx, store.History{Epoch: "old"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Arrive(ctx, e, "one", options()); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("arrived twice: %v", err)
	}
	if got := opened(t, e).Epoch(); got != first.Epoch {
		t.Errorf("epoch %s, want %s", got, first.Epoch)
	}
	full := engine(t)
	opened(t, full)
	if _, err := store.Arrive(ctx, full, "one", options()); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("arrived over a history: %v", err)
	}
	if _, err := store.AtRest(ctx, engine(t)); !errors.Is(err, store.ErrNoHistory) {
		t.Errorf("nothing was copied: %v", err)
	}
}

// TestNodeOfAnOldEpochStops: a backup is put back under a node that runs.
func TestNodeOfAnOldEpochStops(t *testing.T) {
	ctx := t.Context()
	w := &world{World: &storetest.World{Model: storetest.NewModel()}, acked: map[string][]store.Ref{}}
	old := opened(t, engine(t))
	a := commit(t, old, store.Doc{}, "a", "1", "x")
	o, err := old.Origin()
	if err != nil {
		t.Fatal(err)
	}
	carry(t, o, w.Engine())
	node := w.open(ctx)
	commit(t, node, a, "a", "2", "x")
	if err := node.Tick(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := store.BeginEpoch(ctx, w.Engine(), options()); err != nil {
		t.Fatal(err)
	}
	late := store.Write{New: store.Doc{Ref: store.Ref{Kind: "hazard", ID: "late"}, Tokens: token, Body: []byte("1")}}
	if outs, err := node.Commit(ctx, []store.Write{late}); !errors.Is(err, store.ErrEpoch) {
		t.Errorf("an old node answers for a write: %v, %v", outs, err)
	}
	if err := node.Tick(ctx); !errors.Is(err, store.ErrEpoch) {
		t.Errorf("the chores of an old node: %v", err)
	}
	if _, err := node.Now(ctx); !errors.Is(err, store.ErrEpoch) {
		t.Errorf("a reader of an old node: %v", err)
	}
	if o, err = node.Origin(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Copy(ctx, store.Progress{}, store.Limit{}, func([]store.Doc, store.Progress) error { return nil }); !errors.Is(err, store.ErrEpoch) {
		t.Errorf("a copy of an old node: %v", err)
	}
	fresh := w.open(ctx)
	if fresh.Epoch() == node.Epoch() {
		t.Error("no new epoch")
	}
	if err := fresh.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if d, err := fresh.One(ctx, late.New.Ref); err != nil || d.Position.Writer != fresh.Writer() {
		t.Errorf("what the old node wrote is not taken up: %+v, %v", d, err)
	}
}

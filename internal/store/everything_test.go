package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"paicha/internal/store"
	"paicha/internal/store/storetest"
)

// TestEverythingNeedsNoToken: documents without tokens, with other ones, and tombstones come in pages, each once, and the
// mark of the end brings nothing more.
func TestEverythingNeedsNoToken(t *testing.T) {
	m := storetest.NewModel()
	ids := 0
	open := func() *store.Store {
		s, err := store.Open(t.Context(), m.Connect(nil), store.Options{
			Now: func() time.Time { return time.UnixMilli(1_700_000_000_000) }, Elapsed: func() time.Duration { return 0 },
			NewID: func() string { ids++; return fmt.Sprint("w", ids) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b := open(), open()
	mark, err := a.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[store.Ref]bool{} // removed
	for i := range 10 {
		d := store.Doc{Ref: store.Ref{Kind: "thing", ID: fmt.Sprint(i)}, Body: []byte("{}")}
		if i%2 == 0 {
			d.Tokens = []store.Token{"5325"}
		}
		s := []*store.Store{a, b}[i%3%2]
		if outs, err := s.Commit(t.Context(), []store.Write{{New: d}}); err != nil || outs[0].Status != store.OK {
			t.Fatal(outs, err)
		}
		want[d.Ref] = false
	}
	old, err := a.One(t.Context(), store.Ref{Kind: "thing", ID: "4"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Commit(t.Context(), []store.Write{{Old: old, New: store.Doc{Ref: old.Ref, Removed: store.Deleted}}}); err != nil {
		t.Fatal(err)
	}
	want[old.Ref] = true
	for at, more := mark, true; more; {
		f, err := b.Everything(t.Context(), at, store.Limit{Docs: 3})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.Changes {
			removed, expected := want[c.Doc.Ref]
			if !expected || removed != c.Removed || c.Via != nil {
				t.Errorf("%+v", c)
			}
			delete(want, c.Doc.Ref)
		}
		if at, more = f.Next, f.More; !more {
			if f, err = b.Everything(t.Context(), f.Seen, store.Limit{}); err != nil || len(f.Changes) > 0 {
				t.Errorf("after the end: %+v %v", f.Changes, err)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
	mark.Epoch = "another"
	if _, err := a.Everything(t.Context(), mark, store.Limit{}); !errors.Is(err, store.ErrReset) {
		t.Error(err)
	}
}

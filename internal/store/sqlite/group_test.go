package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"paicha/internal/store"
)

// A position that two documents claim breaks an invariant of the file: that call fails, those that shared its
// transaction do not, and nothing of it is left behind.
func TestFailingMemberHarmsNobody(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "paicha.db"))
	defer shut(t, e)
	at := func(id string, seq store.Seq) store.Put {
		return store.Put{Doc: store.Doc{
			Ref: store.Ref{Kind: "hazard", ID: id}, Rev: 1, Position: store.Position{Writer: "w", Seq: seq},
			Tokens: []store.Token{store.Token("new-" + id)},
		}}
	}
	if _, err := e.Put(t.Context(), []store.Put{at("first", 1)}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			if n%4 == 0 {
				_, err := e.Put(t.Context(), []store.Put{at(fmt.Sprint("half-", n), store.Seq(1000+n)), at(fmt.Sprint("bad-", n), 1)})
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("a second document at one position: %v", err)
				}
				return
			}
			st, err := e.Put(t.Context(), []store.Put{at(fmt.Sprint("good-", n), store.Seq(n+2))})
			if err != nil || st[0] != store.OK {
				t.Errorf("good-%d: %v %v", n, st, err)
			}
		})
	}
	wg.Wait()
	ds, _, err := e.Range(t.Context(), store.Range{Writer: "w"})
	if err != nil || len(ds) != 31 {
		t.Fatalf("%d documents, want 31: %v", len(ds), err)
	}
	if last, err := e.LastSeq(t.Context(), "w"); err != nil || last > 41 {
		t.Fatalf("last seq %d of what was rolled back: %v", last, err)
	}
	for _, d := range ds[1:] {
		found, _, err := e.Scan(t.Context(), store.Scan{Tokens: d.Tokens})
		if err != nil || len(found) != 1 || found[0].ID != d.ID {
			t.Fatalf("%s is not found by its token: %v", d.ID, err)
		}
	}
}

package audit

import (
	"fmt"
	"path/filepath"
	"testing"

	"paicha/internal/store"
	"paicha/internal/store/sqlite"
)

// TestOnSQLite walks many pages of a database that had no log, follows it, and starts again on it in another process.
func TestOnSQLite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "paicha.db")
	all := map[store.Ref]store.Doc{}
	for life := range 3 {
		e, err := sqlite.Open(t.Context(), sqlite.Options{Path: name})
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(t.Context(), e)
		q := sequencer(t, s)
		write := func(from, to int) {
			t.Helper()
			for i := from; i < to; i++ {
				ref := store.Ref{Kind: []store.Kind{"hazard", "inspection", "user"}[i%3], ID: fmt.Sprint("d", i)}
				check(act(t.Context(), s, ref, i%4))
				d, err := s.One(t.Context(), ref)
				check(err)
				all[ref] = d
			}
		}
		write(0, 100)
		mustDrain(t, q)
		write(80, 160)
		mustDrain(t, q)
		if life == 2 {
			check(q.walk(t.Context()))
			mustDrain(t, q)
		}
		if err := settled(t.Context(), testKey(t), all, s); err != nil {
			t.Errorf("life %d: %v", life, err)
		}
		check(e.Close())
	}
}

package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/internal/store/storetest"
)

func open(t testing.TB, path string) *sqlite.Engine {
	t.Helper()
	e, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Indexes: storetest.Indexes})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func shut(t testing.TB, e *sqlite.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEngine(t *testing.T) {
	storetest.Engine(t, storetest.Full, func(t *testing.T) store.Engine {
		e := open(t, filepath.Join(t.TempDir(), "paicha.db"))
		t.Cleanup(func() { shut(t, e) })
		return e
	})
}

func TestPortable(t *testing.T) {
	storetest.Portable(t, func(t *testing.T) store.Engine {
		e := open(t, filepath.Join(t.TempDir(), "paicha.db"))
		t.Cleanup(func() { shut(t, e) })
		return e
	})
}

func TestReadOnlyOpensWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paicha.db")
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, ReadOnly: true}); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("an empty database: %v", err)
	}
	e := open(t, path)
	d := store.Doc{Ref: store.Ref{Kind: "hazard", ID: "a"}, Rev: 1, Position: store.Position{Writer: "w", Seq: 1}}
	if st, err := e.Put(t.Context(), []store.Put{{Doc: d}}); err != nil || st[0] != store.OK {
		t.Fatal(st, err)
	}
	shut(t, e)
	e, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, e)
	if docs, _, err := e.Walk(t.Context(), "", store.Limit{}); err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	d.ID, d.Position.Seq = "b", 2
	if st, err := e.Put(t.Context(), []store.Put{{Doc: d}}); err == nil {
		t.Fatalf("written although it is read only: %v", st)
	}
}

func TestReopening(t *testing.T) {
	storetest.Reopening(t,
		func(t *testing.T, place string) store.Engine { return open(t, place) },
		func(t *testing.T, e store.Engine) {
			if one, ok := e.(*sqlite.Engine); ok {
				shut(t, one)
			}
		},
		filepath.Join(t.TempDir(), "paicha.db"))
}

func TestSecondOpenIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paicha.db")
	e := open(t, path)
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: path}); !errors.Is(err, store.ErrInUse) {
		t.Fatalf("second open: %v", err)
	}
	shut(t, e)
	shut(t, open(t, path))
}

func TestClosedEngineRefuses(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "paicha.db"))
	shut(t, e)
	shut(t, e)
	if _, err := e.Get(t.Context(), []store.Ref{{Kind: "hazard", ID: "a"}}); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
	if _, err := e.Put(t.Context(), []store.Put{{Doc: store.Doc{Rev: 1}}}); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
}

func TestOpenReportsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte("this is not a database, but it is long enough to look like a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []sqlite.Options{
		{Path: text},
		{Path: filepath.Join(dir, "missing", "paicha.db")},
		{Path: filepath.Join(dir, "a.db"), Indexes: []store.Index{{Kind: "k", Fields: []string{`x"`}}}},
		{Path: filepath.Join(dir, "a.db"), Indexes: []store.Index{{Kind: "k"}}},
	} {
		if _, err := sqlite.Open(t.Context(), o); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	shut(t, open(t, filepath.Join(dir, "a.db")))
}

func TestIndexesFollowTheirDeclaration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paicha.db")
	q := store.Query{Kind: "k", Order: "b"}
	for _, c := range []struct {
		fields []string
		want   error
	}{{[]string{"a"}, store.ErrNoIndex}, {[]string{"b"}, nil}, {[]string{"b", "a"}, nil}, {[]string{"a", "b"}, store.ErrNoIndex}} {
		e, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Indexes: []store.Index{{Kind: "k", Fields: c.fields}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Find(t.Context(), q); !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.fields, err)
		}
		shut(t, e)
	}
}

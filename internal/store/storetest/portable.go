package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"paicha/internal/store"
)

// Portable is the definition of store.Portable by test. open returns an empty engine and ends it with t.Cleanup; it is
// called twice where documents move from one engine to another.
func Portable(t *testing.T, open func(t *testing.T) store.Engine) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, func(*testing.T) store.Engine)
	}{
		{"WalkNamesEverything", walkEverything},
		{"WalkHonoursLimits", walkLimits},
		{"WalkMissesNoneWhileWritersMove", walkConcurrent},
		{"LoadKeepsDocumentsAsTheyAre", loadAsTheyAre},
		{"LoadAgainIsHarmless", loadAgain},
		{"LoadKeepsTheHigherRev", loadHigherRev},
		{"LoadOfOtherContentIsRefused", loadDiffers},
		{"LoadedDocumentsAreFoundAndGoOn", loadGoesOn},
		{"CancelledContext", portableCancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

func portable(t *testing.T, e store.Engine) store.Portable {
	t.Helper()
	p, ok := e.(store.Portable)
	if !ok {
		t.Fatalf("%T is not portable", e)
	}
	return p
}

// walked collects a whole walk, by reference; a document may be named again if it was written meanwhile.
func walked(t *testing.T, e store.Engine, limit store.Limit, between func()) map[store.Ref]store.Doc {
	t.Helper()
	out := map[store.Ref]store.Doc{}
	for after := store.ScanKey(""); ; {
		docs, next, err := portable(t, e).Walk(t.Context(), after, limit)
		must(t, err)
		for _, d := range docs {
			if between == nil && out[d.Ref].Rev > 0 {
				t.Fatalf("%v is named twice", d.Ref)
			}
			out[d.Ref] = d
		}
		if next == "" {
			return out
		}
		if after = next; between != nil {
			between()
		}
	}
}

// everything makes one document of each sort: full, bare, of other kinds, removed, of the store's own, above no position.
func everything(t *testing.T, e store.Engine) map[store.Ref]store.Doc {
	t.Helper()
	gone := full("gone", 3)
	other := full("a", 4)
	other.Kind = "inspection"
	own := store.Doc{Ref: store.Ref{Kind: "_writer", ID: "w"}, Rev: 1, Body: []byte(`{}`)}
	empty := doc("empty", 5)
	empty.Body, empty.Restricted, empty.Memory = []byte{}, []byte{}, []byte{}
	binary := doc("汉字 /%", 6)
	binary.Body = []byte{0, 0xff, '\n', 0xfe}
	seed(t, e, full("a", 1), doc("bare", 2), gone, other, own, empty, binary)
	put(t, e, next(gone, 7, func(d *store.Doc) {
		d.Removed, d.Tokens, d.Fields, d.Body = store.Archived, nil, nil, nil
		d.Left = append(d.Left, store.Left{Token: "5325", Position: d.Position, At: d.Left[0].At})
	}))
	out := map[store.Ref]store.Doc{}
	for _, d := range []store.Doc{gone, other, own, empty, binary, full("a", 1), doc("bare", 2)} {
		ds, err := e.Get(t.Context(), []store.Ref{d.Ref})
		must(t, err)
		out[d.Ref] = ds[0]
	}
	return out
}

func walkEverything(t *testing.T, open func(*testing.T) store.Engine) {
	e := open(t)
	docs, next, err := portable(t, e).Walk(t.Context(), "", store.Limit{})
	must(t, err)
	if len(docs) != 0 || next != "" {
		t.Fatalf("%d documents in an empty engine, next %q", len(docs), next)
	}
	want := everything(t, e)
	got := walked(t, e, store.Limit{}, nil)
	if len(got) != len(want) {
		t.Fatalf("%d documents, want %d", len(got), len(want))
	}
	for ref, w := range want {
		if !store.Same(got[ref], w) {
			t.Errorf("got  %+v\nwant %+v", got[ref], w)
		}
	}
}

func walkLimits(t *testing.T, open func(*testing.T) store.Engine) {
	e := open(t)
	var all []store.Doc
	for i := range 50 {
		d := doc(fmt.Sprintf("%02d", i), store.Seq(i+1))
		d.Body = make([]byte, 100)
		all = append(all, d)
	}
	seed(t, e, all...)
	for _, l := range []store.Limit{{}, {Docs: 1}, {Docs: 7}, {Docs: 50}, {Bytes: 1}, {Bytes: 1000}, {Docs: 9, Bytes: 500}} {
		if got := walked(t, e, l, nil); len(got) != 50 {
			t.Errorf("%+v: %d named", l, len(got))
		}
	}
	if docs, next, err := portable(t, e).Walk(t.Context(), "", store.Limit{Docs: 7}); err != nil || len(docs) != 7 || next == "" {
		t.Errorf("%d documents, next %q, %v", len(docs), next, err)
	}
}

// walkConcurrent rewrites and adds documents between the pages of a walk and while one is read.
func walkConcurrent(t *testing.T, open func(*testing.T) store.Engine) {
	e := open(t)
	var all []store.Doc
	for i := range 40 {
		all = append(all, doc(fmt.Sprintf("%02d", i), store.Seq(i+1), "x"))
	}
	seed(t, e, all...)
	seq := store.Seq(100)
	got := walked(t, e, store.Limit{Docs: 3}, func() {
		var ps []store.Put
		for i, d := range all {
			seq++
			ps = append(ps, next(d, seq, nil))
			all[i] = ps[i].Doc
		}
		seq++
		put(t, e, append(ps, insert(doc(fmt.Sprintf("new%d", seq), seq)))...)
	})
	for _, d := range all {
		if got[d.Ref].Rev == 0 {
			t.Fatalf("%s was missed", d.ID)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			seq++
			n := next(all[i%40], seq, nil)
			if _, err := e.Put(t.Context(), []store.Put{n}); err != nil {
				t.Error(err)
				return
			}
			all[i%40] = n.Doc
		}
	})
	for range 5 {
		got := walked(t, e, store.Limit{Docs: 9}, func() {})
		for i := range 40 {
			if d := got[store.Ref{Kind: "hazard", ID: fmt.Sprintf("%02d", i)}]; d.Rev == 0 || len(d.Body) == 0 {
				t.Errorf("%02d is missed or torn: %+v", i, d)
			}
		}
	}
	close(stop)
	wg.Wait()
}

func loadAsTheyAre(t *testing.T, open func(*testing.T) store.Engine) {
	from, to := open(t), open(t)
	want := everything(t, from)
	var docs []store.Doc
	for _, d := range walked(t, from, store.Limit{}, nil) {
		docs = append(docs, d)
	}
	must(t, portable(t, to).Load(t.Context(), docs))
	must(t, portable(t, to).Load(t.Context(), nil))
	got := walked(t, to, store.Limit{}, nil)
	if len(got) != len(want) {
		t.Fatalf("%d documents, want %d", len(got), len(want))
	}
	for ref, w := range want {
		if !store.Same(got[ref], w) {
			t.Errorf("got  %+v\nwant %+v", got[ref], w)
		}
	}
}

func loadAgain(t *testing.T, open func(*testing.T) store.Engine) {
	e := open(t)
	a, b := full("a", 7), full("b", 9)
	a.Rev, b.Rev = 5, 1
	for range 3 {
		must(t, portable(t, e).Load(t.Context(), []store.Doc{a, b, a}))
	}
	if got := get(t, e, "a"); !store.Same(got, a) {
		t.Fatalf("got %+v, want %+v", got, a)
	}
}

func loadHigherRev(t *testing.T, open func(*testing.T) store.Engine) {
	e := open(t)
	old := full("a", 7)
	old.Rev = 3
	newer := old
	newer.Rev, newer.Position.Seq, newer.Body, newer.Tokens = 6, 12, []byte("newer"), []store.Token{"y"}
	must(t, portable(t, e).Load(t.Context(), []store.Doc{old}))
	must(t, portable(t, e).Load(t.Context(), []store.Doc{newer}))
	must(t, portable(t, e).Load(t.Context(), []store.Doc{old}))
	if got := get(t, e, "a"); !store.Same(got, newer) {
		t.Fatalf("got %+v, want %+v", got, newer)
	}
	ds, _, err := e.Range(t.Context(), store.Range{Writer: "w"})
	must(t, err)
	ids(t, ds, "a")
	other := full("b", 8)
	other.Rev = 2
	later := other
	later.Rev, later.Position.Seq = 4, 13
	must(t, portable(t, e).Load(t.Context(), []store.Doc{later, other}))
	if got := get(t, e, "b"); got.Rev != 4 {
		t.Fatalf("rev %d of two in one call, want 4", got.Rev)
	}
}

func loadDiffers(t *testing.T, open func(*testing.T) store.Engine) {
	e := open(t)
	d := full("a", 7)
	must(t, portable(t, e).Load(t.Context(), []store.Doc{d}))
	for name, change := range map[string]func(*store.Doc){
		"body":       func(d *store.Doc) { d.Body = []byte("other") },
		"restricted": func(d *store.Doc) { d.Restricted = nil },
		"memory":     func(d *store.Doc) { d.Memory = []byte{} },
		"position":   func(d *store.Doc) { d.Position.Seq++ },
		"tokens":     func(d *store.Doc) { d.Tokens = d.Tokens[1:] },
		"left":       func(d *store.Doc) { d.Left = nil },
		"fields":     func(d *store.Doc) { d.Fields = store.Fields{"due": store.Text("1")} },
		"removed":    func(d *store.Doc) { d.Removed = store.Deleted },
	} {
		o := d
		change(&o)
		if err := portable(t, e).Load(t.Context(), []store.Doc{o}); !errors.Is(err, store.ErrLoadDiffers) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if got := get(t, e, "a"); !store.Same(got, d) {
		t.Fatalf("the stored one became %+v", got)
	}
}

// loadGoesOn uses what was loaded as any other document: by position, token and field, as the base of a write.
func loadGoesOn(t *testing.T, open func(*testing.T) store.Engine) {
	e := open(t)
	a := full("a", 7)
	a.Rev = 5
	gone := full("gone", 8)
	gone.Rev, gone.Removed, gone.Tokens = 2, store.Deleted, nil
	must(t, portable(t, e).Load(t.Context(), []store.Doc{a, gone}))
	ds, _, err := e.Range(t.Context(), store.Range{Writer: "w", After: 6})
	must(t, err)
	ids(t, ds, "a", "gone")
	ds, _, err = e.Range(t.Context(), store.Range{Writer: "w", Tokens: []store.Token{"532502"}}) // left
	must(t, err)
	ids(t, ds, "a", "gone")
	ds, _, err = e.Scan(t.Context(), store.Scan{Tokens: []store.Token{"5325"}})
	must(t, err)
	ids(t, ds, "a")
	p, err := e.Find(t.Context(), store.Query{Kind: "hazard", Where: []store.Cond{store.Where("status", store.Eq, store.Text("已整改"))}, Order: "due"})
	must(t, err)
	ids(t, p.Docs, "a")
	if sole, ok := e.(store.Sole); ok {
		last, err := sole.LastSeq(t.Context(), "w")
		must(t, err)
		same(t, last, store.Seq(8))
	}
	same(t, put(t, e, next(a, 9, nil), insert(gone)), []store.Status{store.OK, store.Stale})
	if got := get(t, e, "a"); got.Rev != 6 {
		t.Fatalf("rev %d, want 6", got.Rev)
	}
}

func portableCancelled(t *testing.T, open func(*testing.T) store.Engine) {
	e := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := portable(t, e).Walk(ctx, "", store.Limit{}); !errors.Is(err, context.Canceled) {
		t.Errorf("walk: %v", err)
	}
	if err := portable(t, e).Load(ctx, []store.Doc{full("a", 1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("load: %v", err)
	}
}

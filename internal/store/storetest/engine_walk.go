package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"paicha/internal/store"
)

func ranged(t *testing.T, e store.Engine, r store.Range) ([]store.Doc, bool) {
	t.Helper()
	ds, more, err := e.Range(t.Context(), r)
	must(t, err)
	for i := 1; i < len(ds); i++ {
		if ds[i-1].Position.Seq >= ds[i].Position.Seq {
			t.Fatalf("seq %d before %d", ds[i-1].Position.Seq, ds[i].Position.Seq)
		}
	}
	return ds, more
}

func rangeBounds(t *testing.T, e store.Engine) {
	other := doc("o", 2, "x")
	other.Position.Writer = "v"
	none := doc("none", 0)
	none.Position = store.Position{}
	seed(t, e, doc("c", 3, "x"), doc("a", 1, "x"), doc("b", 2), other, none)
	for _, c := range []struct {
		r    store.Range
		want []string
	}{
		{store.Range{Writer: "w"}, []string{"a", "b", "c"}},
		{store.Range{Writer: "w", After: 1}, []string{"b", "c"}},
		{store.Range{Writer: "w", After: 1, UpTo: 2}, []string{"b"}},
		{store.Range{Writer: "w", UpTo: 9}, []string{"a", "b", "c"}},
		{store.Range{Writer: "w", After: 3}, nil},
		{store.Range{Writer: "w", After: 2, UpTo: 1}, nil},
		{store.Range{Writer: "v"}, []string{"o"}},
		{store.Range{Writer: ""}, nil},
		{store.Range{Writer: "w", Tokens: []store.Token{"x"}}, []string{"a", "c"}},
	} {
		ds, more := ranged(t, e, c.r)
		ids(t, ds, c.want...)
		if more {
			t.Fatalf("%+v: more without a limit", c.r)
		}
	}
}

func rangeTokens(t *testing.T, e store.Engine) {
	seed(t, e, doc("a", 1, "x", "y"), doc("b", 2, "y"), doc("c", 3, "z"), doc("d", 4, "x", "z"))
	ds, _ := ranged(t, e, store.Range{Writer: "w", Tokens: []store.Token{"unknown", "x", "y"}})
	ids(t, ds, "a", "b", "d")
	same(t, ds[0].Tokens, []store.Token{"x", "y"})
	ds, _ = ranged(t, e, store.Range{Writer: "w", Tokens: []store.Token{"unknown"}})
	ids(t, ds)
}

func rangeLeft(t *testing.T, e store.Engine) {
	d := doc("a", 1, "x")
	seed(t, e, d)
	put(t, e, next(d, 2, func(d *store.Doc) {
		d.Tokens = []store.Token{"y"}
		d.Left = []store.Left{{Token: "x", Position: d.Position}}
	}))
	for _, token := range []store.Token{"x", "y"} {
		ds, _ := ranged(t, e, store.Range{Writer: "w", Tokens: []store.Token{token}})
		ids(t, ds, "a")
	}
	ds, _, err := e.Scan(t.Context(), store.Scan{Tokens: []store.Token{"x"}})
	must(t, err)
	ids(t, ds)
	put(t, e, next(get(t, e, "a"), 3, func(d *store.Doc) { d.Left = nil }))
	ds, _ = ranged(t, e, store.Range{Writer: "w", Tokens: []store.Token{"x"}})
	ids(t, ds)
}

func rangeMoves(t *testing.T, e store.Engine) {
	a := doc("a", 1, "x")
	seed(t, e, a, doc("b", 2, "x"))
	put(t, e, next(a, 3, nil))
	ds, _ := ranged(t, e, store.Range{Writer: "w", Tokens: []store.Token{"x"}})
	ids(t, ds, "b", "a")
	put(t, e, next(get(t, e, "a"), 1, func(d *store.Doc) { d.Position.Writer = "v" }))
	ds, _ = ranged(t, e, store.Range{Writer: "w", Tokens: []store.Token{"x"}})
	ids(t, ds, "b")
	ds, _ = ranged(t, e, store.Range{Writer: "v"})
	ids(t, ds, "a")
}

func lastByTokens(t *testing.T, e store.Engine) {
	d := doc("d", 4, "x")
	left := doc("left", 6, "y")
	left.Left = []store.Left{{Token: "x", Position: left.Position}}
	other := doc("other", 9, "x")
	other.Position.Writer = "v"
	seed(t, e, doc("a", 1, "x", "z"), doc("b", 2, "y"), d, left, doc("last", 8), other)
	for _, c := range []struct {
		upTo   store.Seq
		tokens []store.Token
		want   store.Seq
	}{
		{9, []store.Token{"x"}, 6},
		{5, []store.Token{"x"}, 4},
		{4, []store.Token{"x"}, 4},
		{3, []store.Token{"x"}, 1},
		{3, []store.Token{"x", "y"}, 2},
		{9, []store.Token{"z"}, 1},
		{9, []store.Token{"unknown"}, 0},
		{0, []store.Token{"x"}, 0},
		{9, nil, 0},
	} {
		got, err := e.Last(t.Context(), "w", c.upTo, c.tokens)
		must(t, err)
		if got != c.want {
			t.Errorf("last of %v up to %d = %d, want %d", c.tokens, c.upTo, got, c.want)
		}
	}
	if got, err := e.Last(t.Context(), "nobody", 9, []store.Token{"x"}); err != nil || got != 0 {
		t.Errorf("last of nobody = %d, %v", got, err)
	}
}

// signs tells a token that looks like a mark of an engine's own from what that mark would mean.
func signs(t *testing.T, e store.Engine) {
	plus := doc("plus", 2, "+x", "-y")
	left := doc("left", 3, "z")
	left.Left = []store.Left{{Token: "x", Position: left.Position, At: time.UnixMilli(1).UTC()}}
	seed(t, e, doc("minus", 1, "-x", "y"), plus, left)
	same(t, get(t, e, "plus"), plus)
	same(t, get(t, e, "left"), left)
	for token, want := range map[store.Token][]string{"x": {"left"}, "-x": {"minus"}, "+x": {"plus"}, "-y": {"plus"}, "y": {"minus"}} {
		ds, _ := ranged(t, e, store.Range{Writer: "w", Tokens: []store.Token{token}})
		ids(t, ds, want...)
		carry := map[string]int{}
		if want[0] != "left" {
			carry[want[0]] = 1
		}
		same(t, scanned(t, e, store.Scan{Tokens: []store.Token{token}}, nil), carry)
	}
}

func rangeLimits(t *testing.T, e store.Engine, size Size) {
	var all []store.Doc
	for i := 1; i <= size.Docs; i++ {
		d := doc(fmt.Sprintf("%03d", i), store.Seq(i), []store.Token{"x", "y"}[i%2])
		d.Body = make([]byte, 100)
		all = append(all, d)
	}
	seed(t, e, all...)
	both := []store.Token{"x", "y"}
	for _, l := range []store.Limit{{}, {Docs: 1}, {Docs: 7}, {Docs: size.Docs}, {Bytes: 1}, {Bytes: 1000}, {Docs: size.Docs / 2, Bytes: size.Docs * 100 / 3}} {
		for _, tokens := range [][]store.Token{both, nil} {
			n := 0
			for after := store.Seq(0); ; {
				ds, more := ranged(t, e, store.Range{Writer: "w", After: after, Tokens: tokens, Limit: l})
				bytes := 0
				for _, d := range ds {
					bytes += len(d.Body)
				}
				if len(ds) == 0 || l.Docs > 0 && len(ds) > l.Docs || l.Bytes > 0 && bytes > l.Bytes && len(ds) > 1 {
					t.Fatalf("%+v: %d documents, %d bytes", l, len(ds), bytes)
				}
				n += len(ds)
				after = ds[len(ds)-1].Position.Seq
				if !more {
					break
				}
			}
			if n != size.Docs {
				t.Fatalf("%+v: %d documents in all", l, n)
			}
		}
	}
}

// scanned walks a scan to its end, calling between before each page but the first, and counts how often each is named.
func scanned(t *testing.T, e store.Engine, s store.Scan, between func()) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for range 10_000 {
		ds, next, err := e.Scan(t.Context(), s)
		must(t, err)
		if s.Limit.Docs > 0 && len(ds) > s.Limit.Docs {
			t.Fatalf("%d documents on a page of %d", len(ds), s.Limit.Docs)
		}
		for _, d := range ds {
			seen[d.ID]++
		}
		if next == "" {
			return seen
		}
		s.After = next
		if between != nil {
			between()
		}
	}
	t.Fatal("the scan does not end")
	return nil
}

func scanOnce(t *testing.T, e store.Engine) {
	seed(t, e, doc("a", 1, "x", "y"), doc("b", 2, "y"), doc("c", 3, "z"), doc("d", 4, "x", "z"))
	for limit := range 5 {
		got := scanned(t, e, store.Scan{Tokens: []store.Token{"unknown", "x", "y"}, Limit: store.Limit{Docs: limit}}, nil)
		same(t, got, map[string]int{"a": 1, "b": 1, "d": 1})
	}
}

func scanLimits(t *testing.T, e store.Engine, size Size) {
	var all []store.Doc
	for i := 1; i <= size.Docs; i++ {
		d := doc(fmt.Sprintf("%03d", i), store.Seq(i), []store.Token{"x", "y"}[i%2], "all")
		d.Body = make([]byte, 100)
		all = append(all, d)
	}
	seed(t, e, all...)
	for _, l := range []store.Limit{{}, {Docs: 7}, {Bytes: 1}, {Bytes: 1000}} {
		for id, n := range scanned(t, e, store.Scan{Tokens: []store.Token{"all", "x", "y"}, Limit: l}, nil) {
			if n != 1 {
				t.Fatalf("%+v: %s named %d times", l, id, n)
			}
		}
		if got := scanned(t, e, store.Scan{Tokens: []store.Token{"x", "y"}, Limit: l}, nil); len(got) != size.Docs {
			t.Fatalf("%+v: %d named", l, len(got))
		}
	}
}

// scanConcurrent moves every document to other writers and gives and takes a second token while a scan is under way;
// each keeps the token "keep" throughout, so each must be named.
func scanConcurrent(t *testing.T, e store.Engine) {
	writers := []store.WriterID{"w1", "w2", "w3"}
	var seqs [3]store.Seq
	at := func(i int) store.Position {
		seqs[i]++
		return store.Position{Writer: writers[i], Seq: seqs[i]}
	}
	var all []store.Doc
	for i := range 60 {
		d := doc(fmt.Sprintf("%02d", i), 0, "keep")
		d.Position = at(i % 3)
		all = append(all, d)
	}
	seed(t, e, all...)
	round := 0
	got := scanned(t, e, store.Scan{Tokens: []store.Token{"first", "keep"}, Limit: store.Limit{Docs: 4}}, func() {
		round++
		var ps []store.Put
		for i, d := range all {
			n := d
			n.Rev++
			n.Position = at((i + round) % 3)
			if n.Tokens = []store.Token{"keep"}; (i+round)%2 == 0 {
				n.Tokens = []store.Token{"first", "keep"}
			}
			ps = append(ps, store.Put{Base: d.Rev, Doc: n})
			all[i] = n
		}
		put(t, e, ps...)
	})
	if len(got) != 60 {
		t.Fatalf("%d of 60 named", len(got))
	}

	// The same with a writer that runs at the same time.
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			d := all[i%60]
			n := d
			n.Rev++
			n.Position = at(i % 3)
			if _, err := e.Put(t.Context(), []store.Put{{Base: d.Rev, Doc: n}}); err != nil {
				t.Error(err)
				return
			}
			all[i%60] = n
		}
	})
	for range 5 {
		if got := scanned(t, e, store.Scan{Tokens: []store.Token{"keep"}, Limit: store.Limit{Docs: 9}}, nil); len(got) != 60 {
			t.Errorf("%d of 60 named", len(got))
		}
	}
	close(stop)
	wg.Wait()
}

package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	"paicha/internal/store"
)

func found(t *testing.T, e store.Engine, q store.Query) []store.Doc {
	t.Helper()
	var all []store.Doc
	for {
		p, err := e.Find(t.Context(), q)
		must(t, err)
		if q.Limit > 0 && len(p.Docs) > q.Limit {
			t.Fatalf("%d documents on a page of %d", len(p.Docs), q.Limit)
		}
		all = append(all, p.Docs...)
		if p.Next == (store.PageKey{}) {
			return all
		}
		q.After = p.Next
	}
}

func findOps(t *testing.T, e store.Engine) {
	for i, due := range []store.Value{store.Num(-5), store.Num(0), store.Num(7), store.Num(1 << 60), store.Text("7"), store.Text("汉")} {
		d := doc(string(rune('a'+i)), store.Seq(i+1))
		d.Fields = store.Fields{"due": due, "status": store.Text("open")}
		seed(t, e, d)
	}
	absent := doc("absent", 50)
	absent.Fields = store.Fields{"status": store.Text("")}
	otherKind := doc("o", 51)
	otherKind.Kind, otherKind.Fields = "other", store.Fields{"due": store.Num(7)}
	seed(t, e, absent, otherKind)
	for _, c := range []struct {
		op   store.Op
		vals []store.Value
		want []string
	}{
		{store.Eq, []store.Value{store.Num(7)}, []string{"c"}},
		{store.Eq, []store.Value{store.Text("7")}, []string{"e"}},
		{store.Eq, []store.Value{store.Num(1 << 60)}, []string{"d"}},
		{store.Eq, []store.Value{store.Num(1<<60 + 1)}, nil},
		{store.Eq, []store.Value{store.Text("")}, nil},
		{store.In, []store.Value{store.Num(-5), store.Text("汉"), store.Num(99)}, []string{"a", "f"}},
		{store.In, nil, nil},
		{store.Lt, []store.Value{store.Num(7)}, []string{"a", "b"}},
		{store.Ge, []store.Value{store.Num(7)}, []string{"c", "d"}},
		{store.Lt, []store.Value{store.Text("汉")}, []string{"e"}},
		{store.Ge, []store.Value{store.Text("8")}, []string{"f"}},
	} {
		ds := found(t, e, store.Query{Kind: "hazard", Where: []store.Cond{store.Where("due", c.op, c.vals...)}, Limit: 100})
		ids(t, ds, c.want...)
	}
	ds := found(t, e, store.Query{Kind: "hazard", Limit: 100, Where: []store.Cond{
		store.Where("status", store.Eq, store.Text("open")),
		store.Where("due", store.Ge, store.Num(0)), store.Where("due", store.Lt, store.Num(8)),
	}})
	ids(t, ds, "b", "c")
	ds = found(t, e, store.Query{Kind: "hazard", Where: []store.Cond{store.Where("status", store.Eq, store.Text(""))}, Limit: 100})
	ids(t, ds, "absent")
}

func findPages(t *testing.T, e store.Engine) {
	var all []store.Doc
	for i := range 50 {
		d := doc(fmt.Sprintf("%02d", i*37%50), store.Seq(i+1), "x")
		d.Fields = store.Fields{"due": store.Num(int64(i % 7)), "status": store.Text([]string{"开", "闭"}[i%2])}
		if i%10 == 9 {
			delete(d.Fields, "due")
		}
		all = append(all, d)
	}
	seed(t, e, all...)
	for _, order := range []string{"", "due"} {
		for _, desc := range []bool{false, true} {
			for _, where := range [][]store.Cond{nil, {store.Where("status", store.Eq, store.Text("开"))}} {
				var want []store.Doc
				for _, d := range all {
					_, has := d.Fields["due"]
					if (order == "" || has) && (where == nil || d.Fields["status"].Text == "开") {
						want = append(want, d)
					}
				}
				slices.SortFunc(want, func(a, b store.Doc) int {
					c := cmp.Compare(a.ID, b.ID)
					if order != "" {
						c = cmp.Or(cmp.Compare(a.Fields["due"].Num, b.Fields["due"].Num), c)
					}
					if desc {
						return -c
					}
					return c
				})
				names := make([]string, len(want))
				for i, d := range want {
					names[i] = d.ID
				}
				for _, limit := range []int{1, 7, len(want), 100} {
					ids(t, found(t, e, store.Query{Kind: "hazard", Where: where, Order: order, Desc: desc, Limit: limit}), names...)
				}
			}
		}
	}
	p, err := e.Find(t.Context(), store.Query{Kind: "hazard", Limit: 50})
	must(t, err)
	if p.Next != (store.PageKey{}) {
		t.Fatal("a page that ends exactly with the last document has a next one")
	}
}

// findMixed pages over a field that holds numbers in some documents and text in others.
func findMixed(t *testing.T, e store.Engine) {
	for i, v := range []store.Value{store.Text("a"), store.Num(5), store.Text(""), store.Num(-1), store.Num(5), store.Text("a")} {
		d := doc(string(rune('a'+i)), store.Seq(i+1))
		d.Fields = store.Fields{"due": v}
		seed(t, e, d)
	}
	want := []string{"d", "b", "e", "c", "a", "f"}
	for _, limit := range []int{0, 1, 2, 3, 4, 6, 9} {
		ids(t, found(t, e, store.Query{Kind: "hazard", Order: "due", Limit: limit}), want...)
	}
	slices.Reverse(want)
	for _, limit := range []int{0, 1, 2, 3, 4, 6, 9} {
		ids(t, found(t, e, store.Query{Kind: "hazard", Order: "due", Desc: true, Limit: limit}), want...)
	}
}

func findTokens(t *testing.T, e store.Engine) {
	var all []store.Doc
	for i, tokens := range [][]store.Token{{"x", "y"}, {"y"}, {"z"}, nil} {
		d := doc(string(rune('a'+i)), store.Seq(i+1), tokens...)
		d.Fields = store.Fields{"due": store.Num(int64(10 - i))}
		all = append(all, d)
	}
	seed(t, e, all...)
	q := store.Query{Kind: "hazard", Order: "due", Limit: 1}
	ids(t, found(t, e, q), "d", "c", "b", "a")
	q.Tokens = []store.Token{"x", "y"}
	ids(t, found(t, e, q), "b", "a")
	q.Tokens = []store.Token{"unknown", "x", "z"}
	ids(t, found(t, e, q), "c", "a")
	q.Tokens = []store.Token{"unknown"}
	ids(t, found(t, e, q))
	q.Tokens, q.Also = []store.Token{"x", "y", "z"}, []store.Token{"unknown", "x", "z"}
	ids(t, found(t, e, q), "c", "a")
	q.Tokens = []store.Token{"y"}
	ids(t, found(t, e, q), "a")
	q.Tokens = nil
	ids(t, found(t, e, q), "c", "a")
	q.Tokens, q.Also = []store.Token{"x"}, []store.Token{"unknown"}
	ids(t, found(t, e, q))
	q.Also = nil
	put(t, e, next(all[0], 9, func(d *store.Doc) {
		d.Tokens, d.Left = []store.Token{"y"}, []store.Left{{Token: "x", Position: d.Position}}
	}))
	q.Tokens = []store.Token{"x"}
	ids(t, found(t, e, q))
}

func findByteOrder(t *testing.T, e store.Engine) {
	names := []string{"", "B", "a", "b", "é", "个旧", "开远", "蒙自", "😀", "a\x01", "a\"", "a\\", "'); --"}
	for i, n := range names {
		d := doc("id-"+n, store.Seq(i+1))
		d.Fields = store.Fields{"name": store.Text(n)}
		seed(t, e, d)
	}
	slices.Sort(names)
	want := make([]string, len(names))
	for i, n := range names {
		want[i] = "id-" + n
	}
	for _, order := range []string{"name", ""} {
		ids := make([]string, 0, len(names))
		for _, d := range found(t, e, store.Query{Kind: "hazard", Order: order, Limit: 3}) {
			ids = append(ids, d.ID)
		}
		same(t, ids, want)
	}
	for _, n := range names {
		ds := found(t, e, store.Query{Kind: "hazard", Where: []store.Cond{store.Where("name", store.Eq, store.Text(n))}, Limit: 3})
		same(t, len(ds), 1)
		same(t, ds[0].ID, "id-"+n)
	}
}

func findUndeclared(t *testing.T, e store.Engine) {
	seed(t, e, doc("a", 1))
	for _, q := range []store.Query{
		{Kind: "hazard", Where: []store.Cond{store.Where("colour", store.Eq, store.Text("red"))}},
		{Kind: "hazard", Order: "colour"},
		{Kind: "other", Order: "due"},
		{Kind: "other", Where: []store.Cond{store.Where("status", store.Eq, store.Text("open"))}},
		{Kind: "hazard", Where: []store.Cond{store.Where("status", store.Eq, store.Text("open"))}, Order: "name"},
	} {
		if _, err := e.Find(t.Context(), q); !errors.Is(err, store.ErrNoIndex) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func group(t *testing.T, e store.Engine) {
	for i := range 12 {
		d := doc(fmt.Sprint(i), store.Seq(i+1), []store.Token{"x", "y"}[i%2], "all")
		d.Fields = store.Fields{
			"status": store.Text([]string{"开", "闭"}[i%2]), "level": store.Num(int64(i % 3)), "fine": store.Num(int64(i)),
		}
		if i == 11 {
			delete(d.Fields, "status")
			d.Fields["fine"] = store.Text("many")
		}
		seed(t, e, d)
	}
	sorted := func(g store.Grouping) []store.Bucket {
		t.Helper()
		bs, err := e.Group(t.Context(), g)
		must(t, err)
		slices.SortFunc(bs, func(a, b store.Bucket) int {
			return slices.CompareFunc(a.Key, b.Key, func(a, b store.Value) int {
				return cmp.Or(cmp.Compare(a.Text, b.Text), cmp.Compare(a.Num, b.Num))
			})
		})
		return bs
	}
	g := store.Grouping{Kind: "hazard", By: []string{"status"}, Sum: []string{"fine"}}
	want := []store.Bucket{
		{Key: []store.Value{store.Text("")}, Count: 1, Sums: []int64{0}},
		{Key: []store.Value{store.Text("开")}, Count: 6, Sums: []int64{30}},
		{Key: []store.Value{store.Text("闭")}, Count: 5, Sums: []int64{25}},
	}
	same(t, sorted(g), want)
	g.Tokens = []store.Token{"all", "unknown", "x", "y"}
	same(t, sorted(g), want)
	g.Tokens = []store.Token{"x"}
	same(t, sorted(g), want[1:2])
	g.Where = []store.Cond{store.Where("fine", store.Ge, store.Num(100))}
	if bs := sorted(g); len(bs) != 0 {
		t.Fatalf("%+v", bs)
	}
	bs := sorted(store.Grouping{Kind: "hazard", Where: []store.Cond{store.Where("status", store.Eq, store.Text("开"))}, By: []string{"level", "status"}})
	same(t, len(bs), 3)
	for _, b := range bs {
		if b.Count != 2 || len(b.Key) != 2 || !b.Key[0].IsNum {
			t.Fatalf("%+v", b)
		}
	}
	bs = sorted(store.Grouping{Kind: "hazard", Sum: []string{"fine", "level", "none"}})
	if len(bs) != 1 || bs[0].Count != 12 || !slices.Equal(bs[0].Sums, []int64{55, 12, 0}) {
		t.Fatalf("%+v", bs)
	}
}

// Package storetest defines by test what package store asks of an engine: the conformance suite that every engine runs,
// and a model engine with an explorer that runs the store above it in every order.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paicha/internal/store"
)

// Indexes are what the engines under test must declare.
var Indexes = []store.Index{
	{Kind: "hazard", Fields: []string{"status", "due"}},
	{Kind: "hazard", Fields: []string{"due"}},
	{Kind: "hazard", Fields: []string{"name"}},
}

// Size is how much the suite writes; what it checks stays the same.
type Size struct {
	Docs int // how many documents the cases with limits page through
	Race int // how often each of 8 sides increments the counter that they race for
}

// The sizes. Slow is for a server that looks through all its documents for each answer.
var (
	Full = Size{Docs: 600, Race: 25}
	Slow = Size{Docs: 60, Race: 10}
)

// Engine is the definition of store.Engine by test. open returns an empty engine that declares Indexes; open ends it
// with t.Cleanup.
func Engine(t *testing.T, size Size, open func(t *testing.T) store.Engine) {
	sized := func(f func(*testing.T, store.Engine, Size)) func(*testing.T, store.Engine) {
		return func(t *testing.T, e store.Engine) { f(t, e, size) }
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, store.Engine)
	}{
		{"InsertThenGet", insertThenGet},
		{"InsertOverExistingIsStale", insertOverExisting},
		{"StaleBaseWritesNothing", staleBase},
		{"OutcomesComeInOrder", outcomesInOrder},
		{"TwoPutsOfOneDocumentAreTriedInOrder", twoPuts},
		{"TombstoneStaysAndIsNotInsertedAgain", tombstone},
		{"AbsentHasRevZero", absent},
		{"EmptyCallsAnswerEmpty", emptyCalls},
		{"ContentIsKeptByteForByte", byteForByte},
		{"LargeBodies", largeBodies},
		{"TimesAreUTCMilliseconds", times},
		{"CancelledContext", cancelled},
		{"RaceOfWritersLosesNoUpdate", sized(race)},
		{"RangeByWriterAndBounds", rangeBounds},
		{"RangeByTokensNamesEachOnce", rangeTokens},
		{"RangeFindsThroughLeft", rangeLeft},
		{"RangeHoldsOnlyTheNewestPosition", rangeMoves},
		{"LastByTokens", lastByTokens},
		{"TokensThatLookLikeSigns", signs},
		{"RangeLimits", sized(rangeLimits)},
		{"ScanNamesEachOnce", scanOnce},
		{"ScanHonoursLimits", sized(scanLimits)},
		{"ScanMissesNoneWhileWritersMove", scanConcurrent},
		{"FindByEveryOperation", findOps},
		{"FindOrdersAndPages", findPages},
		{"FindOrdersNumbersBeforeText", findMixed},
		{"FindByTokens", findTokens},
		{"FindByteOrder", findByteOrder},
		{"FindUndeclaredIsNoIndex", findUndeclared},
		{"GroupCountsAndSums", group},
		{"LastSeqNeverFalls", lastSeq},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// Reopening tests that a closed engine's data is found again. open opens the data at place, which a first call creates.
func Reopening(t *testing.T, open func(t *testing.T, place string) store.Engine, closed func(*testing.T, store.Engine), place string) {
	e := open(t, place)
	want := []store.Doc{full("a", 1), full("b", 2)}
	put(t, e, insert(want[0]), insert(want[1]))
	v2 := want[0]
	v2.Rev, v2.Position.Seq, v2.Body = 2, 9, []byte(`{"v":2}`)
	put(t, e, store.Put{Base: 1, Doc: v2})
	want[0] = v2
	closed(t, e)
	e = open(t, place)
	defer closed(t, e)
	got, err := e.Get(t.Context(), []store.Ref{want[0].Ref, want[1].Ref})
	must(t, err)
	same(t, got, want)
	ds, _, err := e.Range(t.Context(), store.Range{Writer: "w", Tokens: []store.Token{"5325"}})
	must(t, err)
	ids(t, ds, "b", "a")
	if sole, ok := e.(store.Sole); ok {
		if last, err := sole.LastSeq(t.Context(), "w"); err != nil || last != 9 {
			t.Fatalf("LastSeq after reopening = %d, %v", last, err)
		}
	}
	p, err := e.Find(t.Context(), store.Query{Kind: "hazard", Where: []store.Cond{store.Where("status", store.Eq, store.Text("已整改"))}, Order: "due"})
	must(t, err)
	if len(p.Docs) != 2 {
		t.Fatalf("found %d after reopening", len(p.Docs))
	}
	if st := put(t, e, insert(want[1])); st[0] != store.Stale {
		t.Fatalf("insert over existing after reopening: %v", st[0])
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// doc makes a live hazard at writer w.
func doc(id string, seq store.Seq, tokens ...store.Token) store.Doc {
	return store.Doc{
		Ref: store.Ref{Kind: "hazard", ID: id}, Rev: 1, Position: store.Position{Writer: "w", Seq: seq},
		Tokens: store.SortTokens(tokens), Body: []byte(fmt.Sprintf(`{"id":%q}`, id)),
	}
}

// full makes a document with something in every part.
func full(id string, seq store.Seq) store.Doc {
	d := doc(id, seq, "5325", "532501", "532501/town-gas", "ent:某某加油站")
	d.Left = []store.Left{{Token: "532502", Position: store.Position{Writer: "w0", Seq: 3}, At: time.UnixMilli(1_700_000_000_123).UTC()}}
	d.Fields = store.Fields{
		"status": store.Text("已整改"), "due": store.Num(1_700_000_000_123), "empty": store.Text(""),
		"name": store.Text("引号\"反斜\\换行\n\t\x01汉字😀"), "big": store.Num(-1 << 62), "zero": store.Num(0),
	}
	d.Body = []byte(`{"说明":"管道腐蚀, 未见  检测报告"}`)
	d.Restricted = []byte(`{"举报人":"匿名"}`)
	d.Memory = []byte{0, 1, 0xff}
	return d
}

func insert(d store.Doc) store.Put { return store.Put{Doc: d} }

// next makes the put that replaces d at a new position.
func next(d store.Doc, seq store.Seq, change func(*store.Doc)) store.Put {
	n := d
	n.Rev++
	n.Position.Seq = seq
	if change != nil {
		change(&n)
	}
	return store.Put{Base: d.Rev, Doc: n}
}

func put(t *testing.T, e store.Engine, ps ...store.Put) []store.Status {
	t.Helper()
	st, err := e.Put(t.Context(), ps)
	must(t, err)
	if len(st) != len(ps) {
		t.Fatalf("%d statuses for %d puts", len(st), len(ps))
	}
	return st
}

func seed(t *testing.T, e store.Engine, ds ...store.Doc) {
	t.Helper()
	ps := make([]store.Put, len(ds))
	for i, d := range ds {
		ps[i] = insert(d)
	}
	for i, st := range put(t, e, ps...) {
		if st != store.OK {
			t.Fatalf("insert of %s: %v", ds[i].ID, st)
		}
	}
}

func get(t *testing.T, e store.Engine, id string) store.Doc {
	t.Helper()
	ds, err := e.Get(t.Context(), []store.Ref{{Kind: "hazard", ID: id}})
	must(t, err)
	if len(ds) != 1 {
		t.Fatalf("%d documents for one ref", len(ds))
	}
	return ds[0]
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func ids(t *testing.T, ds []store.Doc, want ...string) {
	t.Helper()
	got := make([]string, len(ds))
	for i, d := range ds {
		got[i] = d.ID
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func insertThenGet(t *testing.T, e store.Engine) {
	d := full("a", 1)
	seed(t, e, d)
	same(t, get(t, e, "a"), d)
}

func insertOverExisting(t *testing.T, e store.Engine) {
	d := doc("a", 1)
	seed(t, e, d)
	o := doc("a", 2)
	o.Body = []byte("other")
	same(t, put(t, e, insert(o)), []store.Status{store.Stale})
	same(t, get(t, e, "a").Body, d.Body)
}

func staleBase(t *testing.T, e store.Engine) {
	d := doc("a", 1, "x")
	seed(t, e, d)
	same(t, put(t, e, next(d, 2, nil)), []store.Status{store.OK})
	same(t, put(t, e, next(d, 3, func(d *store.Doc) { d.Body = []byte("late") })), []store.Status{store.Stale})
	if g := get(t, e, "a"); g.Rev != 2 || g.Position.Seq != 2 || bytes.Equal(g.Body, []byte("late")) {
		t.Fatalf("stale put changed %+v", g)
	}
	ghost := doc("ghost", 4, "x")
	ghost.Rev = 8
	same(t, put(t, e, store.Put{Base: 7, Doc: ghost}), []store.Status{store.Stale})
	if g := get(t, e, "ghost"); g.Rev != 0 {
		t.Fatal("a put over nothing inserted")
	}
}

func outcomesInOrder(t *testing.T, e store.Engine) {
	seed(t, e, doc("b", 1))
	same(t, put(t, e, insert(doc("a", 2)), insert(doc("b", 3)), insert(doc("c", 4))),
		[]store.Status{store.OK, store.Stale, store.OK})
	ds, err := e.Get(t.Context(), []store.Ref{{Kind: "hazard", ID: "c"}, {Kind: "hazard", ID: "none"}, {Kind: "hazard", ID: "a"}})
	must(t, err)
	ids(t, ds, "c", "none", "a")
	ds, err = e.Get(t.Context(), []store.Ref{{Kind: "hazard", ID: "a"}, {Kind: "hazard", ID: "b"}, {Kind: "hazard", ID: "a"}})
	must(t, err)
	ids(t, ds, "a", "b", "a")
}

func twoPuts(t *testing.T, e store.Engine) {
	d := doc("a", 1, "x")
	same(t, put(t, e, insert(d), next(d, 2, nil), insert(doc("a", 3))), []store.Status{store.OK, store.OK, store.Stale})
	if g := get(t, e, "a"); g.Rev != 2 || g.Position.Seq != 2 {
		t.Fatalf("got %+v", g)
	}
	ds, _, err := e.Range(t.Context(), store.Range{Writer: "w", Tokens: []store.Token{"x"}})
	must(t, err)
	ids(t, ds, "a")
}

func tombstone(t *testing.T, e store.Engine) {
	d := doc("a", 1, "x")
	d.Fields = store.Fields{"due": store.Num(1)}
	seed(t, e, d)
	put(t, e, next(d, 2, func(d *store.Doc) { d.Removed, d.Body = store.Deleted, nil }))
	if g := get(t, e, "a"); g.Rev != 2 || g.Removed != store.Deleted || g.Body != nil {
		t.Fatalf("tombstone %+v", g)
	}
	same(t, put(t, e, insert(doc("a", 3))), []store.Status{store.Stale})
	ds, _, err := e.Range(t.Context(), store.Range{Writer: "w", Tokens: []store.Token{"x"}})
	must(t, err)
	ids(t, ds, "a")
	ds, _, err = e.Scan(t.Context(), store.Scan{Tokens: []store.Token{"x"}})
	must(t, err)
	ids(t, ds)
	p, err := e.Find(t.Context(), store.Query{Kind: "hazard", Order: "due", Limit: 9})
	must(t, err)
	ids(t, p.Docs)
	bs, err := e.Group(t.Context(), store.Grouping{Kind: "hazard", By: []string{"status"}})
	must(t, err)
	if len(bs) != 0 {
		t.Fatalf("a tombstone is counted: %+v", bs)
	}
}

func absent(t *testing.T, e store.Engine) {
	ref := store.Ref{Kind: "hazard", ID: "无"}
	ds, err := e.Get(t.Context(), []store.Ref{ref})
	must(t, err)
	same(t, ds, []store.Doc{{Ref: ref}})
	seed(t, e, doc("无", 1))
	ds, err = e.Get(t.Context(), []store.Ref{{Kind: "inspection", ID: "无"}})
	must(t, err)
	if ds[0].Rev != 0 {
		t.Fatal("kinds share ids")
	}
}

func emptyCalls(t *testing.T, e store.Engine) {
	ds, err := e.Get(t.Context(), nil)
	must(t, err)
	st, err := e.Put(t.Context(), nil)
	must(t, err)
	rs, more, err := e.Range(t.Context(), store.Range{Writer: "nobody"})
	must(t, err)
	ss, next, err := e.Scan(t.Context(), store.Scan{Tokens: []store.Token{"none"}})
	must(t, err)
	p, err := e.Find(t.Context(), store.Query{Kind: "nothing", Limit: 3})
	must(t, err)
	if len(ds)+len(st)+len(rs)+len(ss)+len(p.Docs) != 0 || more || next != "" || p.Next != (store.PageKey{}) {
		t.Fatal("something came of nothing")
	}
}

func byteForByte(t *testing.T, e store.Engine) {
	for i, body := range [][]byte{nil, {}, []byte("{}"), []byte(" {\"b\":1 , \"a\":2}\n"), {0, 0xff, 0xfe}, []byte("汉字")} {
		d := doc(fmt.Sprint("d", i), store.Seq(i+1))
		d.Body, d.Restricted, d.Memory = body, body, body
		seed(t, e, d)
		g := get(t, e, d.ID)
		for name, got := range map[string][]byte{"body": g.Body, "restricted": g.Restricted, "memory": g.Memory} {
			if !bytes.Equal(got, body) || (got == nil) != (body == nil) {
				t.Errorf("%s %d: got %#v, want %#v", name, i, got, body)
			}
		}
	}
}

func largeBodies(t *testing.T, e store.Engine) {
	for i, n := range []int{7 << 10, 1 << 20} {
		d := doc(fmt.Sprint("d", i), store.Seq(i+1), "x")
		d.Body = bytes.Repeat([]byte("隐患ab"), n/8)
		seed(t, e, d)
		if !bytes.Equal(get(t, e, d.ID).Body, d.Body) {
			t.Fatalf("%d bytes came back changed", n)
		}
	}
}

func times(t *testing.T, e store.Engine) {
	d := full("a", 1)
	at := time.Date(2023, 5, 25, 8, 30, 15, 123_000_000, time.FixedZone("CST", 8*3600))
	d.Left[0].At = at
	seed(t, e, d)
	got := get(t, e, "a").Left[0].At
	if !got.Equal(at) || got.Location() != time.UTC {
		t.Fatalf("got %v, want %v in UTC", got, at)
	}
}

func cancelled(t *testing.T, e store.Engine) {
	seed(t, e, doc("a", 1, "x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, errGet := e.Get(ctx, []store.Ref{{Kind: "hazard", ID: "a"}})
	_, errPut := e.Put(ctx, []store.Put{insert(doc("b", 2))})
	_, _, errRange := e.Range(ctx, store.Range{Writer: "w"})
	_, _, errScan := e.Scan(ctx, store.Scan{Tokens: []store.Token{"x"}})
	_, errFind := e.Find(ctx, store.Query{Kind: "hazard"})
	_, errGroup := e.Group(ctx, store.Grouping{Kind: "hazard"})
	for i, err := range []error{errGet, errPut, errRange, errScan, errFind, errGroup} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	seed(t, e, doc("c", 3))
	get(t, e, "c")
}

// race increments one counter from 8 sides, some times each, and expects no update lost and none done twice.
func race(t *testing.T, e store.Engine, size Size) {
	seed(t, e, doc("a", 1, "x"))
	var seq, wins atomic.Int64
	seq.Store(1)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range size.Race {
				for {
					ds, err := e.Get(t.Context(), []store.Ref{{Kind: "hazard", ID: "a"}})
					if err != nil {
						t.Error(err)
						return
					}
					st, err := e.Put(t.Context(), []store.Put{next(ds[0], store.Seq(seq.Add(1)), nil)})
					if err != nil {
						t.Error(err)
						return
					}
					if st[0] == store.OK {
						wins.Add(1)
						break
					}
				}
			}
		})
	}
	wg.Wait()
	if g, want := get(t, e, "a"), 8*size.Race; wins.Load() != int64(want) || g.Rev != store.Rev(want+1) {
		t.Fatalf("%d wins, rev %d", wins.Load(), g.Rev)
	}
}

func lastSeq(t *testing.T, e store.Engine) {
	sole, ok := e.(store.Sole)
	if !ok {
		return // only an engine that one process holds alone has it
	}
	expect := func(w store.WriterID, want store.Seq) {
		t.Helper()
		got, err := sole.LastSeq(t.Context(), w)
		must(t, err)
		same(t, got, want)
	}
	expect("w", 0)
	d := doc("a", 7)
	seed(t, e, d)
	expect("w", 7)
	put(t, e, next(d, 8, nil), insert(doc("b", 3)), insert(doc("a", 99)))
	expect("w", 8)
	p := next(get(t, e, "a"), 1, func(d *store.Doc) { d.Position.Writer = "v" })
	put(t, e, p)
	expect("w", 8)
	expect("v", 1)
}

package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"

	"paicha/internal/store"
	"paicha/internal/store/storetest"
)

// theKey is one key for all tests.
var theKey = sync.OnceValues(func() (*Key, error) {
	secret, err := NewKey(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		return nil, err
	}
	return ParseKey(secret)
})

func testKey(t testing.TB) *Key {
	t.Helper()
	k, err := theKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ids are unique over all stores of a test.
var ids int

func openStore(ctx context.Context, e store.Engine) *store.Store {
	s, err := store.Open(ctx, e, store.Options{
		Now:     func() time.Time { return time.UnixMilli(1_700_000_000_000) },
		Elapsed: func() time.Duration { return 0 },
		NewID:   func() string { ids++; return fmt.Sprintf("w%04d", ids) },
	})
	if err != nil {
		panic(err)
	}
	return s
}

// clock gives another time at each look.
type clock struct{ n int64 }

func (c *clock) now() time.Time { c.n++; return time.UnixMilli(1_700_000_000_000 + c.n).UTC() }

func sequencer(t testing.TB, s Documents) *Sequencer {
	c := &clock{}
	return &Sequencer{Docs: s, Key: testKey(t), Now: c.now, Differs: func(m Mismatch) { t.Errorf("differs: %+v", m) }, Unreadable: func(r store.Ref, err error) { t.Errorf("%v: %v", r, err) }}
}

// drain steps until there is nothing to do.
func drain(ctx context.Context, s *Sequencer) error {
	for {
		more, err := s.Step(ctx)
		if err != nil || !more {
			return err
		}
	}
}

func mustDrain(t testing.TB, s *Sequencer) {
	t.Helper()
	if err := drain(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// act adds entries to a document's history.
func act(ctx context.Context, s *store.Store, ref store.Ref, n int) error {
	for {
		old, err := s.Get(ctx, ref)
		if err != nil {
			return err
		}
		var body struct {
			ID      string           `json:"id"`
			Marks   []string         `json:"marks"`
			History []map[string]any `json:"history"`
		}
		if old[0].Rev > 0 {
			if err := json.Unmarshal(old[0].Body, &body); err != nil {
				return err
			}
		}
		body.ID = ref.ID
		for range n {
			body.History = append(body.History, map[string]any{"by": "王", "command": fmt.Sprintf("%s.%d", ref.ID, len(body.History))})
		}
		if n == 0 {
			body.Marks = append(body.Marks, "seen")
		}
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		outs, err := s.Commit(ctx, []store.Write{{Old: old[0], New: store.Doc{Ref: ref, Tokens: []store.Token{"5325"}, Body: b}}})
		if err != nil {
			return err
		}
		if outs[0].Status == store.OK {
			return nil
		}
	}
}

// slowRoot is RFC 6962, section 2.1, word for word.
func slowRoot(leaves [][]byte) [32]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	l, r := slowRoot(leaves[:k]), slowRoot(leaves[k:])
	return sha256.Sum256(slices.Concat([]byte{1}, l[:], r[:]))
}

// settled compares the log with all documents, the slow way: every entry of every history has one leaf, the root is that
// of the leaves, and each proof holds.
func settled(ctx context.Context, key *Key, docs map[store.Ref]store.Doc, through Documents) error {
	h, _, err := readHead(ctx, through)
	if err != nil {
		return err
	}
	var leaves [][]byte
	seen := map[string]int{}
	for int64(len(leaves)) < h.Size {
		b, there, err := readBatch(ctx, through, int64(len(leaves)))
		if err != nil || !there {
			return fmt.Errorf("batch %d: %v, %w", len(leaves), there, err)
		}
		for _, p := range b.Parts {
			for i, e := range p.Events {
				leaf, err := Leaf{LeafVersion, p.Kind, p.ID, p.Entry + i, p.Rev, p.Body, e}.Bytes()
				if err != nil {
					return err
				}
				leaves = append(leaves, leaf)
				seen[fmt.Sprintf("%s/%s/%d %s", p.Kind, p.ID, p.Entry+i, e)]++
			}
		}
	}
	if root := slowRoot(leaves); h.Size != int64(len(leaves)) || h.Root != tlog.Hash(root) {
		return fmt.Errorf("head of %d leaves is not that of the batches' %d", h.Size, len(leaves))
	}
	var records []Record
	total := 0
	for ref, d := range docs {
		history, err := History(ref.Kind, d.Body)
		if err != nil {
			return err
		}
		for i, e := range history {
			total++
			if name := fmt.Sprintf("%s/%s/%d %s", ref.Kind, ref.ID, i, e); seen[name] != 1 {
				return fmt.Errorf("%s is logged %d times", name, seen[name])
			}
		}
		if Logged(ref.Kind) {
			records = append(records, Record{ref, d.Rev, d.Body})
		}
	}
	if total != len(leaves) {
		return fmt.Errorf("%d leaves for %d entries", len(leaves), total)
	}
	if total == 0 {
		return nil
	}
	return proven(ctx, Log{through, key.Verifier}, records)
}

// proven writes the proof file, reads it again and checks each record.
func proven(ctx context.Context, l Log, records []Record) error {
	f, err := l.Prove(ctx, records, Window{})
	if err != nil {
		return err
	}
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if f, err = ReadFile(b); err != nil {
		return err
	}
	h, err := OpenHead([]byte(f.Head), l.Verifier)
	if err != nil {
		return err
	}
	for _, r := range records {
		got, ok, err := f.Check(h, r)
		if err != nil || !ok || !got.Holds() || got.Pending > 0 {
			return fmt.Errorf("%v: %+v %v %w", r.Ref, got, ok, err)
		}
	}
	return nil
}

var hazard, other = store.Ref{Kind: "hazard", ID: "h1"}, store.Ref{Kind: "inspection", ID: "i1"}

// bare are documents straight on an engine, so that the explorer's steps are the log's and not the feed's, which has an
// explorer of its own.
type bare struct{ store.Engine }

func (b bare) Get(ctx context.Context, refs ...store.Ref) ([]store.Doc, error) {
	return b.Engine.Get(ctx, refs)
}

func (b bare) Commit(ctx context.Context, ws []store.Write) ([]store.Outcome, error) {
	puts := make([]store.Put, len(ws))
	for i, w := range ws {
		puts[i] = store.Put{Base: w.Old.Rev, Doc: w.New}
		puts[i].Doc.Rev = w.Old.Rev + 1
	}
	statuses, err := b.Put(ctx, puts)
	outs := make([]store.Outcome, len(statuses))
	for i, s := range statuses {
		outs[i].Status = s
	}
	return outs, err
}

func (b bare) Now(context.Context) (store.Mark, error) { return store.Mark{Epoch: "e"}, nil }

func (b bare) Everything(ctx context.Context, m store.Mark, _ store.Limit) (store.Feed, error) {
	f := store.Feed{Next: m, Seen: m}
	for _, k := range Kinds() {
		page, err := b.Find(ctx, store.Query{Kind: k})
		if err != nil {
			return f, err
		}
		for _, d := range page.Docs {
			f.Changes = append(f.Changes, store.Change{Doc: d})
		}
	}
	return f, nil
}

// TestTwoSequencersInEveryOrder races two nodes' sequencers in every order of their commands, with one of them dying or
// one write lost or late anywhere.
func TestTwoSequencersInEveryOrder(t *testing.T) {
	ctx := context.Background()
	key := testKey(t)
	for _, c := range []struct {
		name          string
		faults, kills int
	}{{"NothingFails", 0, 0}, {"OneDies", 0, 1}, {"AWriteIsLostOrLate", 1, 0}} {
		t.Run(c.name, func(t *testing.T) {
			put := func(d Documents, ref store.Ref, rev store.Rev, body string) {
				_, err := d.Commit(ctx, []store.Write{{Old: store.Doc{Ref: ref, Rev: rev}, New: store.Doc{Ref: ref, Body: []byte(body)}}})
				check(err)
			}
			st, err := storetest.Explore(storetest.Scenario{
				Faults: c.faults, Kills: c.kills, Mortal: map[string]bool{"A": true},
				Setup: func(w *storetest.World) []storetest.Actor {
					people := bare{w.Engine()}
					put(people, hazard, 0, `{"history":["one"]}`)
					var out []storetest.Actor
					for _, name := range []string{"A", "B"} {
						s := sequencer(t, bare{w.Engine()})
						s.Key = key
						s.at = &cursor{Kind: "hazard"}
						out = append(out, storetest.Actor{Name: name, Run: func() error { s.Step(ctx); return nil }}) //nolint:errcheck // may fail; Check tells
					}
					if c.faults > 0 {
						return out // the orders are many enough
					}
					return append(out, storetest.Actor{Name: "person", Run: func() error {
						_, err := people.Commit(ctx, []store.Write{{Old: store.Doc{Ref: hazard, Rev: 1}, New: store.Doc{Ref: hazard, Body: []byte(`{"history":["one","two"]}`)}}})
						return err
					}})
				},
				Check: func(w *storetest.World) error {
					for w.Late() > 0 {
						w.Deliver(0)
					}
					docs := bare{w.Engine()}
					put(docs, other, 0, `{"history":["three"]}`)
					s := sequencer(t, docs)
					s.Key = key
					if err := drain(ctx, s); err != nil {
						return err
					}
					return settled(ctx, key, w.Model.Docs(), docs)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d runs, %d states", st.Runs, st.States)
		})
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// TestCrashBetweenAnyTwoSteps kills a sequencer before each of its commands in turn. Whoever comes next completes its work.
func TestCrashBetweenAnyTwoSteps(t *testing.T) {
	type killed struct{}
	for at := 1; ; at++ {
		m := storetest.NewModel()
		people := openStore(t.Context(), m.Connect(nil))
		for i := range 5 {
			check(act(t.Context(), people, store.Ref{Kind: "hazard", ID: fmt.Sprint("h", i)}, i))
		}
		mustDrain(t, sequencer(t, openStore(t.Context(), m.Connect(nil))))
		check(act(t.Context(), people, hazard, 70)) // over the edge of a tile
		check(act(t.Context(), people, other, 1))
		n, dead := 0, false
		doomed := sequencer(t, openStore(t.Context(), m.Connect(func(string, int, bool) int {
			if n++; n == at+4 { // opening is not the subject
				panic(killed{})
			}
			return 0
		})))
		func() {
			defer func() {
				if r := recover(); r != nil {
					dead = true
					if _, ours := r.(killed); !ours {
						panic(r)
					}
				}
			}()
			check(drain(t.Context(), doomed))
		}()
		if !dead {
			if at < 15 {
				t.Errorf("only %d steps", at)
			}
			return
		}
		check(act(t.Context(), people, hazard, 1))
		mustDrain(t, sequencer(t, openStore(t.Context(), m.Connect(nil))))
		if err := settled(t.Context(), testKey(t), m.Docs(), people); err != nil {
			t.Fatalf("killed before command %d: %v", at, err)
		}
	}
}

// TestManyNodesAndWriters plays people and three nodes in a random order with small batches, resets and lost answers.
func TestManyNodesAndWriters(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		m := storetest.NewModel()
		people := openStore(t.Context(), m.Connect(nil))
		faulty := func(_ string, variants int, faults bool) int {
			if faults && r.IntN(20) == 0 {
				return r.IntN(variants)
			}
			return 0
		}
		node := func() *Sequencer { return sequencer(t, openStore(t.Context(), m.Connect(faulty))) }
		nodes := []*Sequencer{node(), node(), node()}
		for range 120 {
			switch x := r.IntN(10); {
			case x < 5:
				kind := []store.Kind{"hazard", "inspection", "person"}[r.IntN(3)]
				check(act(t.Context(), people, store.Ref{Kind: kind, ID: fmt.Sprint("d", r.IntN(6))}, r.IntN(12)))
			case x == 5 && m.Late() > 0:
				m.Deliver(r.IntN(m.Late()))
			case x == 6:
				nodes[r.IntN(3)] = node() // a restart
			case x == 7:
				check(nodes[r.IntN(3)].walk(t.Context())) // as after a reset
			default:
				nodes[r.IntN(3)].Step(t.Context()) //nolint:errcheck // the weather is bad
			}
		}
		for m.Late() > 0 {
			m.Deliver(0)
		}
		mustDrain(t, sequencer(t, openStore(t.Context(), m.Connect(nil))))
		if err := settled(t.Context(), testKey(t), m.Docs(), people); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestIdleSequencerWritesNothing: what it wrote itself comes by in the feed and calls for nothing.
func TestIdleSequencerWritesNothing(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	check(act(t.Context(), people, hazard, 3))
	s := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	mustDrain(t, s)
	before := m.Docs()
	check(act(t.Context(), people, store.Ref{Kind: "person", ID: "p"}, 1)) // nothing to log
	for range 5 {
		mustDrain(t, s)
	}
	if after := m.Docs(); len(after) != len(before)+1 || after[headRef].Rev != before[headRef].Rev {
		t.Errorf("%d documents became %d, head %d to %d", len(before), len(after), before[headRef].Rev, after[headRef].Rev)
	}
	if s.Caught().IsZero() {
		t.Error("does not know that all is logged")
	}
}

// TestLongDocumentGoesInParts logs more entries than a batch holds.
func TestLongDocumentGoesInParts(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	check(act(t.Context(), people, hazard, 2*maxLeaves+3))
	check(act(t.Context(), people, other, 1))
	s := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	mustDrain(t, s)
	if n, err := s.Size(t.Context()); err != nil || n != 2*maxLeaves+4 {
		t.Errorf("%d leaves, %v", n, err)
	}
	if err := settled(t.Context(), testKey(t), m.Docs(), people); err != nil {
		t.Error(err)
	}
}

// TestChangedHistoryIsToldAndNotRepaired rewrites an entry, and takes one away.
func TestChangedHistoryIsToldAndNotRepaired(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	check(act(t.Context(), people, hazard, 3))
	s := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	mustDrain(t, s)
	var told []Mismatch
	s.Differs = func(m Mismatch) { told = append(told, m) }
	rewrite := func(old, with string) store.Doc {
		d, err := people.One(t.Context(), hazard)
		check(err)
		n := store.Doc{Ref: hazard, Body: bytes.Replace(d.Body, []byte(old), []byte(with), 1)}
		_, err = people.Commit(t.Context(), []store.Write{{Old: d, New: n}})
		check(err)
		d, err = people.One(t.Context(), hazard)
		check(err)
		return d
	}
	d := rewrite("王", "李")
	mustDrain(t, s)
	if len(told) != 1 || told[0].Gone || told[0].Ref != hazard || told[0].Rev != d.Rev {
		t.Errorf("%+v", told)
	}
	if after, err := people.One(t.Context(), hazard); err != nil || after.Rev != d.Rev {
		t.Error("the document was written", err)
	}
	f, err := Log{people, s.Key.Verifier}.Prove(t.Context(), []Record{{hazard, d.Rev, d.Body}}, Window{})
	check(err)
	b, err := json.Marshal(f)
	check(err)
	f, err = ReadFile(b)
	check(err)
	h, err := OpenHead([]byte(f.Head), s.Key.Verifier)
	check(err)
	if got, _, err := f.Check(h, Record{hazard, d.Rev, d.Body}); err != nil || !slices.Equal(got.Wrong, []int{0}) || got.Logged != 2 || got.Holds() {
		t.Errorf("%+v %v", got, err)
	}
	told = nil
	b, err = json.Marshal(map[string]any{"history": []jsontext.Value{[]byte(`{"by":"王"}`)}})
	check(err)
	d.Body = b
	_, err = people.Commit(t.Context(), []store.Write{{Old: d, New: store.Doc{Ref: hazard, Body: b}}})
	check(err)
	mustDrain(t, s)
	if len(told) != 1 || !told[0].Gone {
		t.Errorf("%+v", told)
	}
	if n, err := s.Size(t.Context()); err != nil || n != 3 {
		t.Errorf("%d leaves, %v", n, err)
	}
}

// TestUnreadableDocumentStopsNoOther has a body that is no JSON in the way.
func TestUnreadableDocumentStopsNoOther(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	_, err := people.Commit(t.Context(), []store.Write{{New: store.Doc{Ref: store.Ref{Kind: "hazard", ID: "bad"}, Body: []byte("{")}}})
	check(err)
	check(act(t.Context(), people, hazard, 1))
	s := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	bad := 0
	s.Unreadable = func(store.Ref, error) { bad++ }
	mustDrain(t, s)
	if n, err := s.Size(t.Context()); err != nil || n != 1 || bad == 0 {
		t.Errorf("%d leaves, %d unreadable, %v", n, bad, err)
	}
}

// overtaken are documents on which something happens just before a batch is inserted.
type overtaken struct {
	*store.Store
	before func()
}

func (o *overtaken) Commit(ctx context.Context, ws []store.Write) ([]store.Outcome, error) {
	if before := o.before; before != nil && ws[0].New.Kind == KindBatch {
		o.before = nil
		before()
	}
	return o.Store.Commit(ctx, ws)
}

// TestLoserReadsAgainWhatItsBatchHad: a node whose batch had more than the one that was there first must not go on behind
// what only its own batch had.
func TestLoserReadsAgainWhatItsBatchHad(t *testing.T) {
	m := storetest.NewModel()
	people := openStore(t.Context(), m.Connect(nil))
	check(act(t.Context(), people, other, 1))
	first := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	mustDrain(t, first)
	docs := &overtaken{Store: openStore(t.Context(), m.Connect(nil))}
	loser := sequencer(t, docs)
	mustDrain(t, loser)
	check(act(t.Context(), people, store.Ref{Kind: "inspection", ID: "y"}, 1))
	late := store.Ref{Kind: "inspection", ID: "z"}
	check(act(t.Context(), people, late, 1))
	winner := sequencer(t, openStore(t.Context(), m.Connect(nil)))
	met := false
	docs.before = func() { // the loser has read both; the winner's batch, of y alone, arrives first
		h, _, err := readHead(t.Context(), people)
		check(err)
		d, err := people.One(t.Context(), store.Ref{Kind: "inspection", ID: "y"})
		check(err)
		parts, _, err := winner.news(t.Context(), []store.Doc{d})
		check(err)
		met, err = winner.propose(t.Context(), &batch{First: h.Size, At: h.At, Cursor: h.Cursor, Parts: parts})
		check(err)
	}
	mustDrain(t, loser)
	if !met {
		t.Error("the batches did not meet")
	}
	if err := settled(t.Context(), testKey(t), m.Docs(), people); err != nil {
		t.Error(err)
	}
	if n, err := loser.Size(t.Context()); err != nil || n != 3 {
		t.Errorf("%d leaves, %v", n, err)
	}
}

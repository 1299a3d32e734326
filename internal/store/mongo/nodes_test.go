package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paicha/internal/store"
	"paicha/internal/store/mongo"
)

// cluster is several nodes, each a store over an engine of its own, on one database.
type cluster struct {
	t     testing.TB
	db    string
	clock atomic.Int64 // the monotonic clock of all nodes, in nanoseconds
	ids   atomic.Int64

	mu    sync.Mutex
	acked map[string]store.Ref // what was answered ok: a word, and the document that it was written into
}

// node is a store whose connections go over a line.
type node struct {
	*store.Store
	*line
	engine *mongo.Engine
}

const sealAfter = time.Minute

func newCluster(t testing.TB) *cluster {
	return &cluster{t: t, db: database(t), acked: map[string]store.Ref{}}
}

// join opens a node.
func (c *cluster) join(change ...func(*mongo.Options)) *node {
	c.t.Helper()
	l := newLine(c.t)
	e := open(c.t, c.db, append(change, over(l))...)
	return &node{Store: c.store(e), line: l, engine: e}
}

func (c *cluster) store(e store.Engine) *store.Store {
	c.t.Helper()
	s, err := store.Open(c.t.Context(), e, c.options())
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *cluster) options() store.Options {
	return store.Options{
		Now:       time.Now,
		Elapsed:   func() time.Duration { return time.Duration(c.clock.Load()) },
		NewID:     func() string { return fmt.Sprintf("w%d", c.ids.Add(1)) },
		SealAfter: sealAfter,
	}
}

var (
	county = []store.Token{"5325"}
	one    = store.Ref{Kind: "hazard", ID: "one"}
	two    = store.Ref{Kind: "hazard", ID: "two"}
)

// add appends a word to a document, reading and writing again while others are faster, until it is answered ok or the
// outcome is unknown.
func (c *cluster) add(ctx context.Context, n *node, ref store.Ref, word string) error {
	for {
		ds, err := n.Get(ctx, ref)
		if err != nil {
			return err
		}
		for w := range strings.FieldsSeq(string(ds[0].Body)) {
			if w == word { // a former try, taken for stale: the caller of Commit looks before it repeats
				c.note(word, ref)
				return nil
			}
		}
		body := strings.TrimSpace(string(ds[0].Body) + " " + word)
		outs, err := n.Commit(ctx, []store.Write{{Old: ds[0], New: store.Doc{Ref: ref, Tokens: county, Body: []byte(body)}}})
		if err != nil {
			return err
		}
		switch outs[0].Status {
		case store.OK:
			c.note(word, ref)
			return nil
		case store.Unknown:
			return errors.New("unknown")
		}
	}
}

func (c *cluster) note(word string, ref store.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked[word] = ref
}

// tablet follows the feed and keeps the newest version of each document that it was sent.
type tablet struct {
	mark store.Mark
	held map[store.Ref]store.Doc
}

func (c *cluster) tablet(n *node) *tablet {
	c.t.Helper()
	m, err := n.Now(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return &tablet{mark: m, held: map[store.Ref]store.Doc{}}
}

// pull reads on from a node, any of them, to the end.
func (r *tablet) pull(ctx context.Context, n *node) error {
	for {
		f, err := n.Since(ctx, r.mark, county, store.Limit{Docs: 3})
		if err != nil {
			return err
		}
		if f.Next.Sealed < r.mark.Sealed {
			return errors.New("the mark went back")
		}
		for w, q := range r.mark.Seqs {
			if n, ok := f.Next.Seqs[w]; ok && n < q {
				return errors.New("the mark went back")
			}
		}
		for _, ch := range f.Changes {
			if ch.Doc.Rev > r.held[ch.Doc.Ref].Rev {
				r.held[ch.Doc.Ref] = ch.Doc
			}
		}
		r.mark = f.Next
		if !f.More {
			return nil
		}
	}
}

// complete checks that the tablet, once it has pulled all, holds every document as it stands, and that every word that
// was answered ok stands in its document once.
func (c *cluster) complete(n *node, r *tablet, refs ...store.Ref) {
	c.t.Helper()
	if err := r.pull(c.t.Context(), n); err != nil {
		c.t.Fatal(err)
	}
	docs, err := n.Get(c.t.Context(), refs...)
	if err != nil {
		c.t.Fatal(err)
	}
	bodies := map[store.Ref]string{}
	for _, d := range docs {
		bodies[d.Ref] = string(d.Body)
		if h := r.held[d.Ref]; h.Rev != d.Rev || string(h.Body) != string(d.Body) {
			c.t.Errorf("%s: the tablet holds rev %d %q, stored is rev %d %q at %v; mark %v", d.ID, h.Rev, h.Body, d.Rev, d.Body, d.Position, r.mark)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for word, ref := range c.acked {
		times := 0
		for w := range strings.FieldsSeq(bodies[ref]) {
			if w == word {
				times++
			}
		}
		if times != 1 {
			c.t.Errorf("%q was answered ok and stands %d times in %s: %q", word, times, ref.ID, bodies[ref])
		}
	}
}

// seal lets n find that the nodes which do not move are dead, and take over what they left.
func (c *cluster) seal(n *node) {
	c.t.Helper()
	for range 6 { // the first time it sees how they stand
		if err := n.Tick(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
		c.clock.Add(int64(sealAfter / 4))
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestP4FeedHasNoHoleAfterALostOutcome loses the outcome of one write in every way and on every document that a commit
// writes, its own and the registry's, while another write of the same node goes on.
func TestP4FeedHasNoHoleAfterALostOutcome(t *testing.T) {
	for name, f := range map[string]fate{"BeforeTheServer": cutBefore, "BeforeTheAnswer": cutAfter, "ArrivesLater": late} {
		for what, match := range map[string]func(command) bool{
			"Insert":    func(c command) bool { return c.name == "insert" && c.about("hazard/two") },
			"Replace":   func(c command) bool { return c.name == "update" && c.about("hazard/one") },
			"Watermark": func(c command) bool { return c.name == "update" && c.about("_writer/w1") },
		} {
			t.Run(what+name, func(t *testing.T) {
				c := newCluster(t)
				n := c.join()
				r := c.tablet(n)
				ok(t, c.add(t.Context(), n, one, "first"))
				ok(t, r.pull(t.Context(), n))
				n.once(f, match)
				ok(t, c.add(t.Context(), n, one, "second"))
				ok(t, c.add(t.Context(), n, two, "third"))
				ok(t, r.pull(t.Context(), n))
				c.complete(n, r, one, two)
				n.deliver()
				c.complete(n, r, one, two)
				ok(t, c.add(t.Context(), n, one, "fourth"))
				c.complete(n, r, one, two)
			})
		}
	}
}

// TestRegistrationSurvivesALostOutcome opens a second node while the line breaks at each write of its registration.
func TestRegistrationSurvivesALostOutcome(t *testing.T) {
	for name, f := range map[string]fate{"BeforeTheServer": cutBefore, "BeforeTheAnswer": cutAfter, "ArrivesLater": late} {
		for what, match := range map[string]func(command) bool{
			"Entry": func(c command) bool { return c.name == "insert" && c.about("_writer/w2") },
			"Head":  func(c command) bool { return c.name == "update" && c.about("_head/head") },
		} {
			t.Run(what+name, func(t *testing.T) {
				c := newCluster(t)
				a := c.join()
				r := c.tablet(a)
				l := newLine(t)
				e := open(t, c.db, over(l))
				l.once(f, match)
				b := &node{Store: c.store(e), line: l, engine: e}
				ok(t, c.add(t.Context(), b, one, "b"))
				l.deliver()
				ok(t, c.add(t.Context(), a, two, "a"))
				ok(t, c.add(t.Context(), b, one, "bb"))
				c.complete(a, r, one, two)
			})
		}
	}
}

// TestP4PausedServerHoldsTheWatermark withholds the answer of a write that was carried out until the commit gives up: no
// reader passes it, and the next commit finds out what it came to.
func TestP4PausedServerHoldsTheWatermark(t *testing.T) {
	for name, f := range map[string]fate{"BeforeTheCommand": stalls, "BeforeTheAnswer": answers} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			n := c.join(func(o *mongo.Options) { o.Timeout = 300 * time.Millisecond })
			other := c.join()
			r := c.tablet(other)
			ok(t, c.add(t.Context(), n, one, "first"))
			n.on(func(command) fate { return f })
			if err := c.add(t.Context(), n, one, "second"); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("commit on a paused server: %v", err)
			}
			n.on(func(cmd command) fate {
				if cmd.about("hazard/one") || cmd.writes() {
					return f
				}
				return passes
			})
			ok(t, c.add(t.Context(), other, two, "other"))
			ok(t, r.pull(t.Context(), other))
			n.on(nil)
			n.resume()
			eventually(t, func() bool { return c.add(t.Context(), n, two, "third") == nil })
			c.complete(other, r, one, two)
		})
	}
}

// TestP4SlowWriteIsNotPassed is the classic defect: of two writes of one node the second is durable first, and a reader
// comes by before the first.
func TestP4SlowWriteIsNotPassed(t *testing.T) {
	for name, f := range map[string]fate{"BeforeTheCommand": stalls, "BeforeTheAnswer": answers} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			n, other := c.join(), c.join()
			r := c.tablet(other)
			there := make(chan struct{})
			n.once(f, func(cmd command) bool {
				if !writeOf("one")(cmd) {
					return false
				}
				close(there)
				return true
			})
			slow := make(chan error)
			go func() { slow <- c.add(t.Context(), n, one, "slow") }()
			<-there
			ok(t, c.add(t.Context(), n, two, "fast"))
			ok(t, r.pull(t.Context(), other))
			n.resume()
			ok(t, <-slow)
			c.complete(other, r, one, two)
		})
	}
}

// TestP4LateWriteOfADeadNodeIsFound lets a dead node's write arrive when the node has been sealed: nobody was told of it,
// but it is there, so every reader must come to see it.
func TestP4LateWriteOfADeadNodeIsFound(t *testing.T) {
	c := newCluster(t)
	a, b := c.join(func(o *mongo.Options) { o.Timeout = 300 * time.Millisecond }), c.join()
	r := c.tablet(b)
	ok(t, c.add(t.Context(), a, one, "before"))
	a.on(func(cmd command) fate {
		if writeOf("two")(cmd) {
			return late
		}
		return cutBefore
	})
	if _, err := a.Commit(t.Context(), []store.Write{{New: store.Doc{Ref: two, Tokens: county, Body: []byte("late")}}}); err == nil {
		t.Fatal("the commit of a dead node was answered")
	}
	c.seal(b)
	ok(t, r.pull(t.Context(), b))
	if n := a.deliver(); n != 1 {
		t.Fatalf("%d late writes", n)
	}
	ok(t, b.Tick(t.Context()))
	c.complete(b, r, one, two)
	if d := r.held[two]; d.Rev != 2 || string(d.Body) != "late" || d.Position.Writer != b.Writer() {
		t.Errorf("not re-stamped by the node that found it: %+v", d)
	}
}

// TestP4TwoNodesRaceAndOneDies has two nodes append to the same documents, breaks one's line in the middle of its writes,
// has the other seal it, and only then lets what was on its way arrive.
func TestP4TwoNodesRaceAndOneDies(t *testing.T) {
	c := newCluster(t)
	a, b := c.join(func(o *mongo.Options) { o.Timeout = 500 * time.Millisecond }), c.join()
	r := c.tablet(b)
	refs := []store.Ref{one, two, {Kind: "hazard", ID: "three"}}
	var wg sync.WaitGroup
	var sent atomic.Int64
	a.on(func(cmd command) fate {
		if cmd.writes() && sent.Add(1) > 25 {
			return late // from here on nothing of a is answered any more
		}
		if sent.Load() > 25 {
			return cutBefore
		}
		return passes
	})
	for i := range 4 {
		for name, n := range map[string]*node{"a": a, "b": b} {
			wg.Go(func() {
				for j := range 5 {
					if err := c.add(t.Context(), n, refs[(i+j)%len(refs)], fmt.Sprintf("%s%d.%d", name, i, j)); err != nil {
						if n == b {
							t.Errorf("node b: %v", err)
						}
						return
					}
				}
			})
		}
	}
	for range 5 {
		ok(t, r.pull(t.Context(), b))
	}
	wg.Wait()
	c.seal(b)
	ok(t, r.pull(t.Context(), b))
	if n := a.deliver(); n == 0 {
		t.Error("nothing of a was on its way")
	}
	ok(t, b.Tick(t.Context())) // finds what arrived above a's final
	c.complete(b, r, refs...)
	if r.mark.Sealed == 0 {
		t.Errorf("a was not sealed: %v", r.mark)
	}

	// A third node, and a tablet that begins now, see the same.
	third := c.join()
	ok(t, c.add(t.Context(), third, one, "third"))
	c.complete(third, r, refs...)
}

// TestSealedNodeComesBack has a node that was taken for dead write again: it takes a new name, and nothing is missed.
func TestSealedNodeComesBack(t *testing.T) {
	c := newCluster(t)
	a, b := c.join(), c.join()
	r := c.tablet(b)
	ok(t, c.add(t.Context(), a, one, "before"))
	was := a.Writer()
	c.seal(b)
	ok(t, r.pull(t.Context(), b))
	ok(t, c.add(t.Context(), a, one, "after"))
	ok(t, c.add(t.Context(), a, two, "new"))
	if a.Writer() == was {
		t.Error("a writes under its sealed name")
	}
	c.complete(b, r, one, two)
}

// TestP4AnyWeather commits from two nodes over lines that break at random, in every way, while a tablet follows; what
// was lost arrives at any time, or after both nodes have been replaced.
func TestP4AnyWeather(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("PAICHA_TEST_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("PAICHA_TEST_SEED=%d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return chance.IntN(n)
	}
	c := newCluster(t)
	nodes := []*node{c.join(), c.join()}
	calm := c.join()
	r := c.tablet(calm)
	var refs []store.Ref
	for i := range 5 {
		refs = append(refs, store.Ref{Kind: "hazard", ID: fmt.Sprint("d", i)})
	}
	for _, n := range nodes {
		n.on(func(cmd command) fate {
			if !cmd.writes() {
				if roll(60) == 0 {
					return cutBefore
				}
				return passes
			}
			if x := roll(30); x < 3 {
				return []fate{cutBefore, cutAfter, late}[x]
			}
			return passes
		})
	}
	var wg sync.WaitGroup
	var unknown atomic.Int64
	for k, n := range nodes {
		for i := range 3 {
			wg.Go(func() {
				for j := range 12 {
					if err := c.add(t.Context(), n, refs[roll(len(refs))], fmt.Sprintf("%d.%d.%d", k, i, j)); err != nil {
						unknown.Add(1)
					}
					if roll(8) == 0 {
						n.deliver()
					}
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for following := true; following; {
		select {
		case <-done:
			following = false
		default:
		}
		ok(t, r.pull(t.Context(), calm))
	}
	c.seal(calm)
	ok(t, r.pull(t.Context(), calm))
	for _, n := range nodes {
		n.deliver()
	}
	ok(t, calm.Tick(t.Context()))
	c.complete(calm, r, refs...)
	t.Logf("%d of 72 answered, %d unknown; sealed up to %d", len(c.acked), unknown.Load(), r.mark.Sealed)
	if len(c.acked) < 30 {
		t.Error("the weather left too little to look at")
	}
}

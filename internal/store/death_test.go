package store_test

import (
	"fmt"
	"testing"
	"time"

	"paicha/internal/store"
	"paicha/internal/store/storetest"
)

// pair is two nodes on one model, whose clocks the test moves.
type pair struct {
	t     *testing.T
	now   time.Duration
	a, b  *store.Store
	doorA *refusing
	doorB *refusing
}

func newPair(t *testing.T) *pair {
	t.Helper()
	w := storetest.World{Model: storetest.NewModel()}
	p := &pair{t: t, doorA: &refusing{Engine: w.Engine()}, doorB: &refusing{Engine: w.Engine()}}
	ids := 0
	open := func(e store.Engine) *store.Store {
		s, err := store.Open(t.Context(), e, store.Options{
			Now:       func() time.Time { return time.UnixMilli(1_700_000_000_000) },
			Elapsed:   func() time.Duration { return p.now },
			NewID:     func() string { ids++; return fmt.Sprintf("w%d", ids) },
			SealAfter: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	p.a, p.b = open(p.doorA), open(p.doorB)
	return p
}

// pass lets time go by, with a tick of each node that is named every five seconds.
func (p *pair) pass(d time.Duration, nodes ...*store.Store) {
	p.t.Helper()
	for end := p.now + d; p.now < end; p.now += 5 * time.Second {
		for _, n := range nodes {
			if err := n.Tick(p.t.Context()); err != nil && !p.doorA.gone && !p.doorB.gone {
				p.t.Fatal(err)
			}
		}
	}
}

// sealed counts the writers that have been sealed.
func (p *pair) sealed() uint64 {
	p.t.Helper()
	m, err := p.a.Now(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return m.Sealed
}

func TestNodeThatStandsStillIsSealed(t *testing.T) {
	p := newPair(t)
	p.pass(5*time.Minute, p.a, p.b)
	if n := p.sealed(); n != 0 {
		t.Fatalf("%d sealed of two that live", n)
	}
	p.pass(50*time.Second, p.a)
	if n := p.sealed(); n != 0 {
		t.Fatal("sealed before its time")
	}
	p.pass(20*time.Second, p.a)
	if n := p.sealed(); n != 1 {
		t.Fatalf("%d sealed, one stands still", n)
	}
}

// Where nobody could reach the engine for a while, nobody is taken for dead by it; who then stays away is.
func TestOutageSealsNobody(t *testing.T) {
	p := newPair(t)
	p.pass(time.Minute, p.a, p.b)
	p.pass(5*time.Second, p.a) // a has seen how b stands
	for _, door := range []*refusing{p.doorA, p.doorB} {
		door.on, door.gone = true, true
	}
	p.pass(10*time.Minute, p.a, p.b)
	for _, door := range []*refusing{p.doorA, p.doorB} {
		door.on, door.gone = false, false
	}
	p.pass(50*time.Second, p.a) // b is a little late
	p.pass(time.Minute, p.a, p.b)
	if n := p.sealed(); n != 0 {
		t.Fatalf("%d sealed by an outage", n)
	}
	p.pass(2*time.Minute, p.a)
	if n := p.sealed(); n != 1 {
		t.Fatalf("%d sealed after one has died", n)
	}
}

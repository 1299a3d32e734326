package storetest

import (
	"fmt"
	"hash/maphash"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"paicha/internal/store"
)

// Scenario is a small world to be run in every order. Setup makes the stores over m without faults and returns the
// actors; Check is run when all have ended and no step is left, with an engine that answers at once.
type Scenario struct {
	Faults int // how many writes may be lost or late in one run
	Kills  int // how many actors, of those that Mortal names, may die in one run
	Mortal map[string]bool
	Setup  func(w *World) []Actor
	Check  func(w *World) error
}

// Actor is one program; it runs until it makes its next engine command, then waits for the scheduler.
type Actor struct {
	Name string
	Run  func() error
}

// World is one run of a scenario.
type World struct {
	Model   *Model
	actors  []*actor
	current *actor
	seed    maphash.Seed
	err     error
}

type actor struct {
	name   string
	what   string
	many   int
	faults bool
	ready  func() bool
	resume chan int // the chosen variant; closed: die
	yield  chan bool
	done   bool
	dead   bool
	seen   uint64
}

// Engine returns a connection for stores that actors use; commands made by Setup and Check run at once.
func (w *World) Engine() store.Engine {
	return &handle{m: w.Model, step: func(what string, variants int, faults bool) int {
		a := w.current
		if a == nil {
			return 0
		}
		return w.pause(a, what, variants, faults, nil)
	}, see: func(what string) {
		if a := w.current; a != nil {
			w.saw(a, what)
		}
	}}
}

func (w *World) saw(a *actor, s string) {
	var h maphash.Hash
	h.SetSeed(w.seed)
	maphash.WriteComparable(&h, a.seen)
	h.WriteString(s)
	a.seen = h.Sum64()
}

// Gate lets the scheduler see an actor that waits for a lock.
func (w *World) Gate(m *sync.Mutex) {
	a := w.current
	if a == nil {
		m.Lock()
		return
	}
	if m.TryLock() {
		return
	}
	w.pause(a, "lock", 1, false, func() bool {
		if m.TryLock() {
			m.Unlock()
			return true
		}
		return false
	})
	m.Lock()
}

func (w *World) pause(a *actor, what string, variants int, faults bool, ready func() bool) int {
	a.what, a.many, a.faults, a.ready = what, variants, faults, ready
	a.yield <- true
	v, ok := <-a.resume
	if !ok {
		runtime.Goexit()
	}
	return v
}

// choice is one thing that may happen next.
type choice struct {
	actor   int // -1: a late write arrives
	variant int // of the actor's command, or which late write; -1: the actor dies
	fault   bool
}

func (c choice) String() string { return fmt.Sprintf("%d.%d", c.actor, c.variant) }

// Stats tells how much was explored.
type Stats struct {
	Runs, States int
}

// Explore runs s in every order of its steps, arrivals of late writes, losses and deaths, and returns the first error
// with the choices that lead to it. Orders that lead to a state seen before are not followed twice: a state is the
// model and all that each actor has learnt, so its future is the same.
func Explore(s Scenario) (Stats, error) {
	var st Stats
	seed := maphash.MakeSeed()
	visited := map[uint64]struct{}{}
	stack := [][]choice{nil}
	for len(stack) > 0 {
		path := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		st.Runs++
		more, err := run(s, seed, path, visited)
		if err != nil {
			return st, err
		}
		stack = append(stack, more...)
	}
	st.States = len(visited)
	return st, nil
}

// run replays path, goes on with the first choice each time, and returns the paths to the choices not taken.
func run(s Scenario, seed maphash.Seed, path []choice, visited map[uint64]struct{}) (more [][]choice, err error) {
	w := &World{Model: NewModel(), seed: seed}
	for _, a := range s.Setup(w) {
		w.start(a)
	}
	defer w.end()
	var taken []choice
	faults, kills := s.Faults, s.Kills
	for {
		if w.err != nil {
			return nil, fmt.Errorf("%w\nafter %v", w.err, taken)
		}
		choices := w.choices(s, faults, kills)
		if len(choices) == 0 {
			break
		}
		c := choices[0]
		if len(taken) < len(path) {
			c = path[len(taken)]
		} else {
			if w.been(visited, faults, kills) {
				return more, nil
			}
			for _, other := range choices[1:] {
				more = append(more, append(append([]choice{}, taken...), other))
			}
		}
		if c.fault {
			faults--
		}
		if c.variant < 0 {
			kills--
		}
		taken = append(taken, c)
		w.take(c)
	}
	for _, a := range w.actors {
		if !a.done && !a.dead {
			return nil, fmt.Errorf("%s waits for ever at %s\nafter %v", a.name, a.what, taken)
		}
	}
	if err := s.Check(w); err != nil {
		return nil, fmt.Errorf("%w\nafter %v", err, taken)
	}
	return more, nil
}

func (w *World) start(a Actor) {
	x := &actor{name: a.Name, resume: make(chan int), yield: make(chan bool)}
	w.actors = append(w.actors, x)
	w.current = x
	go func() {
		defer close(x.yield)
		if err := a.Run(); err != nil {
			w.err = fmt.Errorf("%s: %w", a.Name, err)
		}
	}()
	w.wait(x)
}

func (w *World) wait(x *actor) {
	if _, ok := <-x.yield; !ok {
		x.done = true
	}
	w.current = nil
}

func (w *World) choices(s Scenario, faults, kills int) []choice {
	var out []choice
	for i, a := range w.actors {
		if a.done || a.dead || a.ready != nil && !a.ready() {
			continue
		}
		out = append(out, choice{actor: i})
		if a.faults && faults > 0 {
			for v := 1; v < a.many; v++ {
				out = append(out, choice{actor: i, variant: v, fault: true})
			}
		}
		if kills > 0 && s.Mortal[a.name] {
			out = append(out, choice{actor: i, variant: -1})
		}
	}
	if len(out) == 0 {
		return nil // what is late now is left to Check
	}
	for i := range w.Model.late {
		out = append(out, choice{actor: -1, variant: i})
	}
	return out
}

func (w *World) take(c choice) {
	if c.actor < 0 {
		w.Deliver(c.variant)
		return
	}
	a := w.actors[c.actor]
	if c.variant < 0 {
		a.dead = true
		close(a.resume)
		<-a.yield
		return
	}
	w.current = a
	a.resume <- c.variant
	w.wait(a)
}

// Deliver lets the i-th late write arrive.
func (w *World) Deliver(i int) {
	w.Model.Deliver(i)
}

// Late is how many writes are still on their way.
func (w *World) Late() int { return w.Model.Late() }

func (w *World) been(visited map[uint64]struct{}, faults, kills int) bool {
	var b strings.Builder
	w.Model.state(&b)
	for _, a := range w.actors {
		b.WriteByte('|')
		b.WriteString(a.what)
		b.WriteString(strconv.FormatUint(a.seen, 36))
		b.WriteString(strconv.FormatBool(a.done))
		b.WriteString(strconv.FormatBool(a.dead))
	}
	b.WriteString(strconv.Itoa(faults*10 + kills))
	k := maphash.String(w.seed, b.String())
	_, been := visited[k]
	visited[k] = struct{}{}
	return been
}

// end lets the goroutines of an abandoned run go.
func (w *World) end() {
	for _, a := range w.actors {
		if !a.done && !a.dead {
			close(a.resume)
			<-a.yield
		}
	}
}

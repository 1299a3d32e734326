package simtest

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

var (
	seeds = flag.Int("seeds", 2000, "how many seeds are run")
	first = flag.Uint64("first", 1, "the first seed")
	steps = flag.Int("steps", 70, "steps of a run before the faults stop")
)

// slow divides the number of seeds.
var slow = 1

// run plays one seed: steps with faults, then rest until everything has come to rest, then judgement.
func run(seed uint64, steps int, b *bug) (w *world, err error) {
	defer func() {
		switch c := recover().(type) {
		case nil:
		case broken:
			err = c
		default:
			if w != nil {
				fmt.Fprintf(os.Stderr, "seed %d\n%s\n", seed, strings.Join(w.trace, "\n"))
			}
			panic(c)
		}
	}()
	w = newWorld(seed, b)
	for w.steps = range steps {
		w.step()
	}
	w.settle()
	w.judge()
	return w, nil
}

// step is one thing that happens.
func (w *world) step() {
	w.advance(time.Duration(w.r.IntN(8)) * time.Second)
	t, _ := pick(w, w.tablets)
	n, _ := pick(w, w.nodes)
	for _, dead := range w.nodes {
		if dead.svc == nil && w.chance(0.25) {
			w.boot(dead)
		}
	}
	switch k := w.r.IntN(100); {
	case k < 38:
		w.act(t)
	case k < 76:
		w.syncTablet(t)
	case k < 80:
		w.note("%s loses power at rest", t.name)
		w.cut(t)
	case k < 84:
		if n.svc != nil {
			w.note("%s is killed", n.name)
			w.killed(n)
		} else {
			w.boot(n)
		}
	case k < 88:
		if n.svc != nil {
			w.tick(n)
			if n.svc != nil && w.chance(0.4) {
				w.archive(n)
			}
		}
	case k < 90:
		w.changeRights()
	case k < 91:
		t.skew = []time.Duration{0, time.Hour, -30 * 24 * time.Hour, 20 * 365 * 24 * time.Hour}[w.r.IntN(4)]
	case k < 92:
		n.skew = time.Duration(w.r.IntN(240)-120) * time.Second
	case k < 94:
		w.advance(time.Duration(w.r.IntN(40)) * time.Hour)
	case k < 96:
		w.takeBackup()
	case k < 97:
		if w.chance(0.3) {
			w.restore()
		}
	case k < 98:
		if w.chance(0.3) && !t.clone {
			w.copyTablet(t)
		}
	default:
		if len(w.delayed) > 0 {
			f := w.delayed[0]
			w.delayed = w.delayed[1:]
			f()
		}
	}
}

// advance lets time pass: the wall clock, and what nodes measure. Those that run give signs of life.
func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	for d > 0 {
		one := min(d, sealAfter/3)
		w.elapsed += one
		d -= one
		if since := w.elapsed - w.ticked; since >= sealAfter/4 && d < 5*sealAfter {
			w.ticked = w.elapsed
			for _, n := range w.nodes {
				if n.svc != nil && (!w.faults || w.chance(0.9)) {
					w.tick(n)
				}
			}
		}
	}
}

// restRounds bounds how long queues may take to drain once the faults have stopped.
const restRounds = 24

// sealRounds are how many rounds, of SealAfter each, pass before every dead writer is sealed and its last writes found.
const sealRounds = 4

// settle ends the faults and lets everybody sync until nothing waits and nothing comes any more: P7.
func (w *world) settle() {
	w.faults = false
	for w.model.Late() > 0 {
		w.model.Deliver(0)
	}
	for _, f := range w.delayed {
		f()
	}
	w.delayed = nil
	for _, n := range w.nodes {
		n.skew = 0
		if n.svc == nil {
			w.boot(n)
		}
		if n.svc == nil {
			w.breaks("P7", "%s does not start without faults", n.name)
		}
	}
	w.note("the faults stop")
	for round := range restRounds {
		w.advance(sealAfter)
		busy := false
		for _, t := range w.tablets {
			news := w.syncTablet(t)
			if t.by.id == "chief" {
				for w.decide(t) {
					busy = true
				}
				if busy {
					w.syncTablet(t)
				}
			}
			if round > restRounds/2 {
				busy = w.setAside(t) || busy
			}
			s, _ := t.Outbox().State()
			busy = busy || s.Mutations+s.Photos > 0 || news
		}
		if !busy && round >= sealRounds {
			break
		}
	}
	for _, t := range w.tablets { // what the hellos of the last round told of devices
		w.syncTablet(t)
	}
}

// TestPromisesHoldUnderFaults runs short seeds; -seeds, -first and -steps choose others.
func TestPromisesHoldUnderFaults(t *testing.T) {
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
			t.Parallel()
			for n := worker; n < *seeds/slow; n += workers {
				seed := *first + uint64(n) //nolint:gosec // a count
				if w, err := run(seed, *steps, nil); err != nil {
					t.Fatalf("seed %d\n%s\nseed %d: %v", seed, tail(shrunk(seed, w)), seed, err)
				}
			}
		})
	}
}

// shrunk finds the fewest steps of a seed that still fail, and returns their trace.
func shrunk(seed uint64, w *world) []string {
	best := w.trace
	for n := 5; n < *steps; n += 5 {
		if v, err := run(seed, n, nil); err != nil {
			return v.trace
		}
	}
	return best
}

func tail(lines []string) string { return strings.Join(lines[max(0, len(lines)-150):], "\n") }

// TestSeedRepeatsExactly runs a seed twice.
func TestSeedRepeatsExactly(t *testing.T) {
	for seed := range uint64(5) {
		a, errA := run(seed, *steps, nil)
		b, errB := run(seed, *steps, nil)
		if strings.Join(a.trace, "\n") != strings.Join(b.trace, "\n") || fmt.Sprint(errA) != fmt.Sprint(errB) {
			t.Fatalf("seed %d went two ways: %v, %v", seed, errA, errB)
		}
	}
}

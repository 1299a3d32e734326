package e2e

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// returning is a tablet that comes back after an outage, one step after the other.
type returning struct {
	*light
	mutation []byte
	id       string
	step     int
	attempts int // in vain, in all
	due      int // virtual second of the next attempt
	stream   io.Closer
	lone     bool // without a stream of hints
}

// goOn takes the tablet as far as it goes: hello, pull, stream, push.
func (b *returning) goOn(ctx context.Context) error {
	for ; b.step < 4; b.step++ {
		switch b.step {
		case 0:
			if err := b.hello(); err != nil {
				return err
			}
		case 1:
			for more := true; more; {
				var err error
				if more, _, err = b.pull(); err != nil {
					return err
				}
			}
		case 2:
			stream, err := b.listen(ctx)
			var no *refused
			if errors.As(err, &no) && no.status == http.StatusServiceUnavailable {
				b.lone = true // hints may be left out: everything syncs without them
				continue
			}
			if err != nil {
				return err
			}
			b.stream = stream
		case 3:
			verdicts, err := b.push(b.mutation)
			if err != nil {
				return err
			}
			if v := verdicts[0]; v.Status != "applied" && (v.Status != "duplicate" || v.First != "applied") {
				return errors.New("the push came to " + v.Status)
			}
		}
	}
	return nil
}

// TestThousandTabletsComeBackAtOnce has a thousand tablets listen, ends the server under them, and lets all come back at the
// same moment to a server with few turns. Whoever is refused comes again by the client's rules, in virtual time. Everybody
// gets through; nobody is refused for ever.
func TestThousandTabletsComeBackAtOnce(t *testing.T) {
	const tablets, turns, streams = 1000, 24, 950
	s := newServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var all []*returning
	for _, l := range newFleet(t, s, tablets, "--requests", "24", "--streams", "950") {
		id := uuid.Must(uuid.NewV7()).String()
		all = append(all, &returning{light: l, id: id, mutation: l.mutation(id)})
	}
	each(all, turns/2, func(b *returning) { // the morning: few at a time, everybody is up to date and listens
		if err := b.hello(); err != nil {
			t.Error(err)
		}
		for more, err := true, error(nil); more; {
			if more, _, err = b.pull(); err != nil {
				t.Error(err)
			}
		}
		b.stream, _ = b.listen(ctx)
	})
	t.Logf("%d tablets up to date and listening: the server held at most %.0f MB", tablets, s.peak())
	s.kill()
	for _, b := range all {
		if b.stream != nil {
			_ = b.stream.Close()
		}
	}
	s.start()

	rng := rand.New(rand.NewPCG(1000, 1))
	refusals, waves := 0, 0
	for left := all; len(left) > 0; waves++ {
		now := left[0].due
		for _, b := range left {
			now = min(now, b.due)
		}
		var wave, later []*returning
		for _, b := range left {
			if b.due == now {
				wave = append(wave, b)
			} else {
				later = append(later, b)
			}
		}
		errs := make([]error, len(wave))
		var together sync.WaitGroup
		for i, b := range wave {
			together.Go(func() { errs[i] = b.goOn(ctx) })
		}
		together.Wait()
		for i, b := range wave {
			var no *refused
			switch {
			case errs[i] == nil:
				continue
			case errors.As(errs[i], &no) && (no.status == http.StatusTooManyRequests || no.status == http.StatusServiceUnavailable):
				refusals++
			default:
				t.Fatalf("%s: %v", b.User, errs[i])
			}
			b.attempts++
			if b.attempts > 40 {
				t.Fatalf("%s was refused %d times: %v", b.User, b.attempts, errs[i])
			}
			b.due = now + max(no.after, 1) + rng.IntN(min(300, 1<<min(b.attempts, 9))) // Retry-After, then full jitter
			later = append(later, b)
		}
		left = later
	}
	worst, lone := 0, 0
	for _, b := range all {
		worst = max(worst, b.attempts)
		if b.lone {
			lone++
		}
	}
	if lone != tablets-streams {
		t.Errorf("%d tablets without a stream, want %d", lone, tablets-streams)
	}
	t.Logf("%d tablets came back: %d refusals, at most %d for one tablet, in %d waves; the server held at most %.0f MB", tablets, refusals, worst, waves, s.peak())

	each(all, turns/2, func(b *returning) { // each one's own work, once, and nobody else's draft
		var mine []string
		for more := true; more; {
			var ids []string
			var err error
			if more, ids, err = b.pull(); err != nil {
				t.Error(err)
				return
			}
			mine = append(mine, ids...)
		}
		if len(mine) != 1 || mine[0] != b.id {
			t.Errorf("%s pulled inspections %v, want %s", b.User, mine, b.id)
		}
	})
}

// each does something for all, so many at a time.
func each[T any](all []T, atOnce int, do func(T)) {
	next := make(chan T)
	var done sync.WaitGroup
	for range atOnce {
		done.Go(func() {
			for x := range next {
				do(x)
			}
		})
	}
	for _, x := range all {
		next <- x
	}
	close(next)
	done.Wait()
}

// TestIdenticalPushesHaveOneEffect sends the same push thirty-two times at once, each over a connection of its own, as a
// tablet does that lost patience again and again.
func TestIdenticalPushesHaveOneEffect(t *testing.T) {
	s := newServer(t)
	tb := newFleet(t, s, 1)[0]
	if err := tb.hello(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		id := uuid.Must(uuid.NewV7()).String()
		save := tb.mutation(id)
		answers := make([]verdict, 32)
		var start, done sync.WaitGroup
		start.Add(1)
		for i := range answers {
			one := *tb
			one.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			done.Go(func() {
				start.Wait()
				v, err := one.push(save)
				if err != nil || len(v) != 1 {
					t.Errorf("%v %v", v, err)
					return
				}
				answers[i] = v[0]
			})
		}
		start.Done()
		done.Wait()
		applied := 0
		for _, v := range answers {
			switch {
			case v.Status == "applied":
				applied++
			case v.Status != "duplicate" || v.First != "applied":
				t.Errorf("an answer is %+v", v)
			}
			if v.Rev != answers[0].Rev {
				t.Errorf("revs %d and %d", v.Rev, answers[0].Rev)
			}
		}
		if applied != 1 {
			t.Errorf("applied %d times", applied)
		}
	}
	seen := map[string]int{}
	for more := true; more; {
		var ids []string
		var err error
		if more, ids, err = tb.pull(); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			seen[id]++
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d inspections, want 5", len(seen))
	}
}

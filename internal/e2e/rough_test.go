package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"paicha/internal/directory"
	fieldsync "paicha/sync"
	"paicha/sync/client"

	"github.com/google/uuid"
)

// roughTablet is a tablet on a bad line.
func roughTablet(t *testing.T, s *server, p *line, login string, seed uint64) (*client.Tablet, *twice) {
	t.Helper()
	double := &twice{rng: rand.New(rand.NewPCG(seed, 3)), RoundTripper: &http.Transport{DisableKeepAlives: seed%3 > 0}} // a fate is a connection's
	tablet := &client.Tablet{
		Server: s.url(), HTTP: &http.Client{Transport: double}, Dir: t.TempDir(), Name: login, Now: time.Now,
		NewID: func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
		Wait:  func(ctx context.Context, _ int) error { return ctx.Err() }, Attempts: 3,
	}
	if err := tablet.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tablet.Close() })
	if err := tablet.Login(context.Background(), login, directory.DemoPassword); err != nil {
		t.Fatal(err)
	}
	tablet.Server = p.url() // the session is there: from now on over the bad line
	return tablet, double
}

// TestRoughLinesLoseNothing plays three tablets of a team on lines that cut, reset, stall and repeat, with a server that is
// killed now and then. Then the weather clears: every queue drains, each save had its effect once, each photo is there byte
// for byte, and each replica is what a new tablet of the same person gets.
func TestRoughLinesLoseNothing(t *testing.T) {
	s := newServer(t)
	const seed = 20230605
	r := rand.New(rand.NewPCG(seed, 1))
	weather := newLine(t, s.addr, seed)
	logins := []string{"inspector1", "inspector1", "inspector2"}
	var tablets []*client.Tablet
	var doubles []*twice
	for i, login := range logins {
		tb, d := roughTablet(t, s, weather, login, seed+uint64(i)) //nolint:gosec // small
		tablets, doubles = append(tablets, tb), append(doubles, d)
	}
	visits := make([][]visit, len(tablets))
	for round := range 12 {
		for i, tb := range tablets {
			for range 1 + r.IntN(3) {
				visits[i] = append(visits[i], record(t, tb, r, len(visits[i])%2 == 0))
			}
		}
		weather.change(len(tablets))
		var all sync.WaitGroup
		for _, tb := range tablets {
			all.Go(func() {
				defer weather.leave()
				_, _ = tb.Sync(context.Background()) // whatever it comes to: nothing may be lost
			})
		}
		if round%4 == 3 {
			s.kill()
			s.start()
		}
		all.Wait()
	}
	weather.mu.Lock()
	for _, f := range []fate{flow, cut, reset, stall} {
		if weather.dealt[f] == 0 {
			t.Errorf("no connection met fate %d", f)
		}
	}
	t.Logf("connections that flowed, were cut, reset, stalled: %d, %d, %d, %d", weather.dealt[flow], weather.dealt[cut], weather.dealt[reset], weather.dealt[stall])
	weather.mu.Unlock()
	weather.heal()
	for i, tb := range tablets {
		settle(t, tb)
		if asking := tb.Outbox().Asking(); len(asking) > 0 {
			t.Errorf("tablet %d asks a person about %d mutations: %+v", i, len(asking), asking[0].Result)
		}
		if doubles[i].count.Load() == 0 {
			t.Errorf("tablet %d sent nothing twice", i)
		}
	}
	for i, tb := range tablets {
		for k, v := range visits[i] {
			check(t, s, tb, v, k%2 == 0)
		}
	}
	fresh := map[string]*client.Tablet{}
	for _, login := range logins[1:] {
		fresh[login] = newTablet(t, s, login, http.DefaultTransport)
	}
	for i, tb := range tablets { // what the others did last
		for _, tb := range []*client.Tablet{tb, fresh[logins[i]]} {
			if _, err := tb.Sync(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		same(t, tb, fresh[logins[i]])
	}
}

// same wants two replicas of one person to hold the same documents.
func same(t *testing.T, a, b *client.Tablet) {
	t.Helper()
	held := map[fieldsync.DocRef]string{}
	for _, d := range a.Replica().Docs() {
		held[d.Ref()] = string(d.Body)
	}
	docs := b.Replica().Docs()
	for _, d := range docs {
		if held[d.Ref()] != string(d.Body) {
			t.Errorf("%v is\n%s\nand for a new tablet\n%s", d.Ref(), held[d.Ref()], d.Body)
		}
	}
	if len(docs) != len(held) {
		t.Errorf("%d documents, a new tablet has %d", len(held), len(docs))
	}
}

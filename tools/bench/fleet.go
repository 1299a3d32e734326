package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/fleet"
	"paicha/internal/store"
)

// fleetTablets are how many tablets are connected at the same time.
const fleetTablets = 1000

// fleetFigures are what many tablets cost a server.
type fleetFigures struct {
	idle, connected float64 // MB resident, before and after fleetTablets have a stream open and have pulled
	sizes           []int   // of the fleets that pushed and pulled at once
	scopes          []int
}

// fleet measures what many tablets cost: memory with a thousand of them connected, pushes and pulls by 1 to 256 at once
// beside the rows written by hand in the same run, and commits of documents with many scopes.
func (p *plan) fleet(t *table) error {
	note("fleet")
	f := &fleetFigures{sizes: []int{1, 8, 32, 256}, scopes: []int{1, 4, 16}}
	s, members, err := p.prefecture()
	if err != nil {
		return err
	}
	defer s.stop()
	f.idle = s.resident()
	tablets := make([]*tablet, len(members))
	for i, m := range members {
		if tablets[i], err = s.member(m); err != nil {
			return err
		}
	}
	closeAll, err := s.listen(members)
	if err != nil {
		return err
	}
	f.connected = s.resident()
	note("%.1f MB idle, %.1f MB with %d tablets connected", f.idle, f.connected, len(members))
	closeAll()
	for range p.rounds {
		for _, c := range f.sizes {
			if err := t.loop(fmt.Sprintf("fleet push C=%d", c), s, 1, func() (run, error) {
				return closed(tablets[:c], p.span, func(tb *tablet) error { return tb.push(1) })
			}); err != nil {
				return err
			}
		}
	}
	for _, tb := range tablets[:slices.Max(f.sizes)] {
		if tb.cursor, _, _, err = tb.pullAll(tb.cursor, ""); err != nil {
			return err
		}
	}
	for range p.rounds {
		for _, c := range f.sizes {
			if err := t.loop(fmt.Sprintf("fleet pull C=%d", c), s, 1, func() (run, error) {
				return closed(tablets[:c], p.span/2, func(tb *tablet) error { return tb.pullNothing(tb.cursor) })
			}); err != nil {
				return err
			}
		}
	}
	copied, err := s.stored()
	if err != nil {
		return err
	}
	measured := t.rows["rows by 1"] != nil // with the pushes of the same run
	for round := range p.rounds {
		for _, group := range []int{1, 32} {
			if measured {
				continue
			}
			if err := p.rawRows(t, copied, group, false, 100+round); err != nil {
				return err
			}
		}
	}
	for range p.rounds {
		for _, n := range f.scopes {
			if err := p.commits(t, n); err != nil {
				return err
			}
		}
	}
	t.fleet = f
	return nil
}

// prefecture is a server with fleetTablets inspectors of one county.
func (p *plan) prefecture() (s *server, members []fleet.Member, err error) {
	s, err = p.prepared("fleet", func(st *store.Store, key []byte) (err error) {
		members, err = fleet.Enrol(context.Background(), st, key, "fleet", fleetTablets, directory.Grant{
			Token: "532504/coal-mine", Role: directory.RoleInspector, Reason: directory.ReasonPost,
		})
		return err
	})
	return s, members, err
}

// member is a tablet of somebody enrolled beforehand, who has pulled everything.
func (s *server) member(m fleet.Member) (*tablet, error) {
	tb := &tablet{http: fasthttp.HostClient{
		Addr: s.at, MaxConns: 1, ReadTimeout: time.Minute, WriteTimeout: time.Minute, NoDefaultUserAgentHeader: true,
		MaxIdleConnDuration: time.Hour, DisablePathNormalizing: true,
	}, bearer: "Bearer " + m.Bearer, device: m.Device}
	var hello struct{ Epoch string }
	in := fmt.Appendf(nil, `{"protocolMin":1,"protocolMax":1,"device":%q,"deviceTime":%q}`, m.Device, time.Now().UTC().Format(time.RFC3339))
	if err := tb.call("/api/v1/sync/hello", in, &hello); err != nil {
		return nil, err
	}
	tb.epoch = hello.Epoch
	var err error
	tb.cursor, _, _, err = tb.pullAll("", "zstd")
	return tb, err
}

// listen opens an event stream for everybody, each on a connection of its own, and waits for the first hint of each.
func (s *server) listen(members []fleet.Member) (closeAll func(), err error) {
	var bodies []io.Closer
	closeAll = func() {
		for _, b := range bodies {
			_ = b.Close()
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, m := range members {
		req, err := http.NewRequest(http.MethodGet, "http://"+s.at+"/api/v1/sync/events", http.NoBody)
		if err != nil {
			return closeAll, err
		}
		req.Header.Set("Authorization", "Bearer "+m.Bearer)
		resp, err := client.Do(req) //nolint:bodyclose // all are closed together
		if err != nil {
			return closeAll, err
		}
		bodies = append(bodies, resp.Body)
		if _, err := resp.Body.Read(make([]byte, 64)); err != nil {
			return closeAll, err
		}
	}
	return closeAll, nil
}

// commits writes documents with so many scopes one after another, straight through the store.
func (p *plan) commits(t *table, scopes int) error {
	dir := filepath.Join(p.dir, fmt.Sprintf("scopes%d-%d", scopes, len(t.order)))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	body, tokens := []byte(`{"x":"`+strings.Repeat("a", 6000)+`"}`), places()[:scopes]
	return inStore(dir, func(st *store.Store) error {
		return t.loop(fmt.Sprintf("commit scopes %d", scopes), nil, 1, func() (run, error) {
			var r run
			for began := time.Now(); time.Since(began) < p.span/2; r.done++ {
				at := time.Now()
				outs, err := st.Commit(context.Background(), []store.Write{{New: store.Doc{
					Ref: store.Ref{Kind: inspection.Kind, ID: freshID()}, Body: body, Tokens: tokens,
				}}})
				if err != nil || outs[0].Status != store.OK {
					return r, errors.Join(err, errors.New("a commit was not taken"))
				}
				r.each = append(r.each, time.Since(at))
				r.took = time.Since(began)
			}
			return r, nil
		})
	})
}

func (t *table) fleetTable(w io.Writer) {
	f := t.fleet
	if f == nil {
		return
	}
	t.head(w, "Many tablets", "what", "a second", "p50 ms", "p95 ms", "p99 ms", "ratio to rows by hand of the same run")
	line := func(what, name, raw string) {
		ratio := "-"
		if raw != "" {
			ratio = t.ratio(name, raw)
		}
		t.line(w, what, t.spread(name, rate), t.median(name, p50), t.median(name, p95), t.median(name, p99), ratio)
	}
	for _, c := range f.sizes {
		raw := "rows by 32"
		if c == 1 {
			raw = "rows by 1"
		}
		line(fmt.Sprintf("push of 1, %d tablets", c), fmt.Sprintf("fleet push C=%d", c), raw)
	}
	for _, c := range f.sizes {
		line(fmt.Sprintf("empty pull, %d tablets", c), fmt.Sprintf("fleet pull C=%d", c), "")
	}
	for _, n := range f.scopes {
		line(fmt.Sprintf("commit of a document with %d scopes, one at a time, through the store alone", n), fmt.Sprintf("commit scopes %d", n), "rows by 1")
	}
	fmt.Fprintf(w, "\nMemory of the server: **%.0f MB** resident before, **%.0f MB** with %d tablets that have pulled and hold an event stream and a connection for pushes: "+
		"**%.0f KB** a tablet.\n", f.idle, f.connected, fleetTablets, 1000*(f.connected-f.idle)/fleetTablets)
}

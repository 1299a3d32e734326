package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/fleet"
	"paicha/internal/httpapi"
	"paicha/internal/store"
	"paicha/internal/store/sqlite"
	"paicha/media"
	fieldsync "paicha/sync"
)

// fleetTablets are how many tablets are connected at the same time.
const fleetTablets = 1000

// fleetFigures are what many tablets cost a server.
type fleetFigures struct {
	idle, connected float64 // MB resident, before and after fleetTablets have a stream open and have pulled
	sizes           []int   // of the fleets that pushed and pulled at once
	grants          []int
	scopes          []int
}

// fleet measures what many tablets cost: memory with a thousand of them connected, pushes and pulls by 1 to 256 at once
// beside the rows written by hand in the same run, empty pulls of people with many grants, and commits of documents with
// many scopes.
func (p *plan) fleet(t *table) error {
	note("fleet")
	f := &fleetFigures{sizes: []int{1, 8, 32, 256}, grants: []int{1, 10, 100}, scopes: []int{1, 4, 16}}
	s, members, rich, err := p.prefecture(f.grants)
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
		for i, m := range rich {
			tb, err := s.member(m)
			if err != nil {
				return err
			}
			if err := t.loop(fmt.Sprintf("fleet grants %d", f.grants[i]), s, 1, func() (run, error) {
				return closed([]*tablet{tb}, p.span/2, func(tb *tablet) error { return tb.pullNothing(tb.cursor) })
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

// prefecture is a server with fleetTablets inspectors of one county, and one person for each number of grants.
func (p *plan) prefecture(grants []int) (*server, []fleet.Member, []fleet.Member, error) {
	s, err := start(p, "fleet")
	if err != nil {
		return nil, nil, nil, err
	}
	data := s.data
	if err := errors.Join(s.cmd.Process.Signal(os.Interrupt), s.cmd.Wait()); err != nil {
		return nil, nil, nil, err
	}
	members, rich, err := enrolFleet(data, grants)
	if err != nil {
		return nil, nil, nil, err
	}
	cmd := exec.Command(p.binary, "serve", "--demo", "--listen", "127.0.0.1:0", "--data", data)
	cmd.Env = os.Environ()
	s, err = launch(cmd, data)
	return s, members, rich, err
}

func enrolFleet(data string, grants []int) (members, rich []fleet.Member, err error) {
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(data, "paicha.db"), Indexes: slices.Concat(
		inspection.Indexes, directory.Indexes, auth.Indexes, httpapi.Indexes, media.Indexes, fieldsync.Indexes)})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	began := time.Now()
	st, err := store.Open(ctx, engine, store.Options{
		Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, NewID: uuid.NewString,
	})
	if err != nil {
		return nil, nil, err
	}
	key, err := fleet.Key(data)
	if err != nil {
		return nil, nil, err
	}
	grant := func(t store.Token) directory.Grant {
		return directory.Grant{Token: t, Role: directory.RoleInspector, Reason: directory.ReasonPost}
	}
	if members, err = fleet.Enrol(ctx, st, key, "fleet", fleetTablets, grant("532504/coal-mine")); err != nil {
		return nil, nil, err
	}
	var all []directory.Grant
	for _, r := range directory.Regions() {
		for _, sector := range directory.Sectors() {
			all = append(all, grant(directory.ScopeToken(r.Code, sector.ID)))
		}
	}
	for i, n := range grants {
		one, err := fleet.Enrol(ctx, st, key, fmt.Sprint("rich", i), 1, all[:min(n, len(all))]...)
		if err != nil {
			return nil, nil, err
		}
		rich = append(rich, one...)
	}
	return members, rich, nil
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

// resident is the memory that the process holds now, in MB.
func (s *server) resident() float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	f := strings.Fields(after)
	if len(f) == 0 {
		return 0
	}
	return number(f[0]) / 1000 * 1.024
}

// commits writes documents with so many scopes one after another, straight through the store.
func (p *plan) commits(t *table, scopes int) error {
	ctx, path := context.Background(), filepath.Join(p.dir, fmt.Sprintf("scopes%d-%d.db", scopes, time.Now().UnixNano()))
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: path, Indexes: inspection.Indexes})
	if err != nil {
		return err
	}
	began := time.Now()
	st, err := store.Open(ctx, engine, store.Options{
		Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, NewID: uuid.NewString,
	})
	if err != nil {
		return err
	}
	body := []byte(`{"x":"` + strings.Repeat("a", 6000) + `"}`)
	tokens := make([]store.Token, scopes)
	for i := range tokens {
		tokens[i] = store.Token(fmt.Sprintf("%06d", 532500+i))
	}
	var r run
	for began := time.Now(); time.Since(began) < p.span/2; r.done++ {
		at := time.Now()
		outs, err := st.Commit(ctx, []store.Write{{New: store.Doc{
			Ref: store.Ref{Kind: inspection.Kind, ID: uuid.NewString()}, Body: body, Tokens: tokens,
		}}})
		if err != nil || outs[0].Status != store.OK {
			return errors.Join(err, errors.New("a commit was not taken"))
		}
		r.each = append(r.each, time.Since(at))
		r.took = time.Since(began)
	}
	if err := t.loop(fmt.Sprintf("commit scopes %d", scopes), nil, 1, func() (run, error) { return r, nil }); err != nil {
		return err
	}
	return engine.Close()
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
	for _, n := range f.grants {
		line(fmt.Sprintf("empty pull, a person with %d grants", n), fmt.Sprintf("fleet grants %d", n), "")
	}
	for _, n := range f.scopes {
		line(fmt.Sprintf("commit of a document with %d scopes, one at a time, through the store alone", n), fmt.Sprintf("commit scopes %d", n), "rows by 1")
	}
	fmt.Fprintf(w, "\nMemory of the server: **%.0f MB** resident before, **%.0f MB** with %d tablets that have pulled and hold an event stream and a connection for pushes: "+
		"**%.0f KB** a tablet.\n", f.idle, f.connected, fleetTablets, 1000*(f.connected-f.idle)/fleetTablets)
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"paicha/internal/directory"
	"paicha/internal/fleet"
	"paicha/internal/store"
	"paicha/internal/store/sqlite"
)

// crowdSizes are how many tablets do the same thing at once, and the groups of raw rows that come next to them.
var crowdSizes = []struct{ tablets, group int }{{1, 1}, {8, 1}, {32, 32}, {256, 100}}

// connected is what tablets cost that are only there.
type connected struct {
	tablets              int
	before, after, again float64 // MB resident: without them; each with a stream; each having pulled over a second connection
	peak                 float64
	echo                 float64 // MB more of the echo with as many connections
}

// prepared runs a server once so that its folder has what it needs, lets with change the store in its absence, and starts it
// again.
func (p *plan) prepared(name string, with func(*store.Store, []byte) error) (*server, error) {
	s, err := start(p, name)
	if err != nil {
		return nil, err
	}
	s.halt()
	key, err := fleet.Key(s.data)
	if err == nil {
		err = inStore(s.data, func(st *store.Store) error { return with(st, key) })
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return start(p, name)
}

// inStore opens the embedded store of a folder.
func inStore(dir string, do func(*store.Store) error) error {
	ctx := context.Background()
	e, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, "paicha.db"), Indexes: indexes()})
	if err != nil {
		return err
	}
	began := time.Now()
	st, err := store.Open(ctx, e, store.Options{Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, NewID: uuid.NewString})
	if err == nil {
		err = do(st)
	}
	return errors.Join(err, e.Close())
}

// of makes tablets of a fleet.
func (s *server) of(members []fleet.Member) ([]*tablet, error) {
	out := make([]*tablet, len(members))
	for i, m := range members {
		tb := &tablet{alone: true, bearer: "Bearer " + m.Bearer, device: m.Device, http: fasthttp.HostClient{
			Addr: s.at, MaxConns: 1, ReadTimeout: time.Minute, WriteTimeout: time.Minute, NoDefaultUserAgentHeader: true,
			MaxIdleConnDuration: time.Hour, DisablePathNormalizing: true,
		}}
		var hello struct{ Epoch string }
		in := fmt.Appendf(nil, `{"protocolMin":1,"protocolMax":1,"device":%q,"deviceTime":%q}`, m.Device, time.Now().UTC().Format(time.RFC3339))
		if err := tb.call("/api/v1/sync/hello", in, &hello); err != nil {
			return nil, err
		}
		tb.epoch, out[i] = hello.Epoch, tb
	}
	return out, nil
}

// coalMines is the grant of an inspector of one county's coal mines.
var coalMines = directory.Grant{Token: "532504/coal-mine", Role: directory.RoleInspector, Reason: directory.ReasonPost}

// crowd measures how pushes and pulls go with ever more tablets, and what a thousand cost that are only connected.
func (p *plan) crowd(t *table) error {
	note("crowd")
	var members []fleet.Member
	s, err := p.prepared("crowd", func(st *store.Store, key []byte) (err error) {
		members, err = fleet.Enrol(context.Background(), st, key, "crowd", max(p.tablets, 256), coalMines)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	if err := p.connections(t, s, members[:p.tablets]); err != nil {
		return err
	}
	tablets, err := s.of(members[:256])
	if err != nil {
		return err
	}
	for range p.rounds {
		for _, c := range crowdSizes {
			name := fmt.Sprintf("crowd push C=%d", c.tablets)
			if err := t.loop(name, s, 1, func() (run, error) {
				return closed(tablets[:c.tablets], p.span, func(tb *tablet) error { return tb.push(1) })
			}); err != nil {
				return err
			}
		}
	}
	for _, tb := range tablets {
		if tb.cursor, _, _, err = tb.pullAll("", "zstd"); err != nil {
			return err
		}
	}
	for range p.rounds {
		for _, c := range crowdSizes {
			name := fmt.Sprintf("crowd pull C=%d", c.tablets)
			if err := t.loop(name, s, 1, func() (run, error) {
				return closed(tablets[:c.tablets], p.span/2, func(tb *tablet) error { return tb.pullNothing(tb.cursor) })
			}); err != nil {
				return err
			}
		}
	}
	t.peak("crowd", s.peak())
	copied, err := s.stored()
	if err != nil {
		return err
	}
	s.stop()
	for round := range p.rounds {
		for _, group := range []int{1, 32, 100} {
			if err := p.rawRowsNamed(t, fmt.Sprintf("crowd rows by %d", group), copied, group, filepath.Join(p.dir, fmt.Sprintf("crowd%d-%d.db", round, group))); err != nil {
				return err
			}
		}
	}
	return p.crowdEcho(t)
}

// crowdEcho sends what an empty pull sends to the echo.
func (p *plan) crowdEcho(t *table) error {
	s, err := startEcho(p)
	if err != nil {
		return err
	}
	defer s.stop()
	tablets := make([]*tablet, 256)
	for i := range tablets {
		tablets[i] = &tablet{}
		tablets[i].http.Addr, tablets[i].http.MaxConns = s.at, 1
	}
	body := []byte(`{"changes":[],"cursor":"` + strings.Repeat("x", 120) + `","more":false}`)
	for range p.rounds {
		for _, c := range crowdSizes {
			if err := t.loop(fmt.Sprintf("crowd echo C=%d", c.tablets), s, 1, func() (run, error) {
				return closed(tablets[:c.tablets], p.span/3, func(tb *tablet) error {
					tb.prepare("/pull")
					return tb.send(body)
				})
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func startEcho(p *plan) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return launch(exec.Command(self, "-echo"), filepath.Join(p.dir, "echo"+uuid.NewString()))
}

// connections opens a stream for each tablet, then lets each pull what there is, and looks at the server's memory.
func (p *plan) connections(t *table, s *server, members []fleet.Member) error {
	c := &connected{tablets: len(members), before: s.resident()}
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}()
	var mu sync.Mutex
	err := shared(members, func(m fleet.Member) error {
		conn, err := listenTo(s.at, m)
		if conn != nil {
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
		}
		return err
	})
	if err != nil {
		return err
	}
	c.after = s.resident()
	tablets, err := s.of(members)
	if err != nil {
		return err
	}
	if err := shared(tablets, func(tb *tablet) (err error) {
		tb.cursor, _, _, err = tb.pullAll("", "zstd")
		return err
	}); err != nil {
		return err
	}
	c.again, c.peak = s.resident(), s.peak()
	e, err := startEcho(p)
	if err != nil {
		return err
	}
	defer e.stop()
	bare := e.resident()
	for range members {
		conn, err := net.Dial("tcp", e.at)
		if err != nil {
			return err
		}
		open = append(open, conn)
		if err := exchange(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return err
		}
	}
	c.echo = e.resident() - bare
	t.connected = c
	note("%d connected: %.1f MB before, %.1f with streams, %.1f after a pull each, %.1f at most; the echo %.1f more", c.tablets, c.before, c.after, c.again, c.peak, c.echo)
	return nil
}

// shared does something for all, eight at a time.
func shared[T any](all []T, do func(T) error) error {
	next := make(chan T, len(all))
	for _, x := range all {
		next <- x
	}
	close(next)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for x := range next {
				if errs[i] = do(x); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func listenTo(at string, m fleet.Member) (net.Conn, error) {
	conn, err := net.Dial("tcp", at)
	if err != nil {
		return nil, err
	}
	return conn, exchange(conn, "GET /api/v1/sync/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+m.Bearer+"\r\n\r\n")
}

// exchange sends a request and reads the head of its answer.
func exchange(conn net.Conn, request string) error {
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil) //nolint:bodyclose // a stream has no end
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	return nil
}

func (t *table) crowdTable(w io.Writer) {
	if t.connected == nil {
		return
	}
	t.head(w, "Many tablets", "tablets at once", "pushes of 1, /s", "p50 ms", "p99 ms", "ratio to raw rows, groups of", "empty pulls, /s", "p50 ms", "p99 ms", "ratio to HTTP echo")
	for _, c := range crowdSizes {
		push, pull := fmt.Sprintf("crowd push C=%d", c.tablets), fmt.Sprintf("crowd pull C=%d", c.tablets)
		t.line(w, fmt.Sprint(c.tablets), t.spread(push, rate), t.median(push, p50), t.median(push, p99),
			t.ratio(push, fmt.Sprintf("crowd rows by %d", c.group))+fmt.Sprintf(", %d", c.group),
			t.spread(pull, rate), t.median(pull, p50), t.median(pull, p99), t.ratio(pull, fmt.Sprintf("crowd echo C=%d", c.tablets)))
	}
	c := t.connected
	each := func(mb float64) float64 { return 1000 * mb / float64(c.tablets) }
	fmt.Fprintf(w, `
%d tablets connected, resident memory of the server: %.0f MB without them, %.0f MB with a stream of events each (**%.0f KB** a tablet), %.0f MB after each has pulled its first
documents and checklists over a second connection (%.0f KB a tablet, buffers that the next ones use again included); %.0f MB at most. The echo holds %.0f KB for each such connection.
`, c.tablets, c.before, c.after, each(c.after-c.before), c.again, each(c.again-c.before), c.peak, each(c.echo))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

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

// grantCounts are how many regions with a sector a person may read; the documents are spread over a hundred.
var grantCounts = []int{1, 10, 100}

const storedPage = 100 // documents of a page

// storedBody is a document of which a million fit on a disk.
var storedBody = []byte(`{"title":"` + strings.Repeat("电气设备失爆", 55) + `"}`)

// places are a hundred scopes that there are.
func places() []store.Token {
	var out []store.Token
	for _, r := range directory.Regions() {
		for _, s := range directory.Sectors() {
			if len(r.Code) == 6 && len(out) < 100 {
				out = append(out, directory.ScopeToken(r.Code, s.ID))
			}
		}
	}
	return out
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
	e, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, "paicha.db"), Indexes: slices.Concat(
		inspection.Indexes, directory.Indexes, auth.Indexes, httpapi.Indexes, media.Indexes, fieldsync.Indexes)})
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

// stock measures what a pull costs by how much is stored and how much of it the person may see. It is filled straight at the
// store: this is not about pushes.
func (p *plan) stock(t *table) error {
	note("stock")
	scopes := places()
	people := map[int][]fleet.Member{}
	stored := 0
	s, err := p.prepared("stock", func(st *store.Store, key []byte) (err error) {
		for _, n := range grantCounts {
			var grants []directory.Grant
			for _, token := range scopes[:n] {
				grants = append(grants, directory.Grant{Token: token, Role: directory.RoleInspector, Reason: directory.ReasonPost})
			}
			if people[n], err = fleet.Enrol(context.Background(), st, key, fmt.Sprintf("stock%d", n), 1, grants...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	for _, size := range p.stocks {
		note("filling to %d", size)
		s.halt()
		began := time.Now()
		if err := inStore(s.data, func(st *store.Store) error {
			for ; stored < size; stored += 500 {
				ws := make([]store.Write, 500)
				for i := range ws {
					ws[i].New = store.Doc{
						Ref: store.Ref{Kind: inspection.KindHazard, ID: freshID()}, Tokens: []store.Token{scopes[(stored+i)%len(scopes)]}, Body: storedBody,
					}
				}
				if _, err := st.Commit(context.Background(), ws); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		note("filled in %.1f s", time.Since(began).Seconds())
		if s, err = start(p, "stock"); err != nil {
			return err
		}
		if err := p.stockPulls(t, s, people, size); err != nil {
			return err
		}
		t.peak("stock", s.peak())
	}
	return nil
}

func (p *plan) stockPulls(t *table, s *server, people map[int][]fleet.Member, size int) error {
	for _, n := range grantCounts {
		tb, err := s.member(people[n][0])
		if err != nil {
			return err
		}
		tablets := []*tablet{tb}
		bundle, err := embeddedPacks()
		if err != nil {
			return err
		}
		for _, pack := range bundle.Packs {
			tb.have = append(tb.have, string(pack.Hash()))
		}
		for range p.rounds {
			if err := t.loop(fmt.Sprintf("first page of %d, %d grants", size, n), s, 1, func() (run, error) {
				return closed(tablets, p.span/3, func(tb *tablet) error { return tb.firstPage(storedPage) })
			}); err != nil {
				return err
			}
			if err := t.loop(fmt.Sprintf("nothing new of %d, %d grants", size, n), s, 1, func() (run, error) {
				return closed(tablets, p.span/3, func(tb *tablet) error { return tb.pullNothing(tb.cursor) })
			}); err != nil {
				return err
			}
		}
	}
	for range p.rounds {
		if err := p.rawPages(t, s, size); err != nil {
			return err
		}
	}
	return nil
}

// firstPage pulls the first page of somebody who holds the checklists: the more grants, the more of them would be in it.
func (tb *tablet) firstPage(limit int) error {
	tb.body = fmt.Appendf(tb.body[:0], `{"limit":%d,"have":["%s"]}`, limit, strings.Join(tb.have, `","`))
	tb.prepare("/api/v1/sync/pull")
	return tb.send(tb.body)
}

// rawPages reads as many documents by hand, at the server's own database, beginning at random places.
func (p *plan) rawPages(t *table, s *server, size int) (err error) {
	c, err := sqlite3.OpenFlags("file:"+filepath.Join(s.data, "paicha.db"), sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	st, _, err := c.PrepareFlags(`SELECT d.kind, d.id, d.rev, b.body FROM docs d JOIN bodies b USING (no) WHERE d.no >= ?1 ORDER BY d.no LIMIT ?2`, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return t.loop(fmt.Sprintf("raw page of %d", size), nil, 1, func() (run, error) {
		r := run{}
		began := time.Now()
		var page []byte
		for time.Since(began) < p.span/6 {
			at := time.Now()
			page = page[:0]
			if err := errors.Join(st.BindInt(1, 1+(len(r.each)*7919)%max(size-storedPage, 1)), st.BindInt(2, storedPage)); err != nil {
				return r, err
			}
			for st.Step() {
				page = append(page, st.ColumnRawText(1)...)
				page = append(page, st.ColumnRawBlob(3)...)
			}
			if err := errors.Join(st.Err(), st.Reset()); err != nil {
				return r, err
			}
			r.each = append(r.each, time.Since(at))
		}
		r.took, r.done = time.Since(began), len(r.each)
		return r, nil
	})
}

func (t *table) stockTable(w io.Writer) {
	if !slices.ContainsFunc(t.order, func(name string) bool { return strings.HasPrefix(name, "first page of") }) {
		return
	}
	t.head(w, "Pulls by what is stored and what may be seen (documents of 1 KB in a hundred scopes)", "stored", "grants", "first pages of 100, /s", "p50 ms", "p99 ms",
		"100 documents by hand, /s", "ratio", "empty pulls, /s", "p50 ms", "p99 ms")
	for _, size := range []int{2_000, 10_000, 100_000, 1_000_000} {
		for _, n := range grantCounts {
			name, empty, raw := fmt.Sprintf("first page of %d, %d grants", size, n), fmt.Sprintf("nothing new of %d, %d grants", size, n), fmt.Sprintf("raw page of %d", size)
			if t.rows[name] == nil {
				continue
			}
			t.line(w, fmt.Sprint(size), fmt.Sprint(n), t.spread(name, rate), t.median(name, p50), t.median(name, p99), t.spread(raw, rate), t.ratio(name, raw),
				t.spread(empty, rate), t.median(empty, p50), t.median(empty, p99))
		}
	}
}

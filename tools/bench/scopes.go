package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"paicha/inspection"
	"paicha/internal/store"
)

// scopeCounts are how many tokens a document carries.
var scopeCounts = []int{1, 2, 4, 8, 16}

// scopes measures commits of one new document each, straight at the store, beside the same rows by hand.
func (p *plan) scopes(t *table) error {
	note("scopes")
	for round := range p.rounds {
		for _, n := range scopeCounts {
			dir := filepath.Join(p.dir, fmt.Sprintf("scopes%d-%d", round, n))
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			if err := p.commits(t, dir, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// record10k is a body of the size that a record of forty answers has in the store.
var record10k = []byte(`{"note":"` + strings.Repeat("现场查看设备运行正常", 10_800/30) + `"}`)

func (p *plan) commits(t *table, dir string, n int) (err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tokens := make([]store.Token, n)
	for i := range tokens {
		tokens[i] = store.Token(fmt.Sprintf("5325%02d/coal-mine", i))
	}
	err = inStore(dir, func(st *store.Store) error {
		return t.loop(fmt.Sprintf("commit of %d scopes", n), nil, 1, func() (run, error) {
			r := run{}
			began := time.Now()
			for time.Since(began) < p.span/2 {
				at := time.Now()
				if _, err := st.Commit(context.Background(), []store.Write{{New: store.Doc{
					Ref: store.Ref{Kind: inspection.Kind, ID: freshID()}, Tokens: tokens, Body: record10k,
				}}}); err != nil {
					return r, err
				}
				r.each = append(r.each, time.Since(at))
			}
			r.took, r.done = time.Since(began), len(r.each)
			return r, nil
		})
	})
	if err != nil {
		return err
	}
	by := &copied{tokens: []byte("[]"), body: record10k, fields: "{}", feed: n, carried: n}
	return p.rawRowsNamed(t, fmt.Sprintf("raw of %d scopes", n), by, 1, filepath.Join(dir, "raw.db"))
}

func (t *table) scopeTable(w io.Writer) {
	if t.rows["commit of 1 scopes"] == nil {
		return
	}
	t.head(w, "Commits by scopes (one new document of 10.8 KB each, one after the other)", "scopes", "commits/s", "p50 ms", "p99 ms", "the same rows by hand, /s", "ratio")
	for _, n := range scopeCounts {
		name, raw := fmt.Sprintf("commit of %d scopes", n), fmt.Sprintf("raw of %d scopes", n)
		t.line(w, fmt.Sprint(n), t.spread(name, rate), t.median(name, p50), t.median(name, p99), t.spread(raw, rate), t.ratio(name, raw))
	}
}

package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
	"paicha/internal/store/sqlite"
)

// benchDoc is a document of the usual size: 6.4 KB that compress badly, 8 tokens, 3 fields.
func benchDoc(n int) store.Doc {
	rng := rand.New(rand.NewPCG(uint64(n), 3))
	body := make([]byte, 6400)
	for i := range body {
		body[i] = 'a' + byte(rng.IntN(26))
	}
	region, sector := 532500+n%13, n%15
	return store.Doc{
		Ref: store.Ref{Kind: "hazard", ID: fmt.Sprintf("0190a5c4-%08x-%08x", rng.Uint32(), n)}, Rev: 1,
		Position: store.Position{Writer: "w", Seq: store.Seq(n + 1)},
		Tokens: store.SortTokens([]store.Token{
			"53", "5325", store.Token(fmt.Sprint(region)), store.Token(fmt.Sprintf("53/s%d", sector)),
			store.Token(fmt.Sprintf("5325/s%d", sector)), store.Token(fmt.Sprintf("%d/s%d", region, sector)),
			store.Token(fmt.Sprintf("ent:%d", n%997)), store.Token(fmt.Sprintf("user:%d", n%211)),
		}),
		Fields: store.Fields{"status": store.Text("open"), "due": store.Num(int64(n)), "name": store.Text(fmt.Sprint("隐患", n))},
		Body:   body,
	}
}

// BenchmarkPut writes groups of documents and, in the same run, the same rows by hand in a plain loop: ratio is how many
// times the raw limit an engine's document costs.
func BenchmarkPut(b *testing.B) {
	for _, group := range []int{1, 32, 100} {
		b.Run(fmt.Sprint("group=", group), func(b *testing.B) {
			e := open(b, filepath.Join(b.TempDir(), "paicha.db"))
			defer shut(b, e)
			raw := openRaw(b, filepath.Join(b.TempDir(), "raw.db"))
			n := 0
			var engine, limit time.Duration
			for b.Loop() {
				docs := make([]store.Doc, group)
				for i := range docs {
					docs[i] = benchDoc(n)
					n++
				}
				start := time.Now()
				raw.write(b, docs)
				limit += time.Since(start)
				start = time.Now()
				var wg sync.WaitGroup
				for i := range docs {
					wg.Go(func() {
						if st, err := e.Put(b.Context(), []store.Put{{Doc: docs[i]}}); err != nil || st[0] != store.OK {
							b.Error(st, err)
						}
					})
				}
				wg.Wait()
				engine += time.Since(start)
			}
			b.ReportMetric(float64(n)/engine.Seconds(), "docs/s")
			b.ReportMetric(float64(n)/limit.Seconds(), "raw-docs/s")
			b.ReportMetric(engine.Seconds()/limit.Seconds(), "ratio")
		})
	}
}

// rawWriter writes the engine's rows without the engine: one transaction a group, numbers known, nothing looked up.
type rawWriter struct {
	conn                                         *sqlite3.Conn
	begin, commit, doc, body, feed, carried, top *sqlite3.Stmt
	tokens                                       map[store.Token]int64
}

func openRaw(b *testing.B, path string) *rawWriter {
	shut(b, open(b, path)) // makes schema and indexes
	c, err := sqlite3.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	r := &rawWriter{conn: c, tokens: map[store.Token]int64{}}
	if err := c.Exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;
		PRAGMA wal_autocheckpoint = 4000; INSERT INTO writers VALUES (1, 'w', 0)`); err != nil {
		b.Fatal(err)
	}
	for p, sql := range map[**sqlite3.Stmt]string{
		&r.begin: `BEGIN IMMEDIATE`, &r.commit: `COMMIT`,
		&r.doc:     `INSERT INTO docs (no, kind, id, rev, writer, seq, removed, tokens, fields) VALUES (?1, 'hazard', ?2, 1, 1, ?1, '', ?3, ?4)`,
		&r.body:    `INSERT INTO bodies (no, body) VALUES (?1, ?2)`,
		&r.feed:    `INSERT INTO feed (token, writer, seq, no) VALUES (?1, 1, ?2, ?2)`,
		&r.carried: `INSERT INTO carried (token, no) VALUES (?1, ?2)`,
		&r.top:     `UPDATE writers SET last = ?1 WHERE no = 1`,
	} {
		if *p, _, err = c.Prepare(sql); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() { _ = c.Close() })
	return r
}

func (r *rawWriter) write(b *testing.B, docs []store.Doc) {
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(r.begin.Exec())
	for i := range docs {
		d := &docs[i]
		no := int64(d.Position.Seq)
		fields := fmt.Sprintf(`{"due":%d,"name":%q,"status":"open"}`, d.Fields["due"].Num, d.Fields["name"].Text)
		var tokens []byte
		for _, t := range d.Tokens {
			tokens = append(append(tokens, byte(len(t))), t...)
		}
		check(r.doc.BindInt64(1, no))
		check(r.doc.BindText(2, d.ID))
		check(r.doc.BindBlob(3, tokens))
		check(r.doc.BindText(4, fields))
		check(r.doc.Exec())
		check(r.body.BindInt64(1, no))
		check(r.body.BindBlob(2, d.Body))
		check(r.body.Exec())
		for _, t := range d.Tokens {
			if r.tokens[t] == 0 {
				r.tokens[t] = int64(len(r.tokens) + 1)
			}
			for _, st := range []*sqlite3.Stmt{r.feed, r.carried} {
				check(st.BindInt64(1, r.tokens[t]))
				check(st.BindInt64(2, no))
				check(st.Exec())
			}
		}
		check(r.top.BindInt64(1, no))
	}
	check(r.top.Exec())
	check(r.commit.Exec())
}

// filled is an engine with n documents.
func filled(b *testing.B, n int) (*sqlite.Engine, []store.Ref) {
	b.Helper()
	e := open(b, filepath.Join(b.TempDir(), "paicha.db"))
	refs := make([]store.Ref, 0, n)
	for len(refs) < n {
		ps := make([]store.Put, min(250, n-len(refs)))
		for i := range ps {
			ps[i].Doc = benchDoc(len(refs))
			refs = append(refs, ps[i].Doc.Ref)
		}
		if _, err := e.Put(b.Context(), ps); err != nil {
			b.Fatal(err)
		}
	}
	// A last document that the readers below may not see: their empty ranges have something to search.
	if _, err := e.Put(b.Context(), []store.Put{{Doc: store.Doc{
		Ref: store.Ref{Kind: "hazard", ID: "last"}, Rev: 1, Position: store.Position{Writer: "w", Seq: store.Seq(n + 1)},
	}}}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { shut(b, e) })
	return e, refs
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint("docs=", n), func(b *testing.B) {
			e, refs := filled(b, n)
			b.Run("Get", func(b *testing.B) {
				i := 0
				for b.Loop() {
					if ds, err := e.Get(b.Context(), refs[i:i+1]); err != nil || ds[0].Rev != 1 {
						b.Fatal(err)
					}
					i = (i + 7919) % n
				}
			})
			for _, k := range []int{1, 10, 100} {
				var tokens []store.Token
				for i := range k {
					tokens = append(tokens, store.Token(fmt.Sprintf("ent:%d", i)))
				}
				store.SortTokens(tokens)
				for name, after := range map[string]store.Seq{"EmptyRange": store.Seq(n), "NothingNew": store.Seq(n + 1)} {
					b.Run(fmt.Sprint(name, "/tokens=", k), func(b *testing.B) {
						for b.Loop() {
							ds, _, err := e.Range(b.Context(), store.Range{Writer: "w", After: after, Tokens: tokens, Limit: store.Limit{Docs: 100}})
							if err != nil || len(ds) != 0 {
								b.Fatal(len(ds), err)
							}
						}
					})
				}
			}
			b.Run("Scan", func(b *testing.B) {
				docs := 0
				for b.Loop() {
					s := store.Scan{Tokens: []store.Token{"532503", "532504/s1"}, Limit: store.Limit{Docs: 200}}
					for {
						ds, next, err := e.Scan(b.Context(), s)
						if err != nil {
							b.Fatal(err)
						}
						if docs += len(ds); next == "" {
							break
						}
						s.After = next
					}
				}
				b.ReportMetric(float64(docs)/b.Elapsed().Seconds(), "docs/s")
			})
			b.Run("Find", func(b *testing.B) {
				for b.Loop() {
					p, err := e.Find(b.Context(), store.Query{
						Kind: "hazard", Order: "due", Desc: true, Limit: 50, Tokens: []store.Token{"532503"},
						Where: []store.Cond{store.Where("status", store.Eq, store.Text("open"))},
					})
					if err != nil || len(p.Docs) != 50 {
						b.Fatal(len(p.Docs), err)
					}
				}
			})
			b.Run("Group", func(b *testing.B) {
				for b.Loop() {
					if _, err := e.Group(b.Context(), store.Grouping{Kind: "hazard", By: []string{"status"}, Sum: []string{"due"}}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

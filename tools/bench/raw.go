package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/httpapi"
	"paicha/internal/store/sqlite"
	fieldsync "paicha/sync"
)

// copied is a record as the server stored it; the raw limit writes the same bytes.
type copied struct {
	tokens, lefts, body, restricted, memory []byte
	fields                                  string
	feed, carried                           int // rows beside it
}

func (c *copied) String() string {
	return fmt.Sprintf("%d bytes of body, %d of other columns, %d rows in feed and %d in carried",
		len(c.body), len(c.tokens)+len(c.lefts)+len(c.restricted)+len(c.memory)+len(c.fields), c.feed, c.carried)
}

// stored reads one of the records in the server's database.
func (s *server) stored() (_ *copied, err error) {
	c, err := sqlite3.OpenFlags("file:"+filepath.Join(s.data, "paicha.db"), sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	st, _, err := c.Prepare(`SELECT d.tokens, d.lefts, b.body, b.restricted, b.memory, d.fields,
		(SELECT count(*) FROM feed f WHERE f.no = d.no), (SELECT count(*) FROM carried f WHERE f.no = d.no)
		FROM docs d JOIN bodies b USING (no) WHERE d.kind = 'inspection' LIMIT 1`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if !st.Step() {
		return nil, errors.Join(st.Err(), errors.New("no record was stored"))
	}
	return &copied{
		tokens: st.ColumnBlob(0, nil), lefts: st.ColumnBlob(1, nil), body: st.ColumnBlob(2, nil), restricted: st.ColumnBlob(3, nil),
		memory: st.ColumnBlob(4, nil), fields: st.ColumnText(5), feed: st.ColumnInt(6), carried: st.ColumnInt(7),
	}, nil
}

// rawRows writes the same rows by hand-prepared statements, in groups, with a commit that is synced each: one
// connection, nothing looked up, nothing encoded. Bare is the body under a unique key alone.
func (p *plan) rawRows(t *table, doc *copied, group int, bare bool, round int) error {
	path := filepath.Join(p.dir, fmt.Sprintf("raw%d-%d-%t.db", round, group, bare))
	defer func() {
		for _, end := range []string{"", "-wal", "-shm", ".lock"} {
			_ = os.Remove(path + end)
		}
	}()
	name, script := fmt.Sprintf("rows by %d", group), []string{
		`INSERT INTO docs (no, kind, id, rev, writer, seq, removed, tokens, lefts, fields) VALUES (?1, 'inspection', ?2, 1, 1, ?1, '', ?3, ?4, ?5)`,
		`INSERT INTO bodies (no, body, restricted, memory) VALUES (?1, ?2, ?3, ?4)`,
		`INSERT INTO feed (token, writer, seq, no) VALUES (?1, 1, ?2, ?2)`,
		`INSERT INTO carried (token, no) VALUES (?1, ?2)`,
		`UPDATE writers SET last = ?1 WHERE no = 1`,
	}
	if bare {
		name, script = "bare "+name, []string{`INSERT INTO bare (no, id, body) VALUES (?1, ?2, ?3)`}
	} else {
		// The server's own engine makes the schema and every index that serve declares.
		e, err := sqlite.Open(context.Background(), sqlite.Options{
			Path: path, Indexes: slices.Concat(inspection.Indexes, directory.Indexes, auth.Indexes, httpapi.Indexes, fieldsync.Indexes),
		})
		if err == nil {
			err = e.Close()
		}
		if err != nil {
			return err
		}
	}
	c, err := sqlite3.Open("file:" + path)
	if err != nil {
		return err
	}
	setup := `PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;
		PRAGMA wal_autocheckpoint = 4000;`
	if bare {
		setup += `CREATE TABLE bare (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB);`
	} else {
		setup += `INSERT INTO writers VALUES (1, 'w', 0);`
	}
	err = c.Exec(setup)
	var sts []*sqlite3.Stmt
	for _, sql := range append([]string{`BEGIN IMMEDIATE`, `COMMIT`}, script...) {
		if err == nil {
			var st *sqlite3.Stmt
			st, _, err = c.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
			sts = append(sts, st)
		}
	}
	if err == nil {
		w := rawWriter{doc: doc, begin: sts[0], commit: sts[1], sts: sts[2:], bare: bare}
		err = t.loop(name, nil, group, func() (run, error) {
			r := run{}
			began := time.Now()
			for time.Since(began) < p.span/2 {
				at := time.Now()
				if err := w.write(group); err != nil {
					return r, err
				}
				r.each = append(r.each, time.Since(at))
			}
			r.took, r.done = time.Since(began), len(r.each)
			return r, nil
		})
	}
	for _, st := range sts {
		err = errors.Join(err, st.Close())
	}
	return errors.Join(err, c.Close())
}

type rawWriter struct {
	doc           *copied
	begin, commit *sqlite3.Stmt
	sts           []*sqlite3.Stmt
	bare          bool
	no            int64
}

func (w *rawWriter) write(group int) error {
	err := w.begin.Exec()
	for range group {
		w.no++
		id := freshID()
		if w.bare {
			st := w.sts[0]
			err = errors.Join(err, st.BindInt64(1, w.no), st.BindText(2, id), st.BindBlob(3, w.doc.body), st.Exec())
			continue
		}
		doc, body := w.sts[0], w.sts[1]
		err = errors.Join(err,
			doc.BindInt64(1, w.no), doc.BindText(2, id), doc.BindBlob(3, w.doc.tokens), doc.BindBlob(4, w.doc.lefts), doc.BindText(5, w.doc.fields), doc.Exec(),
			body.BindInt64(1, w.no), body.BindBlob(2, w.doc.body), body.BindBlob(3, w.doc.restricted), body.BindBlob(4, w.doc.memory), body.Exec())
		for i, rows := range []int{w.doc.feed, w.doc.carried} {
			st := w.sts[2+i]
			for token := range rows {
				err = errors.Join(err, st.BindInt64(1, int64(token+1)), st.BindInt64(2, w.no), st.Exec())
			}
		}
	}
	if !w.bare {
		err = errors.Join(err, w.sts[4].BindInt64(1, w.no), w.sts[4].Exec())
	}
	return errors.Join(err, w.commit.Exec())
}

// rawFiles hashes, writes, syncs and renames the same photos into 256 folders and syncs the folder, c at a time: three
// make an inspection.
func (p *plan) rawFiles(t *table, pool *photos, c, round int) error {
	dir := filepath.Join(p.dir, fmt.Sprintf("files%d-%d", round, c))
	defer func() { _ = os.RemoveAll(dir) }()
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(dir, hex.EncodeToString([]byte{byte(i)})), 0o700); err != nil {
			return err
		}
	}
	if err := syncFolder(dir); err != nil {
		return err
	}
	return byHand(t, fmt.Sprintf("files C=%d", c), pool, p.photos, c, func(b []byte) error { return writeFile(dir, b) })
}

// byHand does with the photos of n inspections, three each and c inspections at a time, what the server must do at least.
func byHand(t *table, name string, pool *photos, n, c int, put func(photo []byte) error) error {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	return t.loop(name, nil, 1, func() (run, error) {
		began := time.Now()
		errs := make([]error, c)
		took := make([][]time.Duration, c)
		var wg sync.WaitGroup
		for k := range c {
			wg.Go(func() {
				var b []byte
				for i := range next {
					at := time.Now()
					for j := range 3 {
						b = pool.appendPhoto(b[:0], &photo{picture: (3*i + j) % len(pool.pictures), serial: rand.Uint64()})
						if errs[k] = put(b); errs[k] != nil {
							return
						}
					}
					took[k] = append(took[k], time.Since(at))
				}
			})
		}
		wg.Wait()
		r := run{took: time.Since(began), each: slices.Concat(took...)}
		r.done = len(r.each)
		return r, errors.Join(errs...)
	})
}

func writeFile(dir string, b []byte) error {
	sum := sha256.Sum256(b)
	name := hex.EncodeToString(sum[:])
	temp := filepath.Join(dir, name)
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	shard := filepath.Join(dir, name[:2])
	if err := os.Rename(temp, filepath.Join(shard, name)); err != nil {
		return err
	}
	return syncFolder(shard)
}

func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

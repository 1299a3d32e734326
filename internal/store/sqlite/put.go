package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
)

// Bounds of one transaction. Of 6.4 KB documents with 8 tokens BenchmarkPut wrote 549 a second in groups of 1, 2,441 in
// groups of 32 and 5,260 in groups of 100 (2 shared cores, once): the gain flattens, and a larger group makes the first
// caller wait for the last.
const (
	groupDocs  = 512
	groupBytes = 8 << 20
)

// checkpointPages is the length of the log at which it is written back. At 4 KB a page this is 16 MB: large enough that
// hot index pages are written back once for many commits, small enough that the next group does not wait long.
const checkpointPages = 4000

// restartFactor times that length means that readers have kept the log from starting anew: wait for them.
const restartFactor = 8

// job is one Put call in the queue.
type job struct {
	ctx      context.Context
	puts     []store.Put
	bytes    int
	statuses []store.Status
	err      error
	done     chan struct{}
}

func (j *job) answer(err error) {
	if err != nil {
		j.statuses, j.err = nil, err
	}
	close(j.done)
}

// Put implements store.Engine. When ctx ends first the outcome is unknown: the write may still be applied.
func (e *Engine) Put(ctx context.Context, puts []store.Put) ([]store.Status, error) {
	if err := e.state(ctx); err != nil {
		return nil, err
	}
	if len(puts) == 0 {
		return nil, nil
	}
	j := &job{ctx: ctx, puts: puts, done: make(chan struct{})}
	for i := range puts {
		j.bytes += size(&puts[i].Doc) + len(puts[i].Doc.Memory)
	}
	select {
	case e.jobs <- j:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.stopped:
		return nil, store.ErrClosed
	}
	select {
	case <-j.done:
		return j.statuses, j.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.stopped:
	}
	select { // answered just before the goroutine ended, or queued just after
	case <-j.done:
		return j.statuses, j.err
	default:
		return nil, store.ErrClosed
	}
}

// size is what a document counts for in a page's byte limit.
func size(d *store.Doc) int { return len(d.Body) + len(d.Restricted) }

// writer owns the writing connection. All of it runs in one goroutine.
type writer struct {
	engine *Engine
	conn   *sqlite3.Conn
	pages  int // of the log, after the last commit

	begin, commit, rollback        *sqlite3.Stmt
	look, insert, update           *sqlite3.Stmt
	insertBody, updateBody         *sqlite3.Stmt
	addFeed, dropFeed              *sqlite3.Stmt
	addCarried, dropCarried        *sqlite3.Stmt
	findToken, addToken            *sqlite3.Stmt
	addWriter, raiseWriter         *sqlite3.Stmt
	newTokens                      map[store.Token]int64
	newWriters                     map[store.WriterID]int64
	last                           map[int64]store.Seq // raised in this transaction
	oldFeed, oldCarried            []int64
	nowFeed, nowCarried            []int64
	tokenBytes, leftBytes, fieldsB []byte
}

func (w *writer) prepare() error {
	w.newTokens = map[store.Token]int64{}
	w.newWriters = map[store.WriterID]int64{}
	w.last = map[int64]store.Seq{}
	w.conn.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		w.pages = pages
		return nil
	})
	return prepareAll(w.conn, map[**sqlite3.Stmt]string{
		&w.begin:    `BEGIN IMMEDIATE`,
		&w.commit:   `COMMIT`,
		&w.rollback: `ROLLBACK`,
		// A bare ?1 could be the kind of a partial index: SQLite would plan the statement anew for each value.
		&w.look:        `SELECT no, rev, writer, seq, removed, tokens, lefts FROM docs WHERE kind = ?1||'' AND id = ?2`,
		&w.insert:      `INSERT INTO docs (kind, id, rev, writer, seq, removed, tokens, lefts, fields) VALUES (?8, ?9, ?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
		&w.update:      `UPDATE docs SET rev = ?1, writer = ?2, seq = ?3, removed = ?4, tokens = ?5, lefts = ?6, fields = ?7 WHERE no = ?8`,
		&w.insertBody:  `INSERT INTO bodies (no, body, restricted, memory) VALUES (?1, ?2, ?3, ?4)`,
		&w.updateBody:  `UPDATE bodies SET body = ?2, restricted = ?3, memory = ?4 WHERE no = ?1`,
		&w.addFeed:     `INSERT INTO feed (token, writer, seq, no) VALUES (?1, ?2, ?3, ?4)`,
		&w.dropFeed:    `DELETE FROM feed WHERE token = ?1 AND writer = ?2 AND seq = ?3`,
		&w.addCarried:  `INSERT INTO carried (token, no) VALUES (?1, ?2)`,
		&w.dropCarried: `DELETE FROM carried WHERE token = ?1 AND no = ?2`,
		&w.findToken:   `SELECT no FROM tokens WHERE name = ?1`,
		&w.addToken:    `INSERT INTO tokens (name) VALUES (?1)`,
		&w.addWriter:   `INSERT INTO writers (name, last) VALUES (?1, 0)`,
		&w.raiseWriter: `UPDATE writers SET last = max(last, ?2) WHERE no = ?1`,
	})
}

// run serves the queue until Close.
func (w *writer) run() {
	e := w.engine
	defer close(e.stopped)
	var held *job // taken from the queue, but too large for the group before it
	var group []*job
	for {
		first := held
		held = nil
		if first == nil {
			select {
			case first = <-e.jobs:
			case <-e.quit:
				w.drain()
				return
			}
		}
		group = append(group[:0], first)
		docs, bytes := len(first.puts), first.bytes
	gather:
		for docs < groupDocs && bytes < groupBytes {
			select {
			case j := <-e.jobs:
				if docs+len(j.puts) > groupDocs || bytes+j.bytes > groupBytes {
					held = j
					break gather
				}
				docs += len(j.puts)
				bytes += j.bytes
				group = append(group, j)
			default:
				break gather
			}
		}
		w.serve(group)
		clear(group)
	}
}

// drain answers what came after Close.
func (w *writer) drain() {
	for {
		select {
		case j := <-w.engine.jobs:
			j.answer(store.ErrClosed)
		default:
			return
		}
	}
}

// serve writes one group and answers all of it.
func (w *writer) serve(group []*job) {
	group = slices.DeleteFunc(group, func(j *job) bool {
		err := j.ctx.Err() // its caller has left already: nothing was written, and nobody is told otherwise
		select {
		case <-w.engine.dead:
			err = store.ErrUnavailable.Because(w.engine.deadErr)
		default:
		}
		if err != nil {
			j.answer(err)
		}
		return err != nil
	})
	if len(group) == 0 {
		return
	}
	err, fatal := w.transact(group)
	switch {
	case fatal:
		w.engine.fail(err)
		for _, j := range group {
			j.answer(store.ErrUnavailable.Because(err))
		}
		return
	case err != nil && len(group) > 1:
		for i := range group {
			w.serve(group[i : i+1 : i+1])
		}
		return
	case err != nil:
		group[0].answer(store.ErrUnavailable.Because(err))
		return
	}
	for _, j := range group {
		j.answer(nil)
	}
	w.checkpoint()
}

// transact runs a group in one transaction. An error that is not fatal means that nothing was written.
func (w *writer) transact(group []*job) (err error, fatal bool) {
	clear(w.newTokens)
	clear(w.newWriters)
	clear(w.last)
	if err := w.begin.Exec(); err != nil {
		return fmt.Errorf("begin: %w", err), false
	}
	err = w.apply(group)
	if err != nil {
		// Some failures (full disk, I/O) end the transaction by themselves; then there is nothing to roll back.
		if !w.conn.GetAutocommit() {
			if rerr := w.rollback.Exec(); rerr != nil {
				return errors.Join(err, fmt.Errorf("rollback: %w", rerr)), true
			}
		}
		return err, false
	}
	if err := w.commit.Exec(); err != nil {
		return fmt.Errorf("commit: %w", err), true
	}
	w.count(group)
	n := w.engine.names
	for t, no := range w.newTokens {
		n.keepToken(t, no)
	}
	for id, no := range w.newWriters {
		n.keepWriter(id, no)
	}
	for no, seq := range w.last {
		n.raise(no, seq)
	}
	return nil, false
}

// count books a group that is durable.
func (w *writer) count(group []*job) {
	n := uint64(0)
	for _, j := range group {
		for _, s := range j.statuses {
			if s == store.OK {
				n++
			}
		}
	}
	w.engine.commits.Add(1)
	w.engine.written.Add(n)
}

func (w *writer) apply(group []*job) error {
	for _, j := range group {
		j.statuses = make([]store.Status, len(j.puts))
		for i := range j.puts {
			st, err := w.put(&j.puts[i])
			if err != nil {
				return err
			}
			j.statuses[i] = st
		}
	}
	for no, seq := range w.last {
		if err := exec(w.raiseWriter, no, int64(seq)); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint writes the log back when it is long enough. Nobody waits for it except the next group.
func (w *writer) checkpoint() {
	limit := w.engine.options.CheckpointPages
	if w.pages < limit {
		return
	}
	mode := sqlite3.CHECKPOINT_PASSIVE
	if w.pages >= restartFactor*limit {
		mode = sqlite3.CHECKPOINT_RESTART
	}
	_, _, err := w.conn.WALCheckpoint("main", mode)
	if err != nil && !errors.Is(err, sqlite3.BUSY) {
		w.engine.fail(fmt.Errorf("checkpoint: %w", err))
	}
}

// exec binds integers and runs a statement that returns no rows.
func exec(st *sqlite3.Stmt, args ...int64) error {
	for i, a := range args {
		if err := st.BindInt64(i+1, a); err != nil {
			return err
		}
	}
	return st.Exec()
}

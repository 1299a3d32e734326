package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
)

// reader is a read connection with its statements; one call uses it at a time.
type reader struct {
	engine *Engine
	conn   *sqlite3.Conn

	begin, commit, rollback *sqlite3.Stmt
	byRef, byNo             *sqlite3.Stmt
	feed, position, carried *sqlite3.Stmt
	every                   *sqlite3.Stmt
	last                    *sqlite3.Stmt
	findToken               *sqlite3.Stmt

	shapes map[string]*sqlite3.Stmt // Find and Group, by their SQL
	places []place
}

// maxShapes bounds the compiled Find and Group statements of a connection, about 10 KB each.
const maxShapes = 256

const columns = `d.rev, d.writer, d.seq, d.removed, d.tokens, d.lefts, d.fields, b.body, b.restricted, b.memory`

func (r *reader) prepare() error {
	r.shapes = map[string]*sqlite3.Stmt{}
	return prepareAll(r.conn, map[**sqlite3.Stmt]string{
		&r.begin:    `BEGIN`,
		&r.commit:   `COMMIT`,
		&r.rollback: `ROLLBACK`,
		// A bare ?1 could be the kind of a partial index: SQLite would plan the statement anew for each value.
		&r.byRef:    `SELECT ` + columns + ` FROM docs d CROSS JOIN bodies b ON b.no = d.no WHERE d.kind = ?1||'' AND d.id = ?2`,
		&r.byNo:     `SELECT ` + columns + `, d.kind, d.id FROM docs d CROSS JOIN bodies b ON b.no = d.no WHERE d.no = ?1`,
		&r.feed:     `SELECT seq, no FROM feed WHERE token = ?1 AND writer = ?5 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4`,
		&r.position: `SELECT seq, no FROM docs WHERE writer = ?5 AND seq > 0 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4`,
		&r.carried:  `SELECT no, no FROM carried WHERE token = ?1 AND no > ?2 AND no <= ?3 ORDER BY no LIMIT ?4`,
		// Has the parameters of the others; there is one token, 0.
		&r.every:     `SELECT no, no FROM docs WHERE ?1 = 0 AND no > ?2 AND no <= ?3 ORDER BY no LIMIT ?4`,
		&r.last:      `SELECT max(seq) FROM feed WHERE token = ?1 AND writer = ?2 AND seq <= ?3`,
		&r.findToken: `SELECT no FROM tokens WHERE name = ?1`,
	})
}

// read runs f on a free connection, in one read transaction. It gives up when ctx ends, also inside a statement.
func (e *Engine) read(ctx context.Context, f func(*reader) error) error {
	var r *reader
	select {
	case r = <-e.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.stopped:
		return store.ErrClosed
	}
	defer func() { e.readers <- r }()
	r.conn.SetInterrupt(ctx)
	err := r.begin.Exec()
	if err == nil {
		if err = f(r); err == nil {
			err = r.commit.Exec()
		}
	}
	if err == nil {
		return nil
	}
	r.conn.SetInterrupt(context.Background())
	r.reset()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, store.ErrNoIndex) {
		return err
	}
	return store.ErrUnavailable.Because(err)
}

// reset brings the connection back to rest after a failure.
func (r *reader) reset() {
	for st := range r.conn.Stmts() {
		_ = st.Reset() // repeats the error that brought us here
	}
	if !r.conn.GetAutocommit() {
		_ = r.rollback.Exec() // a read transaction: there is nothing to lose, and the next BEGIN would tell
	}
}

// Get implements store.Engine.
func (e *Engine) Get(ctx context.Context, refs []store.Ref) ([]store.Doc, error) {
	if err := e.state(ctx); err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, nil
	}
	docs := make([]store.Doc, len(refs))
	err := e.read(ctx, func(r *reader) error {
		st := r.byRef
		for i, ref := range refs {
			docs[i].Ref = ref
			if err := firstOf(st.BindText(1, string(ref.Kind)), st.BindText(2, ref.ID)); err != nil {
				return err
			}
			var err error
			if st.Step() {
				err = r.decode(st, &docs[i])
			}
			if err := firstOf(err, st.Err(), st.Reset()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return docs, nil
}

// byNumber reads a document that a token table names.
func (r *reader) byNumber(no int64) (d store.Doc, err error) {
	st := r.byNo
	if err := st.BindInt64(1, no); err != nil {
		return d, err
	}
	if st.Step() {
		err = r.decodeNamed(st, &d)
	} else {
		err = firstOf(st.Err(), fmt.Errorf("document %d: %w", no, errCorrupt))
	}
	return d, firstOf(err, st.Reset())
}

// decodeNamed reads a row of columns followed by kind and id.
func (r *reader) decodeNamed(st *sqlite3.Stmt, d *store.Doc) error {
	d.Kind = store.Kind(st.ColumnText(10))
	d.ID = st.ColumnText(11)
	return r.decode(st, d)
}

// decode reads a row of columns.
func (r *reader) decode(st *sqlite3.Stmt, d *store.Doc) (err error) {
	names := r.engine.names
	d.Rev = store.Rev(st.ColumnInt64(0))
	d.Position.Seq = store.Seq(st.ColumnInt64(2))
	no := st.ColumnInt64(1)
	writer, ok := names.id(no)
	if !ok {
		// The commit that brought this writer is visible before the writing goroutine has told of it.
		if writer, err = r.writerName(no); err != nil {
			return err
		}
	}
	d.Position.Writer = writer
	switch removed := st.ColumnRawText(3); string(removed) {
	case "":
	case string(store.Deleted):
		d.Removed = store.Deleted
	case string(store.Archived):
		d.Removed = store.Archived
	default:
		d.Removed = store.Removal(removed)
	}
	if d.Tokens, err = decodeTokens(st.ColumnRawBlob(4)); err != nil {
		return err
	}
	if raw := st.ColumnRawBlob(5); len(raw) > 0 {
		d.Left, err = decodeLefts(raw, func(no int64) (store.WriterID, bool) {
			if w, ok := names.id(no); ok {
				return w, true
			}
			w, err := r.writerName(no)
			return w, err == nil
		})
		if err != nil {
			return err
		}
	}
	if d.Fields, err = decodeFields(st.ColumnRawText(6)); err != nil {
		return err
	}
	d.Body = blob(st, 7)
	d.Restricted = blob(st, 8)
	d.Memory = blob(st, 9)
	return nil
}

// writerName reads a writer's name; rarely needed, so compiled each time.
func (r *reader) writerName(no int64) (id store.WriterID, err error) {
	st, _, err := r.conn.Prepare(`SELECT name FROM writers WHERE no = ?1`)
	if err != nil {
		return "", err
	}
	err = st.BindInt64(1, no)
	if err == nil && st.Step() {
		id = store.WriterID(st.ColumnText(0))
	} else {
		err = firstOf(err, st.Err(), fmt.Errorf("writer %d: %w", no, errCorrupt))
	}
	return id, errors.Join(err, st.Close())
}

// blob copies a column; NULL is nil, an empty blob is not.
func blob(st *sqlite3.Stmt, col int) []byte {
	if st.ColumnType(col) == sqlite3.NULL {
		return nil
	}
	raw := st.ColumnRawBlob(col)
	out := make([]byte, len(raw))
	copy(out, raw)
	return out
}

// tokenNumbers returns the numbers of the tokens that exist.
func (r *reader) tokenNumbers(ts []store.Token) ([]int64, error) {
	nos := make([]int64, 0, len(ts))
	for _, t := range ts {
		no, ok := r.engine.names.token(t)
		if !ok {
			var err error
			if no, err = numberOf(r.findToken, string(t)); err != nil {
				return nil, err
			}
			if no == 0 {
				continue
			}
			r.engine.names.keepToken(t, no)
		}
		nos = append(nos, no)
	}
	return nos, nil
}

// shape returns the compiled statement of a SQL text. Values are bound, so texts differ only by the form of a query.
func (r *reader) shape(sql string) (*sqlite3.Stmt, error) {
	if st, ok := r.shapes[sql]; ok {
		return st, nil
	}
	if len(r.shapes) >= maxShapes {
		for k, st := range r.shapes {
			_ = st.Close() // it is at rest: nothing to report
			delete(r.shapes, k)
		}
	}
	st, _, err := r.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sql, err)
	}
	r.shapes[sql] = st
	return st, nil
}

package sqlite

import (
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"paicha/internal/store"
)

// stored is what a put must know of the version that it replaces.
type stored struct {
	no          int64
	rev         store.Rev
	writer, seq int64
	live        bool
}

// put tries one compare-and-set inside the open transaction.
func (w *writer) put(p *store.Put) (store.Status, error) {
	old, err := w.lookUp(p.Doc.Ref)
	if err != nil {
		return store.Unknown, err
	}
	if old.rev != p.Base {
		return store.Stale, nil
	}
	d := &p.Doc
	writerNo, err := w.writerNo(d.Position.Writer)
	if err != nil {
		return store.Unknown, err
	}
	if err := w.encode(d); err != nil {
		return store.Unknown, err
	}
	st := w.update
	if old.no == 0 {
		st = w.insert
	}
	err = firstOf(
		st.BindInt64(1, int64(d.Rev)),
		st.BindInt64(2, writerNo),
		st.BindInt64(3, int64(d.Position.Seq)),
		st.BindText(4, string(d.Removed)),
		st.BindBlob(5, w.tokenBytes),
		st.BindBlob(6, w.leftBytes),
		st.BindRawText(7, w.fieldsB),
	)
	if err != nil {
		return store.Unknown, err
	}
	body := w.updateBody
	if old.no != 0 {
		err = st.BindInt64(8, old.no)
	} else {
		err = firstOf(st.BindText(8, string(d.Kind)), st.BindText(9, d.ID))
		body = w.insertBody
	}
	if err == nil {
		err = st.Exec()
	}
	if err != nil {
		return store.Unknown, fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
	}
	if old.no == 0 {
		old.no = w.conn.LastInsertRowID()
	}
	err = firstOf(
		body.BindInt64(1, old.no),
		body.BindBlob(2, d.Body),
		body.BindBlob(3, d.Restricted),
		body.BindBlob(4, d.Memory),
	)
	if err == nil {
		err = body.Exec()
	}
	if err == nil {
		err = w.place(old, d, writerNo)
	}
	if err != nil {
		return store.Unknown, fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
	}
	w.last[writerNo] = max(w.last[writerNo], d.Position.Seq)
	return store.OK, nil
}

// lookUp reads the stored version; w.oldFeed and w.oldCarried are its rows in the token tables.
func (w *writer) lookUp(ref store.Ref) (old stored, err error) {
	w.oldFeed, w.oldCarried = w.oldFeed[:0], w.oldCarried[:0]
	st := w.look
	if err := firstOf(st.BindText(1, string(ref.Kind)), st.BindText(2, ref.ID)); err != nil {
		return old, err
	}
	var tokens []store.Token
	var lefts []store.Left
	if st.Step() {
		old = stored{
			no:     st.ColumnInt64(0),
			rev:    store.Rev(st.ColumnInt64(1)),
			writer: st.ColumnInt64(2),
			seq:    st.ColumnInt64(3),
			live:   len(st.ColumnRawText(4)) == 0,
		}
		if tokens, err = decodeTokens(st.ColumnRawBlob(5)); err == nil {
			lefts, err = decodeLefts(st.ColumnRawBlob(6), w.writerID)
		}
	}
	if rerr := st.Reset(); err == nil {
		err = rerr
	}
	if err != nil || old.no == 0 {
		return old, err
	}
	w.oldFeed, w.oldCarried, err = w.rows(w.oldFeed, w.oldCarried, tokens, lefts, old.live, old.seq)
	return old, err
}

// encode fills the column buffers and the rows that the document shall have in the token tables.
func (w *writer) encode(d *store.Doc) (err error) {
	w.tokenBytes, w.leftBytes, w.fieldsB = w.tokenBytes[:0], w.leftBytes[:0], w.fieldsB[:0]
	if d.Tokens != nil {
		w.tokenBytes = appendTokens(w.tokenBytes, d.Tokens)
	}
	for _, l := range d.Left {
		no, err := w.writerNo(l.Position.Writer)
		if err != nil {
			return err
		}
		w.leftBytes = appendLeft(w.leftBytes, l, no)
	}
	if d.Fields == nil {
		w.fieldsB = nil
	} else if w.fieldsB, err = appendFields(w.fieldsB, d.Fields); err != nil {
		return fmt.Errorf("%s %s: %w", d.Kind, d.ID, err)
	}
	w.nowFeed, w.nowCarried, err = w.rows(w.nowFeed[:0], w.nowCarried[:0], d.Tokens, d.Left, d.Removed == store.Live, int64(d.Position.Seq))
	return err
}

// rows appends the token numbers of a document's rows: in feed what it carries or left, unless it has no position; in
// carried what it carries, while it lives. Both are sorted and unique.
func (w *writer) rows(feed, carried []int64, tokens []store.Token, lefts []store.Left, live bool, seq int64) (_, _ []int64, err error) {
	for _, t := range tokens {
		no, err := w.tokenNo(t)
		if err != nil {
			return feed, carried, err
		}
		if live {
			carried = append(carried, no)
		}
		if seq > 0 {
			feed = append(feed, no)
		}
	}
	if seq > 0 {
		for i := range lefts {
			no, err := w.tokenNo(lefts[i].Token)
			if err != nil {
				return feed, carried, err
			}
			feed = append(feed, no)
		}
	}
	slices.Sort(feed)
	slices.Sort(carried)
	return slices.Compact(feed), slices.Compact(carried), nil
}

// place moves a document's rows in the token tables to its new position.
func (w *writer) place(old stored, d *store.Doc, writerNo int64) error {
	for _, t := range w.oldFeed {
		if err := exec(w.dropFeed, t, old.writer, old.seq); err != nil {
			return err
		}
	}
	for _, t := range w.nowFeed {
		if err := exec(w.addFeed, t, writerNo, int64(d.Position.Seq), old.no); err != nil {
			return err
		}
	}
	for _, t := range w.oldCarried {
		if _, keeps := slices.BinarySearch(w.nowCarried, t); !keeps {
			if err := exec(w.dropCarried, t, old.no); err != nil {
				return err
			}
		}
	}
	for _, t := range w.nowCarried {
		if _, had := slices.BinarySearch(w.oldCarried, t); !had {
			if err := exec(w.addCarried, t, old.no); err != nil {
				return err
			}
		}
	}
	return nil
}

// tokenNo returns the number of a token, giving it one if it is new.
func (w *writer) tokenNo(t store.Token) (int64, error) {
	if no, ok := w.engine.names.token(t); ok {
		return no, nil
	}
	if no, ok := w.newTokens[t]; ok {
		return no, nil
	}
	no, err := numberOf(w.findToken, string(t))
	if err != nil {
		return 0, err
	}
	if no == 0 {
		if err := w.addToken.BindText(1, string(t)); err != nil {
			return 0, err
		}
		if err := w.addToken.Exec(); err != nil {
			return 0, err
		}
		no = w.conn.LastInsertRowID()
	}
	w.newTokens[t] = no
	return no, nil
}

// numberOf runs a statement that finds a number by name; 0 is absent.
func numberOf(st *sqlite3.Stmt, name string) (no int64, err error) {
	if err := st.BindText(1, name); err != nil {
		return 0, err
	}
	if st.Step() {
		no = st.ColumnInt64(0)
	}
	return no, st.Reset()
}

// writerNo returns the number of a writer, giving it one if it is new.
func (w *writer) writerNo(id store.WriterID) (int64, error) {
	if no, _, ok := w.engine.names.writer(id); ok {
		return no, nil
	}
	if no, ok := w.newWriters[id]; ok {
		return no, nil
	}
	if err := w.addWriter.BindText(1, string(id)); err != nil {
		return 0, err
	}
	if err := w.addWriter.Exec(); err != nil {
		return 0, err
	}
	no := w.conn.LastInsertRowID()
	w.newWriters[id] = no
	return no, nil
}

// writerID is the inverse of writerNo.
func (w *writer) writerID(no int64) (store.WriterID, bool) {
	if id, ok := w.engine.names.id(no); ok {
		return id, true
	}
	for id, n := range w.newWriters {
		if n == no {
			return id, true
		}
	}
	return "", false
}

// firstOf returns the first error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

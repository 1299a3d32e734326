package store

import (
	"context"
	"maps"
	"slices"
)

// Mark is how far a reader has read: every sealed writer up to the seal number Sealed, and of each other writer the
// seqs up to Seqs. It is small whatever the number of restarts. Package sync makes the client's cursor of it.
type Mark struct {
	Epoch  string           `json:"e"`
	Sealed uint64           `json:"s,omitempty"`
	Seqs   map[WriterID]Seq `json:"w,omitempty"`
}

// Change is one document of the feed as the holder of the asked tokens sees it. Via is the complete set of the asked
// tokens that cover it now; empty Via means that it has left them all, by which removal, and that the reader may hold it.
type Change struct {
	Doc     Doc
	Via     []Token
	Removed bool
}

// snapshot is the registry as one reader took it: watermarks first, then the reading.
type snapshot struct {
	head head
	live map[WriterID]Seq // watermarks of the living writers
}

func (s *Store) registry(ctx context.Context) (snapshot, error) {
	if s.sole != nil {
		s.mu.Lock()
		h, l := s.head, s.life
		s.mu.Unlock()
		return snapshot{head: h, live: map[WriterID]Seq{l.id: l.watermark()}}, nil
	}
	h, _, err := s.readHead(ctx)
	if err != nil {
		return snapshot{}, err
	}
	es, _, err := s.readEntries(ctx, h.Live)
	if err != nil {
		return snapshot{}, err
	}
	r := snapshot{head: h, live: make(map[WriterID]Seq, len(es))}
	for i, w := range h.Live {
		r.live[w] = es[i].Watermark
	}
	return r, nil
}

// mark is the place of a reader who has read all that the registry shows.
func (r snapshot) mark() Mark {
	m := Mark{Epoch: r.head.Epoch, Sealed: r.head.lastSeal(), Seqs: map[WriterID]Seq{}}
	for w, q := range r.live {
		if q > 0 {
			m.Seqs[w] = q
		}
	}
	return m
}

// check refuses a mark that this history could not have given out, or has forgotten.
func (r snapshot) check(m Mark) error {
	if m.Epoch != r.head.Epoch || m.Sealed < r.head.Base || m.Sealed > r.head.lastSeal() {
		return ErrReset
	}
	for w, q := range m.Seqs {
		upTo, live := r.live[w]
		if !live {
			n, final := r.head.sealNumber(w)
			if n == 0 {
				return ErrReset
			}
			upTo = final
		}
		if q > upTo {
			return ErrReset
		}
	}
	return nil
}

// passed tells whether a reader at m has been offered what happened at p.
func (r snapshot) passed(m Mark, p Position) bool {
	if q, ok := m.Seqs[p.Writer]; ok {
		return p.Seq <= q
	}
	if _, live := r.live[p.Writer]; live {
		return false
	}
	n, final := r.head.sealNumber(p.Writer)
	if n == 0 {
		return true // forgotten with the horizon: every good cursor has passed it
	}
	// Above a final nothing is offered; a leaving recorded there by a dead writer is told rather once too often.
	return n <= m.Sealed && p.Seq <= final
}

// Now returns the mark of the present: a snapshot taken after it, followed by the feed since it, misses nothing.
func (s *Store) Now(ctx context.Context) (Mark, error) {
	r, err := s.registry(ctx)
	if err != nil {
		return Mark{}, err
	}
	return r.mark(), nil
}

// From returns the lowest mark that serves a reader who begins with tokens at seen: above it nothing has happened to
// what they cover, so a scan begun now and the feed since it miss nothing, and no leaving from before is told. It
// depends on what the reader may see alone: that others wrote meanwhile does not show in it.
func (s *Store) From(ctx context.Context, seen Mark, tokens []Token) (Mark, error) {
	m := Mark{Epoch: seen.Epoch, Sealed: seen.Sealed, Seqs: map[WriterID]Seq{}}
	for _, w := range slices.Sorted(maps.Keys(seen.Seqs)) { // in an order, so that a simulated run can be repeated
		last, err := s.engine.Last(ctx, w, seen.Seqs[w], tokens)
		if err != nil {
			return Mark{}, err
		}
		if last > 0 {
			m.Seqs[w] = last
		}
	}
	return m, nil
}

// Join returns the mark of a reader who has read up to both marks.
func (m Mark) Join(o Mark) Mark {
	out := Mark{Epoch: m.Epoch, Sealed: max(m.Sealed, o.Sealed), Seqs: maps.Clone(m.Seqs)}
	if out.Seqs == nil {
		out.Seqs = map[WriterID]Seq{}
	}
	for w, q := range o.Seqs {
		out.Seqs[w] = max(out.Seqs[w], q)
	}
	return out
}

// Feed is one page of changes. Next is the mark that the reader then has: of each writer the last change that concerned
// it. Seen is what the page was read up to. More tells that the limit cut the page.
type Feed struct {
	Changes []Change
	Next    Mark
	Seen    Mark
	More    bool
}

// Since returns what has changed after m for the holder of tokens (sorted). It answers ErrReset for a mark of another
// epoch, of an unknown writer, beyond a final, or older than the horizon.
func (s *Store) Since(ctx context.Context, m Mark, tokens []Token, limit Limit) (Feed, error) {
	return s.since(ctx, m, page{store: s, tokens: tokens, limit: limit})
}

// Everything is Since for a reader that no scope narrows: every document of every kind but the store's own, tombstones
// too. Via stays empty, and what a document has left is not told. It is for the server's own work, never for a person's.
func (s *Store) Everything(ctx context.Context, m Mark, limit Limit) (Feed, error) {
	return s.since(ctx, m, page{store: s, all: true, limit: limit})
}

func (s *Store) since(ctx context.Context, m Mark, p page) (Feed, error) {
	r, err := s.registry(ctx)
	if err != nil {
		return Feed{}, err
	}
	if err := r.check(m); err != nil {
		return Feed{}, err
	}
	next := Mark{Epoch: m.Epoch, Sealed: m.Sealed, Seqs: maps.Clone(m.Seqs)}
	if next.Seqs == nil {
		next.Seqs = map[WriterID]Seq{}
	}
	p.from, p.reg = m, r
	f := Feed{Next: next, Seen: r.mark()}
	for i := m.Sealed - r.head.Base; i < uint64(len(r.head.Seals)); i++ {
		sl := r.head.Seals[i]
		if f.More, err = p.read(ctx, sl.Writer, sl.Final, next.Seqs); err != nil || f.More {
			f.Changes = p.changes
			return f, err
		}
		delete(next.Seqs, sl.Writer)
		f.Next.Sealed = r.head.Base + i + 1
	}
	for w := range next.Seqs { // named but sealed before m.Sealed: fully read
		if _, live := r.live[w]; !live {
			delete(next.Seqs, w)
		}
	}
	for _, w := range slices.Sorted(maps.Keys(r.live)) {
		if f.More, err = p.read(ctx, w, r.live[w], next.Seqs); err != nil || f.More {
			break
		}
	}
	f.Changes = p.changes
	return f, err
}

// page collects the changes of one answer.
type page struct {
	store   *Store
	from    Mark
	reg     snapshot
	tokens  []Token
	all     bool // whatever its tokens
	limit   Limit
	changes []Change
	docs    int
	bytes   int
}

// read adds w's changes up to upTo and moves seqs[w] to the last of them; more tells that the page is full before that.
func (p *page) read(ctx context.Context, w WriterID, upTo Seq, seqs map[WriterID]Seq) (more bool, err error) {
	if seqs[w] >= upTo {
		return false, nil
	}
	l := p.limit
	if l.Docs > 0 {
		if l.Docs -= p.docs; l.Docs <= 0 {
			return true, nil
		}
	}
	if l.Bytes > 0 {
		if l.Bytes -= p.bytes; l.Bytes <= 0 {
			return true, nil
		}
	}
	docs, more, err := p.store.engine.Range(ctx, Range{Writer: w, After: seqs[w], UpTo: upTo, Tokens: p.tokens, Limit: l})
	if err != nil {
		return false, err
	}
	for _, d := range docs {
		p.docs++
		p.bytes += len(d.Body) + len(d.Restricted)
		seqs[w] = d.Position.Seq
		if p.all {
			p.changes = append(p.changes, Change{Doc: d, Removed: d.Removed != Live})
			continue
		}
		via := Intersect(d.Tokens, p.tokens)
		if len(via) > 0 {
			p.changes = append(p.changes, Change{Doc: d, Via: via})
			continue
		}
		for _, left := range d.Left {
			if _, asked := slices.BinarySearch(p.tokens, left.Token); asked && !p.reg.passed(p.from, left.Position) {
				p.changes = append(p.changes, Change{Doc: d, Removed: true})
				break
			}
		}
	}
	return more, nil
}

// Scan returns a page of the living documents that tokens cover, from where after points; next is empty at the end.
// With the mark taken by Now before its first page it is a snapshot: what changes meanwhile is in the feed.
func (s *Store) Scan(ctx context.Context, tokens []Token, after ScanKey, limit Limit) ([]Change, ScanKey, error) {
	docs, next, err := s.engine.Scan(ctx, Scan{Tokens: tokens, After: after, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	out := make([]Change, 0, len(docs))
	for _, d := range docs {
		out = append(out, Change{Doc: d, Via: Intersect(d.Tokens, tokens)})
	}
	return out, next, nil
}

// Unpublished reports whether a document stands, now, where no reader of the feed has come yet: above its writer's
// watermark or above a final. Only such as carry one of the tokens, or left it, count. Whoever compares what is stored
// with what a reader was given asks this, because the two may differ then.
func (s *Store) Unpublished(ctx context.Context, tokens []Token) (bool, error) {
	r, err := s.registry(ctx)
	if err != nil {
		return false, err
	}
	ends := maps.Clone(r.live)
	for _, sl := range r.head.Seals {
		ends[sl.Writer] = sl.Final
	}
	for _, w := range slices.Sorted(maps.Keys(ends)) {
		end := ends[w]
		docs, _, err := s.engine.Range(ctx, Range{Writer: w, After: end, Tokens: tokens, Limit: Limit{Docs: 1}})
		if err != nil || len(docs) > 0 {
			return len(docs) > 0, err
		}
	}
	return false, nil
}

package sync

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"paicha/checklist"
	"paicha/internal/directory"
	"paicha/internal/store"

	"github.com/go-json-experiment/json/jsontext"
)

// cursorAge is how old a cursor may be. Leavings are pruned after the store's horizon, which must be longer.
const cursorAge = 60 * 24 * time.Hour

// Pull returns one page, encoded as a PullResponse: what has changed since the cursor within the person's present
// scope, what of a new scope or a first sync was there already, and which scopes are to be forgotten. A cursor that is
// no good any more begins a new snapshot (Reset) and is no fault; one that is none at all is ErrCursor.
func (s *Service) Pull(ctx context.Context, sess Session, r PullRequest) ([]byte, error) {
	now := s.Now()
	p := pull{Service: s, scope: scopeOf(sess.User, now), now: now, limit: s.pageLimit(r.Limit), have: r.Have}
	var fresh []store.Token
	var err error
	again := true
	if r.Cursor != "" {
		if fresh, again, err = p.resume(r.Cursor); err != nil {
			return nil, err
		}
		p.reset = again
	}
	if again {
		err = p.restart(ctx)
	}
	if err == nil && again {
		err = p.fill(ctx)
	} else if err == nil {
		err = p.page(ctx, fresh)
	}
	if err != nil {
		return nil, err
	}
	if s.Meter != nil {
		s.Meter.Pulled(p.count)
	}
	return p.encode()
}

func (s *Service) pageLimit(wanted int) store.Limit {
	n := s.Limits.PullDocs
	if wanted > 0 && wanted < n {
		n = wanted
	}
	return store.Limit{Docs: n, Bytes: s.Limits.PullBytes}
}

// pull is one page in the making.
type pull struct {
	*Service
	scope  scope
	now    time.Time
	limit  store.Limit
	cursor Cursor
	told   scope    // the part of scope that the tablet knows of, as cursor.Held says
	have   []string // hashes of the packs that the tablet holds

	changes []byte // encoded changes, with commas between
	count   int
	bytes   int
	forget  []store.Token
	done    []store.Token // snapshots completed
	more    bool
	reset   bool
}

// restart begins a first sync: the watermarks first, then the snapshot; what happens meanwhile is in the feed.
func (p *pull) restart(ctx context.Context) error {
	now, err := p.Store.Now(ctx)
	if err != nil {
		return err
	}
	p.cursor, p.forget = Cursor{Mark: store.Mark{Epoch: now.Epoch}, Held: map[store.Token][]directory.Role{}}, nil
	return p.admit(ctx, now, p.scope.tokens)
}

// admit begins the snapshot of tokens that are new to the reader, who has read everything else up to seen.
func (p *pull) admit(ctx context.Context, seen store.Mark, tokens []store.Token) error {
	if len(tokens) == 0 {
		p.cursor.Mark.Sealed = seen.Sealed
		return nil
	}
	from, err := p.Store.From(ctx, seen, tokens)
	if err != nil {
		return err
	}
	p.cursor.Mark = p.cursor.Mark.Join(from)
	p.cursor.Fills = append(p.cursor.Fills, fill{Tokens: tokens})
	for _, t := range tokens {
		p.cursor.Held[t] = p.scope.audiences[t]
	}
	return nil
}

// resume takes up a cursor and sets what the tablet was told against what its person may read now. It returns the
// tokens that are new, or shown to another audience than before: then the restricted parts come or go.
func (p *pull) resume(s string) (fresh []store.Token, again bool, err error) {
	c, err := p.openCursor(s)
	if errors.Is(err, errForeign) || err == nil && p.now.Sub(c.Issued) > cursorAge {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	p.cursor = c
	for _, t := range p.scope.tokens {
		if held, ok := c.Held[t]; !ok || !slices.Equal(held, p.scope.audiences[t]) {
			fresh = append(fresh, t)
		}
	}
	for _, t := range slices.Sorted(maps.Keys(c.Held)) {
		if _, kept := p.scope.audiences[t]; !kept {
			p.forget = append(p.forget, t)
			delete(c.Held, t)
		}
	}
	for i := range p.cursor.Fills {
		f := &p.cursor.Fills[i]
		f.Tokens = slices.DeleteFunc(slices.Clone(f.Tokens), func(t store.Token) bool {
			_, kept := p.scope.audiences[t]
			return !kept || slices.Contains(fresh, t)
		})
	}
	p.cursor.Fills = slices.DeleteFunc(p.cursor.Fills, func(f fill) bool { return len(f.Tokens) == 0 })
	return fresh, len(p.cursor.Fills) >= maxFills && len(fresh) > 0, nil
}

// Most pages of snapshots run ahead of the feed, which closes the last of them: what is written meanwhile changes nothing
// in them, so that a broken one goes on (Got). A page of few documents seldom breaks.
const (
	mostAhead  = 3
	aheadFewer = 8 // documents
)

// ahead reports whether the page is one of snapshots alone. The feed tells later what has changed, in a rev no lower than
// that of the snapshot, since it is read later; that a cursor is of another epoch is told at once.
func (p *pull) ahead(fresh []store.Token) bool {
	return len(p.cursor.Fills) > 0 && len(fresh) == 0 && p.cursor.Ahead < mostAhead && p.limit.Docs >= aheadFewer && p.cursor.Mark.Epoch == p.Store.Epoch()
}

// page fills the answer: the feed first, so that it is never starved by a long snapshot, then snapshots in the rest.
// New tokens are let in once the feed of the others is read to its end, so that one mark serves for all.
func (p *pull) page(ctx context.Context, fresh []store.Token) error {
	if p.ahead(fresh) {
		p.cursor.Ahead++
		if err := p.fill(ctx); err != nil || len(p.cursor.Fills) > 0 || !p.room() {
			p.more = true
			return err
		}
	}
	p.cursor.Ahead = 0
	limit := store.Limit{Docs: p.limit.Docs - p.count, Bytes: p.limit.Bytes - p.bytes}
	if len(p.cursor.Fills) > 0 && limit.Docs > 1 {
		limit.Docs /= 2
		limit.Bytes /= 2
	}
	p.told = p.scope.within(p.cursor.Held)
	feed, err := p.Store.Since(ctx, p.cursor.Mark, slices.Sorted(maps.Keys(p.cursor.Held)), limit)
	switch {
	case errors.Is(err, store.ErrReset):
		p.reset = true
		p.changes, p.count, p.bytes, p.done = nil, 0, 0, nil
		if err := p.restart(ctx); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		for _, c := range feed.Changes {
			p.add(c)
		}
		p.cursor.Mark, p.more = feed.Next, feed.More
		if !feed.More {
			if err := p.admit(ctx, feed.Seen, fresh); err != nil {
				return err
			}
		}
	}
	return p.fill(ctx)
}

func (p *pull) fill(ctx context.Context) error {
	p.told = p.scope.within(p.cursor.Held)
	for len(p.cursor.Fills) > 0 && p.room() {
		f := &p.cursor.Fills[0]
		left := store.Limit{Docs: p.limit.Docs - p.count, Bytes: p.limit.Bytes - p.bytes}
		docs, after, err := p.Store.Scan(ctx, f.Tokens, f.After, left)
		if err != nil {
			return err
		}
		for _, c := range docs {
			p.add(c)
		}
		if f.After = after; after == "" {
			p.done = append(p.done, f.Tokens...)
			p.cursor.Fills = p.cursor.Fills[1:]
		}
	}
	p.more = p.more || len(p.cursor.Fills) > 0
	return nil
}

func (p *pull) room() bool { return p.count < p.limit.Docs && p.bytes < p.limit.Bytes }

// add encodes one change as this reader may see it. The parts are copied as they were stored: what an audience may not
// see was never in them.
func (p *pull) add(c store.Change) {
	d := c.Doc
	via, supervisor := p.told.covers(d.Kind, d.Tokens)
	if len(via) == 0 {
		if !c.Removed || !p.wasShown(d) {
			return
		}
		p.begin(d)
		p.changes = append(p.changes, `,"removed":"`+string(p.removal(d))+`"}`...)
		return
	}
	p.begin(d)
	p.changes = append(p.changes, `,"via":[`...)
	for i, t := range via {
		if i > 0 {
			p.changes = append(p.changes, ',')
		}
		p.changes = appendString(p.changes, string(t))
	}
	if d.Kind == checklist.KindPack && slices.Contains(p.have, d.Fields[checklist.FieldHash].Text) {
		p.changes = append(p.changes, `],"held":true}`...)
		return
	}
	p.changes = append(p.changes, `],"body":`...)
	p.changes = append(p.changes, d.Body...)
	if supervisor && len(d.Restricted) > 0 {
		p.changes = append(p.changes, `,"restricted":`...)
		p.changes = append(p.changes, d.Restricted...)
	}
	p.changes = append(p.changes, '}')
	p.bytes += len(d.Body) + len(d.Restricted)
}

// removal says why a document is gone for the reader. Only who would still be shown it in the working set is told that it
// is archived: for anybody else it left, and what became of it elsewhere is not theirs to know.
func (p *pull) removal(d store.Doc) store.Removal {
	if d.Removed != store.Live {
		return d.Removed
	}
	if directory.Archived(d.Tokens) {
		if via, _ := p.told.covers(d.Kind, directory.PresentTokens(d.Tokens)); len(via) > 0 {
			return store.Archived
		}
	}
	return "left"
}

// wasShown reports whether the reader could have been shown a document of this kind through a token that it left.
func (p *pull) wasShown(d store.Doc) bool {
	held := scope{audiences: p.cursor.Held}
	return slices.ContainsFunc(d.Left, func(l store.Left) bool { return held.shows(d.Kind, l.Token) })
}

func (p *pull) begin(d store.Doc) {
	if p.count > 0 {
		p.changes = append(p.changes, ',')
	}
	p.count++
	p.changes = append(p.changes, `{"kind":`...)
	p.changes = appendString(p.changes, string(d.Kind))
	p.changes = append(p.changes, `,"id":`...)
	p.changes = appendString(p.changes, d.ID)
	p.changes = append(p.changes, `,"rev":`...)
	p.changes = strconv.AppendUint(p.changes, uint64(d.Rev), 10)
}

func appendString(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil { // invalid UTF-8 becomes the replacement character; an id of ours has none
		return out
	}
	return out
}

func (p *pull) encode() ([]byte, error) {
	p.cursor.Issued = issuedAt(p.now)
	cursor, err := p.sealCursor(p.cursor)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(p.changes)+len(cursor)+256)
	out = append(append(append(out, `{"changes":[`...), p.changes...), ']')
	out = appendTokens(out, "forget", p.forget)
	out = appendTokens(out, "snapshotDone", p.done)
	out = append(appendString(append(out, `,"cursor":`...), cursor), `,"more":`...)
	out = strconv.AppendBool(out, p.more)
	if p.reset {
		out = append(out, `,"reset":true`...)
	}
	return append(out, '}'), nil
}

func appendTokens(b []byte, name string, ts []store.Token) []byte {
	if len(ts) == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":[`...)
	for i, t := range ts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, string(t))
	}
	return append(b, ']')
}

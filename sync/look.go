package sync

import (
	"context"
	"errors"
	"maps"
	"slices"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// mostAfresh is how many listeners' rights one look reads anew: of two thousand everybody's in twenty looks.
const mostAfresh = 100

// Look hints this node's listeners by what other nodes have written since the last look, and reads the rights of some of
// them afresh, so that the hints of a right that was taken away end. It is to be called every few seconds; without
// listeners it does nothing, and where nobody has written it reads the registry alone.
//
// Whoever has subscribed since the last look is hinted once whatever has happened: nobody has looked for them yet.
func (s *Service) Look(ctx context.Context) error {
	h := s.Hub
	h.looking.Lock()
	defer h.looking.Unlock()
	if err := s.readAfresh(ctx); err != nil {
		return err
	}
	tokens := h.met()
	if tokens == nil {
		h.seen = nil
		return nil
	}
	if h.seen == nil {
		m, err := s.Store.Now(ctx)
		if err != nil {
			return err
		}
		h.seen = &m
		return nil
	}
	for {
		f, err := s.Store.Since(ctx, *h.seen, tokens, store.Limit{Docs: s.Limits.PullDocs, Bytes: s.Limits.PullBytes})
		if err != nil {
			if errors.Is(err, store.ErrReset) {
				h.seen = nil
			}
			return err
		}
		docs := make([]store.Doc, 0, len(f.Changes))
		for _, c := range f.Changes {
			if c.Doc.Position.Writer != s.Store.Writer() { // our own were told when they were committed
				docs = append(docs, c.Doc)
			}
		}
		h.Committed(docs)
		if !f.More {
			h.seen = &f.Seen
			return nil
		}
		h.seen = &f.Next
	}
}

// met hints those who are new and returns what all listeners together read, sorted; nil if there are none.
func (h *Hub) met() []store.Token {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) == 0 {
		return nil
	}
	tokens := []store.Token{}
	for _, l := range h.all {
		if !l.met {
			l.met = true
			l.hint()
		}
		tokens = append(tokens, l.reading().tokens...)
	}
	return store.SortTokens(tokens)
}

// readAfresh reads the users of some listeners, in turn. One who is gone reads nothing any more.
func (s *Service) readAfresh(ctx context.Context) error {
	h := s.Hub
	h.mu.Lock()
	ids := slices.Sorted(maps.Keys(h.all))
	at, _ := slices.BinarySearch(ids, h.turn)
	ids = slices.Concat(ids[at:], ids[:at])
	ids = ids[:min(len(ids), mostAfresh)]
	some := make([]*listener, len(ids))
	refs := make([]store.Ref, len(ids))
	for i, id := range ids {
		some[i] = h.all[id]
		refs[i] = store.Ref{Kind: directory.KindUser, ID: string(some[i].user.ID)}
		h.turn = id + 1
	}
	h.mu.Unlock()
	docs, err := s.Store.Get(ctx, refs...)
	if err != nil {
		return err
	}
	for i, id := range ids {
		d := docs[i]
		var u directory.User
		if d.Rev > 0 && d.Removed == store.Live {
			if u, err = directory.ReadUser(d); err != nil {
				return err
			}
		}
		h.mu.Lock()
		if u.ID != "" {
			some[i].user = u
		} else {
			some[i].user.Disabled = true
		}
		if h.all[id] == some[i] { // it may have left meanwhile
			h.place(some[i])
		}
		h.mu.Unlock()
	}
	return nil
}

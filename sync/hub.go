package sync

import (
	"slices"
	"sync"

	"paicha/internal/store"
)

// Hub tells listeners that there may be something to pull. It is a hint and carries nothing: without it everything
// still syncs. A listener is hinted only by documents that its person may see, so that the hints tell nothing either.
//
// Listeners are found by token: a commit costs what those cost whom it may concern, not what all do who listen.
type Hub struct {
	mu sync.Mutex
	by map[store.Token]map[*listener]struct{}
}

type listener struct {
	tokens  []store.Token // that its person may read through, now or later
	reading func() scope
	c       chan struct{}
}

// NewHub returns a hub without listeners.
func NewHub() *Hub { return &Hub{by: map[store.Token]map[*listener]struct{}{}} }

// Committed is the store's OnCommit.
func (h *Hub) Committed(docs []store.Doc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range docs {
		for _, t := range d.Tokens {
			h.hint(t, d)
		}
		for _, l := range d.Left {
			if l.Position == d.Position {
				h.hint(l.Token, d)
			}
		}
	}
}

// hint tells those who listen at a token, if the document concerns them.
func (h *Hub) hint(t store.Token, d store.Doc) {
	for l := range h.by[t] {
		if len(l.c) == 0 && l.reading().concerns(d) { // otherwise it is hinted already
			l.c <- struct{}{}
		}
	}
}

func (h *Hub) join(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range l.tokens {
		if h.by[t] == nil {
			h.by[t] = map[*listener]struct{}{}
		}
		h.by[t][l] = struct{}{}
	}
}

func (h *Hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range l.tokens {
		if delete(h.by[t], l); len(h.by[t]) == 0 {
			delete(h.by, t)
		}
	}
}

// concerns reports whether a document, or its leaving, would be in a pull of this scope.
func (s scope) concerns(d store.Doc) bool {
	if via, _ := s.covers(d.Kind, d.Tokens); len(via) > 0 {
		return true
	}
	for _, l := range d.Left {
		if l.Position == d.Position && s.shows(d.Kind, l.Token) {
			return true
		}
	}
	return false
}

// Subscribe returns a channel that receives when there may be something to pull; cancel ends it. The scope is that of
// the person's grants as they are at each moment, as far as they have a known end.
func (s *Service) Subscribe(sess Session) (hints <-chan struct{}, cancel func()) {
	l := &listener{c: make(chan struct{}, 1), reading: func() scope { return scopeOf(sess.User, s.Now()) }}
	now := s.Now()
	l.tokens = scopeOf(sess.User, now).tokens
	for _, g := range sess.User.Grants {
		if g.From.After(now) { // begins while it listens
			l.tokens = append(l.tokens, scopeOf(sess.User, g.From).tokens...)
		}
	}
	slices.Sort(l.tokens)
	l.tokens = slices.Compact(l.tokens)
	s.Hub.join(l)
	return l.c, func() { s.Hub.leave(l) }
}

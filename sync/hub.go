package sync

import (
	"sync"

	"paicha/internal/store"
)

// Hub tells listeners that there may be something to pull. It is a hint and carries nothing: without it everything
// still syncs. A listener is hinted only by documents that its person may see, so that the hints tell nothing either.
type Hub struct {
	mu   sync.Mutex
	next int
	all  map[int]*listener
}

type listener struct {
	reading func() scope
	c       chan struct{}
}

// NewHub returns a hub without listeners.
func NewHub() *Hub { return &Hub{all: map[int]*listener{}} }

// Committed is the store's OnCommit.
func (h *Hub) Committed(docs []store.Doc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.all {
		if len(l.c) > 0 {
			continue // already hinted
		}
		s := l.reading()
		for _, d := range docs {
			if s.concerns(d) {
				l.c <- struct{}{}
				break
			}
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
	h := s.Hub
	l := &listener{c: make(chan struct{}, 1), reading: func() scope { return scopeOf(sess.User, s.Now()) }}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	id := h.next
	h.all[id] = l
	return l.c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.all, id)
	}
}

package sync

import (
	"sync"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// Hub tells listeners that there may be something to pull. It is a hint and carries nothing: without it everything
// still syncs. A listener is hinted only by documents that its person may see, so that the hints tell nothing either.
type Hub struct {
	mu   sync.Mutex
	next int
	all  map[int]*listener

	looking sync.Mutex // one Look at a time; guards what follows
	seen    *store.Mark
	turn    int // whose rights the next look reads afresh
}

type listener struct {
	user directory.User // as last read; guarded by the hub
	now  func() time.Time
	c    chan struct{}
	met  bool // a look has come by
}

func (l *listener) reading() scope { return scopeOf(l.user, l.now()) }

func (l *listener) hint() {
	select {
	case l.c <- struct{}{}:
	default: // hinted already
	}
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
				l.hint()
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
// the person's grants as they are at each moment: an end that was known counts at once, what has changed since when Look
// has come by.
func (s *Service) Subscribe(sess Session) (hints <-chan struct{}, cancel func()) {
	h := s.Hub
	l := &listener{c: make(chan struct{}, 1), user: sess.User, now: s.Now}
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

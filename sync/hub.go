package sync

import (
	"sync"
	"time"

	"paicha/internal/directory"
	"paicha/internal/store"
)

// Hub tells listeners that there may be something to pull. It is a hint and carries nothing: without it everything
// still syncs. A listener is hinted only by documents that its person may see, so that the hints tell nothing either.
//
// Listeners are found by token: a commit costs what those cost whom it may concern, not what all do who listen.
type Hub struct {
	mu   sync.Mutex
	next int
	all  map[int]*listener
	by   map[store.Token]map[*listener]struct{}

	looking sync.Mutex // one Look at a time; guards what follows
	seen    *store.Mark
	turn    int // whose rights the next look reads afresh
}

type listener struct {
	user directory.User // as last read; guarded by the hub
	now  func() time.Time
	c    chan struct{}
	met  bool // a look has come by

	tokens []store.Token // under which the hub has it: all that the person reads by, now or by a grant that begins later
}

func (l *listener) reading() scope { return scopeOf(l.user, l.now()) }

func (l *listener) hint() {
	select {
	case l.c <- struct{}{}:
	default: // hinted already
	}
}

// NewHub returns a hub without listeners.
func NewHub() *Hub {
	return &Hub{all: map[int]*listener{}, by: map[store.Token]map[*listener]struct{}{}}
}

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
			l.hint()
		}
	}
}

// place enters a listener under the tokens of its user as it is now, and nowhere else. The caller holds the lock.
func (h *Hub) place(l *listener) {
	h.displace(l)
	now := l.now()
	l.tokens = scopeOf(l.user, now).tokens
	for _, g := range l.user.Grants {
		if g.From.After(now) { // begins while it listens
			l.tokens = append(l.tokens, scopeOf(l.user, g.From).tokens...)
		}
	}
	for _, t := range l.tokens {
		if h.by[t] == nil {
			h.by[t] = map[*listener]struct{}{}
		}
		h.by[t][l] = struct{}{}
	}
}

func (h *Hub) displace(l *listener) {
	for _, t := range l.tokens {
		if delete(h.by[t], l); len(h.by[t]) == 0 {
			delete(h.by, t)
		}
	}
	l.tokens = nil
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
	h.place(l)
	return l.c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.all, id)
		h.displace(l)
	}
}

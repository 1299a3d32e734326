package sqlite

import (
	"sync"

	"paicha/internal/store"
)

// maxTokens bounds the memory of the token numbers: about 100 bytes each. Past it the map starts anew.
const maxTokens = 1 << 17

// names holds what is committed of writers and, as a cache, of tokens. The writing goroutine adds to it only after a
// commit, so a number that was rolled back is never seen.
type names struct {
	mu      sync.RWMutex
	writers map[store.WriterID]int64
	ids     map[int64]store.WriterID
	last    map[int64]store.Seq // by number of the writer
	tokens  map[store.Token]int64
}

func newNames() *names {
	return &names{
		writers: map[store.WriterID]int64{},
		ids:     map[int64]store.WriterID{},
		last:    map[int64]store.Seq{},
		tokens:  map[store.Token]int64{},
	}
}

// writer returns the number and the last committed seq of w.
func (n *names) writer(w store.WriterID) (no int64, last store.Seq, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	no, ok = n.writers[w]
	return no, n.last[no], ok
}

// id returns the name of a writer.
func (n *names) id(no int64) (store.WriterID, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	w, ok := n.ids[no]
	return w, ok
}

func (n *names) token(t store.Token) (int64, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	no, ok := n.tokens[t]
	return no, ok
}

func (n *names) keepToken(t store.Token, no int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.tokens) >= maxTokens {
		clear(n.tokens)
	}
	n.tokens[t] = no
}

func (n *names) keepWriter(w store.WriterID, no int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.writers[w] = no
	n.ids[no] = w
}

func (n *names) raise(no int64, seq store.Seq) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last[no] = max(n.last[no], seq)
}

package store

import (
	"context"
	"encoding/json"
	"sync"
)

// lifetime is one writer: its numbers and what of them is resolved.
type lifetime struct {
	id  WriterID
	rev Rev // of its entry; guarded by Store.publishing

	mu       sync.Mutex
	last     Seq    // highest seq given out
	low      Seq    // every seq at or below it is resolved: the watermark
	resolved []bool // of low+1 …
	finished uint64 // how many calls have finished their writes; see Store.publish
}

// number gives out n consecutive seqs and returns the first.
func (l *lifetime) number(n int) Seq {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.last + 1
	l.last += Seq(n)
	l.resolved = append(l.resolved, make([]bool, n)...)
	return first
}

// resolve marks seqs whose outcome is known and raises the watermark over what is resolved without a gap.
func (l *lifetime) resolve(seqs ...Seq) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range seqs {
		if q > l.low {
			l.resolved[q-l.low-1] = true
		}
	}
	if naiveWatermark {
		l.low, l.resolved = l.last, nil
		return
	}
	n := 0
	for n < len(l.resolved) && l.resolved[n] {
		n++
	}
	l.low += Seq(n)
	l.resolved = append(l.resolved[:0], l.resolved[n:]...)
}

func (l *lifetime) finish() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finished++
	return l.finished
}

func (l *lifetime) watermark() Seq {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.low
}

func (l *lifetime) state() (Seq, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.low, l.finished
}

// naiveWatermark is the defect that the feed exists to avoid. Tests switch it on to show that they would see it.
var naiveWatermark = false

// publish makes l's watermark visible to the other nodes and learns by the same compare-and-set whether l is unsealed.
// ticket is what finish returned: a publication that began after that moment serves for it too, so concurrent commits
// share one. sealed tells that l has been closed, and final where.
func (s *Store) publish(ctx context.Context, l *lifetime, ticket uint64) (sealed bool, final Seq, err error) {
	if s.sole != nil {
		return false, 0, nil
	}
	s.gate(&s.publishing)
	defer s.publishing.Unlock()
	if s.published.life == l && s.published.through >= ticket {
		return false, 0, nil
	}
	mark, through := l.state()
	var failed patience
	for {
		st, err := s.putRegistry(ctx, entryRef(l.id), l.rev, entry{Watermark: mark})
		if err == nil && st == OK {
			l.rev++
			break
		}
		if ctx.Err() != nil {
			return false, 0, ctx.Err()
		}
		if err != nil && failed.spent() {
			return false, 0, err
		}
		ds, err := s.engine.Get(ctx, []Ref{entryRef(l.id)})
		if err != nil {
			return false, 0, err
		}
		var e entry
		if err := json.Unmarshal(ds[0].Body, &e); err != nil {
			return false, 0, err
		}
		if e.Closing {
			final, err := s.seal(ctx, l.id)
			return err == nil, final, err
		}
		// Only the writer itself writes an entry that is not closing: past our rev it is our own, whose answer was lost.
		// It counts for the watermark that it carries; write again on it, because it may have begun too early for ticket.
		l.rev = ds[0].Rev
	}
	s.published.life, s.published.through = l, through
	return false, 0, nil
}

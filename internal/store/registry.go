package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// The registry is two sorts of documents of the engine: one head, which lists the writers, and one entry for each
// writer, which holds its watermark. Neither has tokens or a position, so no reader ever sees them.
const (
	kindHead  Kind = "_head"
	kindEntry Kind = "_writer"
)

var headRef = Ref{Kind: kindHead, ID: "head"}

func entryRef(w WriterID) Ref { return Ref{Kind: kindEntry, ID: string(w)} }

// head lists the living writers and the sealed ones in the order of their sealing. Seal number i+1+Base is Seals[i].
type head struct {
	Epoch string     `json:"epoch"`
	Live  []WriterID `json:"live"`
	Base  uint64     `json:"base"` // seals forgotten because they are older than the horizon
	Seals []seal     `json:"seals"`
}

type seal struct {
	Writer WriterID  `json:"writer"`
	Final  Seq       `json:"final"`
	At     time.Time `json:"at"`
}

// entry is a writer's own: only the writer itself raises Watermark, and only while it is not Closing.
type entry struct {
	Watermark Seq  `json:"watermark"`
	Closing   bool `json:"closing"`
}

// sealNumber returns the number of w's seal and its final, or 0.
func (h head) sealNumber(w WriterID) (uint64, Seq) {
	for i, s := range h.Seals {
		if s.Writer == w {
			return h.Base + uint64(i) + 1, s.Final
		}
	}
	return 0, 0
}

func (h head) lastSeal() uint64 { return h.Base + uint64(len(h.Seals)) }

// readHead returns the head and its rev. ErrEpoch if another history has begun, or none is there any more, since this
// store was opened: somebody restored a backup under it.
func (s *Store) readHead(ctx context.Context) (head, Rev, error) {
	var h head
	ds, err := s.engine.Get(ctx, []Ref{headRef})
	if err != nil {
		return h, 0, err
	}
	if ds[0].Rev > 0 {
		if err := json.Unmarshal(ds[0].Body, &h); err != nil {
			return h, 0, fmt.Errorf("head document: %w", err)
		}
	}
	if s.epoch != "" && h.Epoch != s.epoch {
		return h, 0, ErrEpoch
	}
	return h, ds[0].Rev, nil
}

func (s *Store) readEntries(ctx context.Context, ws []WriterID) ([]entry, []Rev, error) {
	if len(ws) == 0 {
		return nil, nil, nil
	}
	refs := make([]Ref, len(ws))
	for i, w := range ws {
		refs[i] = entryRef(w)
	}
	ds, err := s.engine.Get(ctx, refs)
	if err != nil {
		return nil, nil, err
	}
	es, revs := make([]entry, len(ws)), make([]Rev, len(ws))
	for i, d := range ds {
		if d.Rev == 0 {
			return nil, nil, fmt.Errorf("writer %s is listed without an entry", ws[i])
		}
		if err := json.Unmarshal(d.Body, &es[i]); err != nil {
			return nil, nil, fmt.Errorf("writer entry %s: %w", ws[i], err)
		}
		revs[i] = d.Rev
	}
	return es, revs, nil
}

// putRegistry replaces one registry document. Whatever the outcome, the caller reads again and decides by what it sees.
func (s *Store) putRegistry(ctx context.Context, ref Ref, base Rev, v any) (Status, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return Unknown, err
	}
	st, err := s.engine.Put(ctx, []Put{{Base: base, Doc: Doc{Ref: ref, Rev: base + 1, Body: body}}})
	if err != nil {
		return Unknown, err
	}
	return st[0], nil
}

// changeHead applies f to the head until done reports that the head is as wanted.
func (s *Store) changeHead(ctx context.Context, f func(*head) (done bool)) (head, error) {
	var failed patience
	for {
		h, rev, err := s.readHead(ctx)
		if err != nil {
			return h, err
		}
		if rev == 0 {
			h.Epoch = s.opt.NewID()
		}
		if f(&h) {
			return h, nil
		}
		st, err := s.putRegistry(ctx, headRef, rev, h)
		if st == OK {
			return h, nil
		}
		// Of an unknown outcome the next read tells, and its compare-and-set makes a late one stale.
		if err != nil && (ctx.Err() != nil || failed.spent()) {
			return h, err
		}
	}
}

// register makes a new writer and lists it, durably, before its first write.
func (s *Store) register(ctx context.Context) (*lifetime, error) {
	w := WriterID(s.opt.NewID())
	var rev Rev
	var failed patience
	for rev == 0 {
		st, err := s.putRegistry(ctx, entryRef(w), 0, entry{})
		if st == OK {
			rev = 1
			break
		}
		if err != nil && (ctx.Err() != nil || failed.spent()) {
			return nil, err
		}
		ds, err := s.engine.Get(ctx, []Ref{entryRef(w)})
		if err != nil {
			return nil, err
		}
		rev = ds[0].Rev
	}
	h, err := s.changeHead(ctx, func(h *head) bool {
		if slices.Contains(h.Live, w) {
			return true
		}
		h.Live = append(h.Live, w)
		return false
	})
	if err != nil {
		return nil, err
	}
	s.rememberHead(h)
	return &lifetime{id: w, rev: rev}, nil
}

// seal closes a writer and lists its final; doing it twice, or by two nodes at once, comes to the same.
func (s *Store) seal(ctx context.Context, w WriterID) (Seq, error) {
	var failed patience
	for {
		h, _, err := s.readHead(ctx)
		if err != nil {
			return 0, err
		}
		if n, final := h.sealNumber(w); n > 0 {
			s.rememberHead(h)
			return final, nil
		}
		if !slices.Contains(h.Live, w) {
			return 0, fmt.Errorf("writer %s is not listed", w)
		}
		es, revs, err := s.readEntries(ctx, []WriterID{w})
		if err != nil {
			return 0, err
		}
		e := es[0]
		if !e.Closing {
			// Closing freezes the watermark: the writer's next publication fails, and so does a late one.
			e.Closing = true
			st, err := s.putRegistry(ctx, entryRef(w), revs[0], e)
			if err != nil && (ctx.Err() != nil || failed.spent()) {
				return 0, err
			}
			if st != OK {
				continue
			}
		}
		return e.Watermark, s.listSeal(ctx, w, e.Watermark)
	}
}

func (s *Store) listSeal(ctx context.Context, w WriterID, final Seq) error {
	now := s.opt.Now().UTC().Truncate(time.Millisecond)
	h, err := s.changeHead(ctx, func(h *head) bool {
		if n, _ := h.sealNumber(w); n > 0 {
			return true
		}
		for len(h.Seals) > 0 && now.Sub(h.Seals[0].At) > s.opt.Horizon {
			h.Seals = h.Seals[1:]
			h.Base++
		}
		h.Live = slices.DeleteFunc(h.Live, func(x WriterID) bool { return x == w })
		h.Seals = append(h.Seals, seal{Writer: w, Final: final, At: now})
		return false
	})
	if err == nil {
		s.rememberHead(h)
	}
	return err
}

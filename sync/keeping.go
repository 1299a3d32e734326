package sync

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/store"
	"paicha/media"
)

// Keeper decides how long the originals of evidence are kept, from documents alone, ends those whose period is over, and
// has a photo store that can lock them do so for as long. See docs/adr/0056.
type Keeper struct {
	Docs    media.Documents
	Ledger  *media.Ledger // nil: nothing is ended
	Locks   media.Locker  // nil: the store has no locks
	Periods media.Periods
	Epoch   string           // of the document store: after a restore or a move the photos are in another place
	Now     func() time.Time // server time
}

var _ media.Keeping = (*Keeper)(nil)

// Erasure is the line that an erased original leaves in the restricted part of its evidence.
type Erasure struct {
	SHA256 media.SHA256 `json:"sha256"`
	At     time.Time    `json:"at"` // server time
	Class  media.Class  `json:"class"`
	Closed time.Time    `json:"closed,omitzero"` // when its case was closed
	Period media.Span   `json:"period"`          // how long it had to be kept from then on, as this server was told
}

// keeperPage is how many documents are looked at together.
const keeperPage = 50

// Due implements media.Keeping.
func (k *Keeper) Due(ctx context.Context, h media.SHA256, records []string) (media.Class, bool, error) {
	class, due := media.ClassGeneral, len(records) > 0
	for _, id := range records {
		f, err := k.open(ctx, id)
		if err != nil {
			return "", false, err
		}
		e, here := f.evidence[id]
		if !here || !e.Names(h) {
			return "", false, nil // it is told to the ledger before it is in the evidence
		}
		if e.erased(h) {
			continue // and was sent again since
		}
		if !f.Over(k.Now()) {
			return "", false, nil
		}
		if f.Class == media.ClassMajor {
			class = media.ClassMajor
		}
	}
	return class, due, nil
}

func (e *evidence) erased(h media.SHA256) bool {
	return slices.ContainsFunc(e.Arrived, func(a media.Arrived) bool { return a.SHA256 == h && a.Erased != nil })
}

// Erased implements media.Keeping. What is in history stays there.
func (k *Keeper) Erased(ctx context.Context, h media.SHA256, records []string, c media.Class) error {
	for _, id := range records {
		if err := k.erased(ctx, h, id, c); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) erased(ctx context.Context, h media.SHA256, id string, c media.Class) error {
	for range maxRounds {
		docs, err := k.Docs.Get(ctx, evidenceRef(id))
		if err != nil || docs[0].Rev == 0 {
			return err
		}
		old := docs[0]
		e, err := decodeEvidence(old)
		if err != nil {
			return err
		}
		at := k.Now().UTC().Truncate(time.Millisecond)
		var changed bool
		if e.Evidence, changed = e.Erase(h, media.Erasure{At: at, Class: c}); !changed {
			return nil
		}
		f, err := k.open(ctx, id)
		if err != nil {
			return err
		}
		line := Erasure{SHA256: h, At: at, Class: c, Closed: f.Closed, Period: k.Periods.General}
		if c == media.ClassMajor {
			line.Period = k.Periods.Major
		}
		e.notes.Erasures = append(slices.Clone(e.notes.Erasures), line)
		n := old
		n.Fields = e.fields(old.Fields, old.Tokens)
		if _, quiet := old.Fields[inspection.FieldQuiet]; !quiet || directory.Archived(old.Tokens) {
			delete(n.Fields, inspection.FieldQuiet)
		}
		if n.Body, n.Restricted, err = encodeEvidence(&e); err != nil {
			return err
		}
		outs, err := k.Docs.Commit(ctx, []store.Write{{Old: old, New: n}})
		if err != nil {
			return err
		}
		if outs[0].Status == store.OK {
			return nil
		}
	}
	return ErrBusy
}

// Held has the photo store hold the originals of a case, or lift its holds, as the documents say. A photo that another
// case names and holds stays held. Again is harmless.
func (k *Keeper) Held(ctx context.Context, id string) error {
	if k.Locks == nil {
		return nil
	}
	f, err := k.open(ctx, id)
	if err != nil {
		return err
	}
	var failed error
	for h := range f.originals() {
		on, err := k.heldBy(ctx, &f, h)
		if err == nil {
			err = k.Locks.Hold(ctx, h, on)
		}
		if err != nil && !errors.Is(err, media.ErrNotFound) {
			failed = err // the others all the same
		}
	}
	return failed
}

// originals are the photos of a case that are not erased.
func (f *file) originals() map[media.SHA256]bool {
	out := map[media.SHA256]bool{}
	for _, e := range f.evidence {
		for _, a := range e.Arrived {
			if a.Erased == nil {
				out[a.SHA256] = true
			}
		}
	}
	return out
}

// heldBy reports whether this case or another one that names a photo is held.
func (k *Keeper) heldBy(ctx context.Context, f *file, h media.SHA256) (bool, error) {
	if f.held() || k.Ledger == nil {
		return f.held(), nil
	}
	others, err := k.Ledger.NamedBy(ctx, h)
	if err != nil {
		return false, err
	}
	for _, id := range others {
		if _, own := f.evidence[id]; own {
			continue
		}
		other, err := k.open(ctx, id)
		if err != nil || other.held() {
			return other.held(), err
		}
	}
	return false, nil
}

// lock has the photo store refuse the removal of a case's originals until their period is over, where it has an end.
func (k *Keeper) lock(ctx context.Context, id string) (n int, err error) {
	f, err := k.open(ctx, id)
	if err != nil {
		return 0, err
	}
	end := f.end(k.Periods)
	if end.IsZero() || !end.After(k.Now()) {
		return 0, nil
	}
	for h := range f.originals() {
		switch e := k.Locks.Lock(ctx, h, end); {
		case e == nil:
			n++
		case !errors.Is(e, media.ErrNotFound):
			err = e
		}
	}
	return n, err
}

// each calls f for every document that a query finds, page by page.
func (k *Keeper) each(ctx context.Context, q store.Query, f func(store.Doc) error) error {
	q.Limit = keeperPage
	for {
		page, err := k.Docs.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range page.Docs {
			if err := f(d); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if q.After = page.Next; page.Next == (store.PageKey{}) {
			return nil
		}
	}
}

// atLeast finds the documents of a kind whose field has at least that value, in its order.
func atLeast(kind store.Kind, field string, v store.Value) store.Query {
	return store.Query{Kind: kind, Where: []store.Cond{store.Where(field, store.Ge, v)}, Order: field}
}

// encodeReport is the document of one night.
func encodeReport(old store.Doc, r Retention) (store.Write, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return store.Write{}, err
	}
	return store.Write{Old: old, New: store.Doc{Ref: old.Ref, Body: body}}, nil
}

package sync

import (
	"context"
	"encoding/json"
	"time"

	"paicha/inspection"
	"paicha/internal/store"
	"paicha/media"
)

// KindRetention is the report of one night's keeping; its id is the day (UTC), so that of several processes one does it.
// It carries no token.
const KindRetention store.Kind = "retention"

// Retention is what one night came to. Ended is zero while it runs, and stays so if it was stopped: the next night does
// what it left.
type Retention struct {
	Began   time.Time     `json:"began"` // server time
	Ended   time.Time     `json:"ended,omitzero"`
	Periods media.Periods `json:"periods"`
	Epoch   string        `json:"epoch,omitempty"`
	Looked  int           `json:"looked"`  // evidence documents old enough to be asked about
	Expired int           `json:"expired"` // photos whose last grace began
	Locks   bool          `json:"locks"`   // the store has locks
	Locked  int           `json:"locked"`  // photos that the store was told to keep until their period is over
	Failed  int           `json:"failed"`  // documents or photos at which something failed; the next night tries again
}

// good reports whether nothing of it is left to be done.
func (r Retention) good() bool { return !r.Ended.IsZero() && r.Failed == 0 }

// Nightly does once a day what is to be done, and keeps the report; done is false if another process, or this one, has
// begun today. All of it is harmless when it is done again, so a night that was stopped needs no repair.
func (k *Keeper) Nightly(ctx context.Context) (r Retention, done bool, err error) {
	now := k.Now().UTC().Truncate(time.Millisecond)
	ref := store.Ref{Kind: KindRetention, ID: now.Format(time.DateOnly)}
	r = Retention{Began: now, Periods: k.Periods, Epoch: k.Epoch, Locks: k.Locks != nil}
	docs, err := k.Docs.Get(ctx, ref)
	if err != nil || docs[0].Rev > 0 {
		return r, false, err
	}
	if ok, err := k.report(ctx, store.Doc{Ref: ref}, r); !ok {
		return r, false, err
	}
	if err := k.night(ctx, &r); err != nil {
		return r, true, err
	}
	r.Ended = k.Now().UTC().Truncate(time.Millisecond)
	if docs, err = k.Docs.Get(ctx, ref); err != nil {
		return r, true, err
	}
	_, err = k.report(ctx, docs[0], r)
	return r, true, err
}

func (k *Keeper) report(ctx context.Context, old store.Doc, r Retention) (bool, error) {
	w, err := encodeReport(old, r)
	if err != nil {
		return false, err
	}
	outs, err := k.Docs.Commit(ctx, []store.Write{w})
	if err != nil {
		return false, err
	}
	return outs[0].Status == store.OK, nil
}

// night does everything; its error is one of the document store or of ctx. What fails about one document is counted.
func (k *Keeper) night(ctx context.Context, r *Retention) error {
	failed := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.Failed++
		}
		return nil
	}
	if k.Locks != nil {
		if err := k.each(ctx, atLeast(KindEvidence, FieldHeld, store.Num(0)), func(d store.Doc) error {
			return failed(k.Held(ctx, d.ID))
		}); err != nil {
			return err
		}
		if err := k.lockAll(ctx, r, failed); err != nil {
			return err
		}
	}
	if k.Ledger == nil || k.Periods.Forever() {
		return nil
	}
	if err := k.nameMissing(ctx, failed); err != nil {
		return err
	}
	return k.expire(ctx, r, failed)
}

// expire begins the end of the photos whose period is over.
func (k *Keeper) expire(ctx context.Context, r *Retention, failed func(error) error) error {
	old := store.Query{
		Kind: KindEvidence, Order: FieldKept,
		Where: []store.Cond{store.Where(FieldKept, store.Lt, store.Time(k.youngest()))},
	}
	return k.each(ctx, old, func(d store.Doc) error {
		r.Looked++
		f, err := k.open(ctx, d.ID)
		if err != nil || !f.Over(k.Now()) {
			return failed(err)
		}
		for _, a := range f.evidence[d.ID].Arrived {
			if a.Erased != nil {
				continue
			}
			begun, err := k.Ledger.Expire(ctx, a.SHA256)
			if begun {
				r.Expired++
			}
			if err := failed(err); err != nil {
				return err
			}
		}
		return nil
	})
}

// youngest is a time after which no photo came whose period can be over. A period of years has a day more or less.
func (k *Keeper) youngest() time.Time {
	var out time.Time
	for _, s := range []media.Span{k.Periods.General, k.Periods.Major} {
		if at := k.Now().AddDate(-s.Years, 0, 2-s.Days); !s.Forever() && at.After(out) {
			out = at
		}
	}
	return out
}

// nameMissing tells the ledger of photos that a record names and that have come for another record alone: they are kept
// as long as this one needs them.
func (k *Keeper) nameMissing(ctx context.Context, failed func(error) error) error {
	return k.each(ctx, atLeast(KindEvidence, FieldMissing, store.Num(1)), func(d store.Doc) error {
		e, err := decodeEvidence(d)
		if err != nil {
			return failed(err)
		}
		for _, h := range e.Missing() {
			if err := failed(k.Ledger.Name(ctx, h, d.ID)); err != nil {
				return err
			}
		}
		return nil
	})
}

// lockAll has the store lock what became closed since the last good night, or everything, if there was none under these
// periods and in this store.
func (k *Keeper) lockAll(ctx context.Context, r *Retention, failed func(error) error) error {
	if k.Periods.Forever() {
		return nil
	}
	since, err := k.lastGood(ctx)
	if err != nil {
		return err
	}
	queries := []store.Query{atLeast(KindEvidence, FieldKept, store.Num(0))}
	if !since.IsZero() {
		queries = nil
		for _, kind := range ArchivedKinds {
			queries = append(queries, atLeast(kind, inspection.FieldQuiet, store.Time(since.Add(-time.Hour))))
		}
	}
	for _, q := range queries {
		if err := k.each(ctx, q, func(d store.Doc) error {
			n, err := k.lock(ctx, d.ID)
			r.Locked += n
			return failed(err)
		}); err != nil {
			return err
		}
	}
	return nil
}

// lastGood is when the last night began that left nothing to do under the same periods and in the same store; zero if
// none is known.
func (k *Keeper) lastGood(ctx context.Context) (time.Time, error) {
	page, err := k.Docs.Find(ctx, store.Query{Kind: KindRetention, Desc: true, Limit: keeperPage})
	if err != nil {
		return time.Time{}, err
	}
	for _, d := range page.Docs {
		var r Retention
		if json.Unmarshal(d.Body, &r) == nil && r.good() && r.Locks && r.Periods == k.Periods && r.Epoch == k.Epoch {
			return r.Began, nil
		}
	}
	return time.Time{}, nil
}

// Census counts evidence by class.
type Census map[media.Class]Count

// Count is of one class. A photo that two cases name is counted for each.
type Count struct {
	Documents int
	Photos    int // whose original is here
	Bytes     int64
}

// Due is one photo whose period is over in this record. Another record may still need it.
type Due struct {
	SHA256  media.SHA256
	Size    int64 // bytes
	Subject string
	Standing
}

// Survey walks over all evidence, changes nothing, and counts it by class; tell gets every photo whose period is over.
func (k *Keeper) Survey(ctx context.Context, tell func(Due) error) (Census, error) {
	out := Census{}
	err := k.each(ctx, store.Query{Kind: KindEvidence}, func(d store.Doc) error {
		if early(d) {
			return nil
		}
		f, err := k.open(ctx, d.ID)
		if err != nil {
			return err
		}
		n := out[f.Class]
		n.Documents++
		for _, a := range f.evidence[d.ID].Arrived {
			if a.Erased != nil {
				continue
			}
			n.Photos++
			n.Bytes += a.Size
			if !f.Over(k.Now()) {
				continue
			}
			// What several records name goes only with the last of them.
			if k.Ledger != nil {
				by, err := k.Ledger.NamedBy(ctx, a.SHA256)
				if err != nil {
					return err
				}
				if _, due, err := k.Due(ctx, a.SHA256, by); err != nil || !due {
					if err != nil {
						return err
					}
					continue
				}
			}
			if err := tell(Due{SHA256: a.SHA256, Size: a.Size, Subject: d.ID, Standing: f.Standing}); err != nil {
				return err
			}
		}
		out[f.Class] = n
		return nil
	})
	return out, err
}

package media

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"time"

	"paicha/internal/store"
)

// KindScrub is the report of one scrub; its id is the day (UTC), so that of several processes one does it. It carries no
// token: administrators read it by its route.
const KindScrub store.Kind = "scrub"

// The bounds of a scrub.
const (
	scrubPage  = 50   // evidence documents read at once
	maxDamages = 1000 // that a report names; all are counted
)

// Found is what a scrub found wrong with one photo.
type Found string

// The findings.
const (
	FoundDamaged Found = "damaged" // the bytes have another hash or length
	FoundLost    Found = "lost"    // there are no bytes
)

// Damage is one photo that is not as it was received. Nothing is ever removed because of it.
type Damage struct {
	SHA256   SHA256 `json:"sha256"`
	Subject  string `json:"subject"` // the inspection or hazard whose evidence names it
	Size     int64  `json:"size"`    // bytes, as received
	Found    Found  `json:"found"`
	Repaired bool   `json:"repaired"`      // the original was put back from the second source
	Why      string `json:"why,omitempty"` // why it could not be
}

// ScrubReport is what a scrub did and found. Ended is zero while it runs, and stays so if it was stopped.
type ScrubReport struct {
	Began     time.Time `json:"began"` // server time
	Ended     time.Time `json:"ended,omitzero"`
	Documents int       `json:"documents"` // of evidence
	Photos    int       `json:"photos"`    // looked at; one that two records name, twice
	Bytes     int64     `json:"bytes"`     // read
	Good      int       `json:"good"`
	Damaged   int       `json:"damaged"`
	Lost      int       `json:"lost"`
	Repaired  int       `json:"repaired"` // of the damaged and lost
	Pictures  int       `json:"pictures"` // photos whose thumbnail was gone and is made again
	Failed    int       `json:"failed"`   // photos that could not be read just now
	Erased    int       `json:"erased"`   // photos that were erased after their period; they are not looked for
	Damages   []Damage  `json:"damages"`  // the first thousand
}

// Scrubber compares every photo that evidence names with its hash, and repairs what it can: pictures are made again, an
// original is put back from a second source. It never removes an original for which it does not hold good bytes.
type Scrubber struct {
	Docs    Documents
	Kind    store.Kind // of evidence documents
	Blobs   Blobs
	Derived Derivatives          // nil: pictures are not looked at
	Again   func(h SHA256) error // asks for pictures again; nil: they are only counted
	Second  Source               // nil: nothing can be put back
	Rate    int64                // bytes a second; 0: as fast as the store gives
	Now     func() time.Time     // server time
	Tell    func(ScrubReport)    // after each page; may be nil
}

// Source is where originals may be had once more. Open returns ErrNotFound for one that it has not.
type Source interface {
	Open(ctx context.Context, h SHA256) (io.ReadSeekCloser, int64, error)
}

func scrubRef(day time.Time) store.Ref {
	return store.Ref{Kind: KindScrub, ID: day.UTC().Format(time.DateOnly)}
}

// Nightly scrubs once a day and keeps the report; done is false if another process, or this one, has begun today.
func (s *Scrubber) Nightly(ctx context.Context) (r ScrubReport, done bool, err error) {
	ref := scrubRef(s.Now())
	r = ScrubReport{Began: s.Now().UTC().Truncate(time.Millisecond), Damages: []Damage{}}
	old := store.Doc{Ref: ref}
	docs, err := s.Docs.Get(ctx, ref)
	if err != nil || docs[0].Rev > 0 {
		return r, false, err
	}
	if ok, err := s.keep(ctx, old, r); !ok {
		return r, false, err
	}
	r, err = s.Scrub(ctx)
	if err != nil {
		return r, true, err
	}
	if docs, err = s.Docs.Get(ctx, ref); err != nil {
		return r, true, err
	}
	_, err = s.keep(ctx, docs[0], r)
	return r, true, err
}

func (s *Scrubber) keep(ctx context.Context, old store.Doc, r ScrubReport) (bool, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return false, ErrStorage.Because(err)
	}
	outs, err := s.Docs.Commit(ctx, []store.Write{{Old: old, New: store.Doc{Ref: old.Ref, Body: body}}})
	if err != nil {
		return false, err
	}
	return outs[0].Status == store.OK, nil
}

// Scrub walks over all evidence. A photo that cannot be read just now is counted and stops no other.
func (s *Scrubber) Scrub(ctx context.Context) (ScrubReport, error) {
	r := ScrubReport{Began: s.Now().UTC().Truncate(time.Millisecond), Damages: []Damage{}}
	var after store.PageKey
	for {
		page, err := s.Docs.Find(ctx, store.Query{Kind: s.Kind, After: after, Limit: scrubPage})
		if err != nil {
			return r, err
		}
		for _, d := range page.Docs {
			e, err := ParseEvidence(d.Body)
			if err != nil {
				return r, err
			}
			r.Documents++
			for _, a := range e.Arrived {
				if a.Erased != nil {
					r.Erased++
					continue
				}
				if err := s.look(ctx, &r, d.ID, a); err != nil {
					return r, err
				}
			}
		}
		if s.Tell != nil {
			s.Tell(r)
		}
		if after = page.Next; after == (store.PageKey{}) {
			r.Ended = s.Now().UTC().Truncate(time.Millisecond)
			return r, nil
		}
	}
}

// look verifies one photo; its error is ctx's alone.
func (s *Scrubber) look(ctx context.Context, r *ScrubReport, subject string, a Arrived) error {
	r.Photos++
	n, err := s.verify(ctx, s.Blobs, a)
	r.Bytes += n
	if stopped := ctx.Err(); stopped != nil {
		return stopped
	}
	if errors.Is(err, ErrNotFound) {
		// It went since the evidence was read: it must not come back from the second source.
		if is, err := going(ctx, s.Docs, a.SHA256); is && err == nil {
			r.Erased++
			return nil
		}
	}
	d := Damage{SHA256: a.SHA256, Subject: subject, Size: a.Size}
	switch {
	case err == nil:
		r.Good++
		s.picture(ctx, r, a)
		return s.pace(ctx, n)
	case errors.Is(err, ErrNotFound):
		d.Found = FoundLost
		r.Lost++
	case errors.Is(err, ErrDamaged):
		d.Found = FoundDamaged
		r.Damaged++
	default:
		r.Failed++
		return s.pace(ctx, n)
	}
	if err := s.repair(ctx, a, d.Found); err != nil {
		d.Why = err.Error()
	} else {
		d.Repaired = true
		r.Repaired++
		s.picture(ctx, r, a)
	}
	if len(r.Damages) < maxDamages {
		r.Damages = append(r.Damages, d)
	}
	return s.pace(ctx, n)
}

// verify reads one photo and returns how many bytes it read: ErrNotFound, or ErrDamaged if they are others.
func (s *Scrubber) verify(ctx context.Context, from Source, a Arrived) (int64, error) {
	f, _, err := from.Open(ctx, a.SHA256)
	if err != nil {
		return 0, err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(f, a.Size+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return n, err
	}
	if n != a.Size || SHA256(sum.Sum(nil)) != a.SHA256 {
		return n, ErrDamaged
	}
	return n, nil
}

// errNoSecond is why nothing is put back where no second source is configured.
var errNoSecond = errors.New("no second source is configured")

// repair puts an original back. The second source is read to its end and verified before the damaged bytes go.
func (s *Scrubber) repair(ctx context.Context, a Arrived, found Found) error {
	if s.Second == nil {
		return errNoSecond
	}
	if _, err := s.verify(ctx, s.Second, a); err != nil {
		return err
	}
	if found == FoundDamaged {
		if err := s.Blobs.Delete(ctx, a.SHA256); err != nil {
			return err
		}
	}
	f, _, err := s.Second.Open(ctx, a.SHA256)
	if err != nil {
		return err
	}
	return errors.Join(s.Blobs.Put(ctx, a.SHA256, a.Size, f), f.Close())
}

// picture asks for pictures that are gone. That there is none to be made is found out by trying.
func (s *Scrubber) picture(ctx context.Context, r *ScrubReport, a Arrived) {
	if s.Derived == nil || a.Photo.Type == MP4 || a.Photo.Type == PDF {
		return
	}
	f, _, err := s.Derived.OpenDerived(ctx, a.SHA256, Thumb)
	if err == nil {
		_ = f.Close() // nothing was written to it
		return
	}
	if !errors.Is(err, ErrNotFound) || s.Again != nil && s.Again(a.SHA256) != nil {
		return
	}
	r.Pictures++
}

// pace holds the rate.
func (s *Scrubber) pace(ctx context.Context, n int64) error {
	if s.Rate <= 0 || n == 0 {
		return ctx.Err()
	}
	return sleep(ctx, time.Duration(float64(n)/float64(s.Rate)*float64(time.Second)))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

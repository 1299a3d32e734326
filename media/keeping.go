package media

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Class says by which rule the originals of a piece of evidence are kept. It follows from documents alone.
type Class string

// The classes. Open and Held never expire.
const (
	ClassOpen    Class = "open"    // something is still to be done about what it shows
	ClassHeld    Class = "held"    // a legal hold
	ClassMajor   Class = "major"   // of a hazard that is or was major or a key problem, or is under listed supervision (挂牌督办)
	ClassGeneral Class = "general" // of everything else
)

// Span is a length of calendar time; the zero Span is for ever.
type Span struct {
	Years int `json:"years,omitempty"`
	Days  int `json:"days,omitempty"`
}

// Forever reports whether the span has no end.
func (s Span) Forever() bool { return s == Span{} }

// From returns when a span that begins at t ends.
func (s Span) From(t time.Time) time.Time { return t.AddDate(s.Years, 0, s.Days) }

// Periods are how long originals are kept after their case was closed. This package knows no legal periods: the zero
// value keeps all for ever.
type Periods struct {
	General Span `json:"general"`
	Major   Span `json:"major"`
}

// End returns when originals of a class whose case was closed at that time may go; ok is false for never.
func (p Periods) End(c Class, closed time.Time) (end time.Time, ok bool) {
	var s Span
	switch c {
	case ClassGeneral:
		s = p.General
	case ClassMajor:
		s = p.Major
	}
	return s.From(closed), !s.Forever()
}

// Forever reports whether nothing ever expires.
func (p Periods) Forever() bool { return p.General.Forever() && p.Major.Forever() }

// Erasure says that an original was removed after its period, by the rule of which class.
type Erasure struct {
	At    time.Time `json:"at"` // server time
	Class Class     `json:"class"`
}

// Keeping decides about originals that records name; sync.Keeper is one.
type Keeping interface {
	// Due reports whether a photo's period is over in every one of the records, none of which is open or held, and
	// which class that is: the gravest of them. What cannot be decided is not due.
	Due(ctx context.Context, h SHA256, records []string) (Class, bool, error)

	// Erased enters in the evidence of each record that the original is gone. Again is harmless.
	Erased(ctx context.Context, h SHA256, records []string, c Class) error
}

// Locker is the further ability of a store that can be told to refuse the removal of an original, by whomever. Both
// methods return ErrNotFound if there is no such photo; again is harmless.
type Locker interface {
	// Lock has the store refuse until that time at least. A lock that ends later stays as it is.
	Lock(ctx context.Context, h SHA256, until time.Time) error

	// Hold has the store refuse until the hold is lifted, beside any Lock.
	Hold(ctx context.Context, h SHA256, on bool) error
}

// Expire begins the end of a photo whose period is over in all records that name it: after the grace a sweep removes it,
// unless somebody names or holds it by then. It returns false for every other photo, and for one of which it is not
// known who names it.
func (l *Ledger) Expire(ctx context.Context, h SHA256) (bool, error) {
	d, b, err := l.read(ctx, h)
	if err != nil {
		return false, err
	}
	to, may := blobMoves[b.State][expire]
	awaited := len(b.For) > 0 && l.Now().Sub(b.Since) < max(l.Keep, leastKeep)
	if !may || l.Keeping == nil || len(b.By) == 0 || b.Many || awaited {
		return false, nil
	}
	class, due, err := l.Keeping.Due(ctx, h, b.By)
	if !due || err != nil {
		return false, err
	}
	b.State, b.For, b.Class = to, nil, class
	return l.put(ctx, h, d, b)
}

// over asks once more about a photo that is in Erasing. What another eraser has removed is over, whoever asks for it now.
func (l *Ledger) over(ctx context.Context, h SHA256, b blobDoc, resumed bool) (bool, error) {
	if l.Keeping != nil {
		_, due, err := l.Keeping.Due(ctx, h, b.By)
		if due || err != nil {
			return due, err
		}
	}
	if !resumed {
		return false, nil
	}
	_, err := l.Blobs.Stat(ctx, h)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	return false, err
}

// Name enters a record that names a photo which others brought here, so that it is kept as long as this one needs it.
// It does nothing about a photo that no record has.
func (l *Ledger) Name(ctx context.Context, h SHA256, record string) error {
	for range maxRounds {
		d, was, err := l.read(ctx, h)
		if err != nil {
			return err
		}
		to, may := blobMoves[was.State][attach]
		if !may || was.State != Attached && was.State != Expired || slices.Contains(was.By, record) {
			return nil
		}
		now := was.named(was.State, record, false)
		now.State = to
		if was.State == Attached && !now.differs(was) {
			return nil
		}
		if ok, err := l.put(ctx, h, d, now); ok || err != nil {
			return err
		}
	}
	return ErrStorage.Because(errors.New("the document changes too often"))
}

// NamedBy returns the records that are known to name a photo.
func (l *Ledger) NamedBy(ctx context.Context, h SHA256) ([]string, error) {
	_, b, err := l.read(ctx, h)
	return b.By, err
}

// going reports whether the bytes of a photo are being removed, or were, by the ledger's word. Whoever misses them and
// asks then is told rightly: the ledger says so before they go.
func going(ctx context.Context, docs Documents, h SHA256) (bool, error) {
	found, err := docs.Get(ctx, blobRef(h))
	if err != nil {
		return false, err
	}
	b, err := decodeBlob(found[0])
	return b.State == Erasing || b.State == Erased, err
}

// Gone turns ErrNotFound about a photo that a record has into ErrExpired while the photo is just being removed, before
// its evidence says so.
func (l *Ledger) Gone(ctx context.Context, h SHA256, err error) error {
	if l == nil || !errors.Is(err, ErrNotFound) {
		return err
	}
	if is, e := going(ctx, l.Docs, h); is && e == nil {
		return ErrExpired
	}
	return err
}

package sync

import (
	"context"
	"slices"
	"time"

	"paicha/inspection"
	"paicha/internal/store"
	"paicha/media"
)

// Standing is what decides about the originals of a case: an inspection with all its hazards, or a hazard that was
// reported without one. Photos of the finding and of the rectification stand or fall together.
type Standing struct {
	Class  media.Class
	Closed time.Time // when the last of it was closed, server time; zero while it is open
	End    time.Time // from when on the originals may go; zero: never, as things stand
}

// Over reports whether the originals may go.
func (s Standing) Over(now time.Time) bool { return !s.End.IsZero() && !now.Before(s.End) }

// file is a case with the evidence of its inspection and hazards, by their ids.
type file struct {
	Standing
	rule     media.Class // the class that a hold does not hide
	evidence map[string]evidence
}

// end is when the originals may go by the rule alone, whoever holds them; zero for never.
func (f *file) end(p media.Periods) time.Time {
	if end, ok := p.End(f.rule, f.Closed); ok {
		return end
	}
	return time.Time{}
}

// Standing tells about the case of an inspection or hazard. Of one that is not here it says that it is open.
func (k *Keeper) Standing(ctx context.Context, id string) (Standing, error) {
	f, err := k.open(ctx, id)
	return f.Standing, err
}

// open reads a case and decides about it.
func (k *Keeper) open(ctx context.Context, id string) (file, error) {
	f := file{Standing: Standing{Class: media.ClassOpen}, rule: media.ClassOpen, evidence: map[string]evidence{}}
	in, own, ok, err := k.record(ctx, id)
	if err != nil || !ok {
		return f, err
	}
	var ids []inspection.HazardID
	var subjects []store.Ref
	if in != nil {
		ids = slices.Clone(in.Hazards)
		subjects = append(subjects, evidenceRef(string(in.ID)))
	}
	if own != nil && !slices.Contains(ids, own.ID) {
		ids = append(ids, own.ID)
	}
	for _, h := range ids {
		subjects = append(subjects, evidenceRef(string(h)))
	}
	docs, err := k.Docs.Get(ctx, append(hazardRefs(ids), subjects...)...)
	if err != nil {
		return f, err
	}
	for i, d := range docs[len(ids):] {
		if d.Rev == 0 {
			continue
		}
		if f.evidence[subjects[i].ID], err = decodeEvidence(d); err != nil {
			return f, err
		}
	}
	hazards, made := make([]inspection.Hazard, len(ids)), true
	for i, d := range docs[:len(ids)] {
		if d.Rev == 0 || d.Removed != store.Live {
			made = false
			continue
		}
		if hazards[i], err = inspection.DecodeHazard(d.Body, nil); err != nil {
			return f, err
		}
	}
	f.decide(in, hazards, !made, k.Periods)
	return f, nil
}

// record finds the inspection or hazard of that id, and the inspection of a hazard; ok is false if one is not here.
func (k *Keeper) record(ctx context.Context, id string) (*inspection.Inspection, *inspection.Hazard, bool, error) {
	docs, err := k.Docs.Get(ctx, store.Ref{Kind: inspection.Kind, ID: id}, store.Ref{Kind: inspection.KindHazard, ID: id})
	if err != nil {
		return nil, nil, false, err
	}
	record, hazard := docs[0], docs[1]
	var own *inspection.Hazard
	if record.Rev == 0 && hazard.Rev > 0 && hazard.Removed == store.Live {
		h, err := inspection.DecodeHazard(hazard.Body, nil)
		if err != nil {
			return nil, nil, false, err
		}
		if own = &h; h.Inspection == "" {
			return nil, own, true, nil
		}
		if docs, err = k.Docs.Get(ctx, store.Ref{Kind: inspection.Kind, ID: string(h.Inspection)}); err != nil {
			return nil, nil, false, err
		}
		record = docs[0]
	}
	if record.Rev == 0 || record.Removed != store.Live {
		return nil, nil, false, nil
	}
	in, err := inspection.Decode(record.Body, nil)
	return &in, own, err == nil, err
}

// decide derives the class and the day of closing; open tells that a hazard of it is not made yet.
func (f *file) decide(in *inspection.Inspection, hazards []inspection.Hazard, open bool, p media.Periods) {
	held, grave := false, false
	var closed time.Time
	note := func(at time.Time, ok bool) {
		open = open || !ok
		if at.After(closed) {
			closed = at
		}
	}
	if in != nil {
		note(in.ClosedAt())
	}
	for i := range hazards {
		note(hazards[i].ClosedAt())
		grave = grave || hazards[i].Grave()
	}
	for _, e := range f.evidence {
		held = held || e.notes.held() >= 0
		for _, t := range e.Todo {
			if t.Done == nil {
				open = true
				continue
			}
			note(t.Done.At, true)
		}
		for _, a := range e.Arrived {
			note(a.At, true) // a photo is kept for its whole period, however late it came
		}
	}
	switch {
	case open:
	case grave:
		f.rule, f.Closed = media.ClassMajor, closed
	default:
		f.rule, f.Closed = media.ClassGeneral, closed
	}
	if f.Class = f.rule; held {
		f.Class = media.ClassHeld
	}
	if end, ok := p.End(f.Class, f.Closed); ok {
		f.End = end
	}
}

// held reports whether anything of the case is under a legal hold.
func (f *file) held() bool { return f.Class == media.ClassHeld }

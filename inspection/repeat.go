package inspection

import (
	"slices"
	"time"
)

// MarkRepeat returns h with the hazards named that it repeats: of the same enterprise, resting on the same clause (or,
// where no clause is known, raised by the same rule), found in an earlier check, and not withdrawn as false. earlier may
// hold anything, h itself too; what was named before stays named.
func MarkRepeat(h Hazard, earlier []Hazard) Hazard {
	for i := range earlier {
		e := &earlier[i]
		sameCheck := e.ID == h.ID || h.Inspection != "" && e.Inspection == h.Inspection
		if sameCheck || e.Draft || !e.WithdrawnAt.IsZero() || e.Unit.ID != h.Unit.ID || !first(e).Before(first(&h)) ||
			!sameClause(e, &h) {
			continue
		}
		if at, ok := slices.BinarySearch(h.Marks.Repeat, e.ID); !ok {
			h.Marks.Repeat = slices.Insert(slices.Clone(h.Marks.Repeat), at, e.ID)
		}
	}
	return h
}

// PenaltyExempt reports whether the condition of 依法不予处罚 is met: the enterprise reported it itself, before any
// inspection, supervision or tip found the same, and it is being put right or has been. others are the enterprise's
// other hazards. Where it cannot be told whether two are the same - one names no clause and no rule - the earlier find
// stands against it: unknown is never in anybody's favour. The decision itself is a person's (Exempt).
func PenaltyExempt(h Hazard, others []Hazard) bool {
	if h.Source != FromEnterprise || !fixing[h.Status] {
		return false
	}
	for i := range others {
		o := &others[i]
		if o.ID == h.ID || o.Source == FromEnterprise || o.Unit.ID != h.Unit.ID || !o.WithdrawnAt.IsZero() {
			continue
		}
		if first(o).After(h.ReceivedAt) {
			continue
		}
		if sameClause(o, &h) || nameless(o) || nameless(&h) {
			return false
		}
	}
	return true
}

// fixing are the statuses in which somebody is putting it right, or has.
var fixing = map[Status]bool{Rectifying: true, Rectified: true, Accepted: true}

// first is when a hazard was first known of: a tablet may bring days later what it saw before.
func first(h *Hazard) time.Time {
	if h.OccurredAt.IsZero() || h.ReceivedAt.Before(h.OccurredAt) {
		return h.ReceivedAt
	}
	return h.OccurredAt
}

func nameless(h *Hazard) bool { return len(h.Citations) == 0 && h.Rule == "" }

func sameClause(a, b *Hazard) bool {
	if len(a.Citations) == 0 || len(b.Citations) == 0 {
		return a.Rule != "" && a.Rule == b.Rule
	}
	return slices.ContainsFunc(a.Citations, func(x Citation) bool {
		return slices.ContainsFunc(b.Citations, func(y Citation) bool {
			return x.Standard == y.Standard && x.Clause == y.Clause
		})
	})
}

package inspection

import (
	"slices"
	"time"
)

// QuietSince tells since when a record needs nobody's attention: the last change of a submitted one that is judged, whose
// hazards are all made, and in which nobody has yet to decide between two values. ok is false for any other. Whether its
// hazards are closed is theirs to tell.
func (in *Inspection) QuietSince() (at time.Time, ok bool) {
	undecided := slices.ContainsFunc(in.Conflicts, func(c Conflict) bool { return c.Settled == nil }) ||
		slices.ContainsFunc(in.Proposals, func(p Proposal) bool { return p.Settled == nil })
	if in.Status != Submitted || in.Unjudged || in.PendingEffects != nil || undecided {
		return time.Time{}, false
	}
	if in.Submitted != nil {
		at = in.Submitted.ReceivedAt
	}
	return lastOf(at, in.History, in.Remarks), true
}

// QuietSince tells since when a hazard needs nobody's attention: the last change of a closed one, by the server's clock.
func (h *Hazard) QuietSince() (at time.Time, ok bool) {
	if h.Open() || h.Draft {
		return time.Time{}, false
	}
	return lastOf(h.ReceivedAt, h.History, h.Remarks), true
}

func lastOf(at time.Time, history []Event, remarks []Remark) time.Time {
	for i := range history {
		at = later(at, history[i].At)
	}
	for i := range remarks {
		at = later(at, remarks[i].At)
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

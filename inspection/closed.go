package inspection

import "time"

// ClosedAt tells when the work on a record itself ended, by the server's clock: its submission, its last amendment, or
// the last decision between two values. ok is false while something is to be done. When its hazards were closed is
// theirs to tell.
func (in *Inspection) ClosedAt() (at time.Time, ok bool) {
	if at, ok = in.QuietSince(); !ok || in.Submitted == nil {
		return at, ok
	}
	at = in.Submitted.ReceivedAt
	for i := range in.Amendments {
		at = later(at, in.Amendments[i].At)
	}
	for i := range in.Conflicts {
		at = later(at, in.Conflicts[i].Settled.At)
	}
	for i := range in.Proposals {
		at = later(at, in.Proposals[i].Settled.At)
	}
	return at, true
}

// ClosedAt tells when a hazard was accepted or withdrawn, by the server's clock; ok is false for an open one.
func (h *Hazard) ClosedAt() (at time.Time, ok bool) {
	quiet, ok := h.QuietSince()
	if !ok {
		return time.Time{}, false
	}
	at = h.AcceptedAt
	if h.Status == Withdrawn {
		at = h.WithdrawnAt
	}
	if at.IsZero() { // of a record that does not say
		at = quiet
	}
	return at, true
}

// Grave reports whether the hazard is or ever was major or a key problem, or is under listed supervision (挂牌督办).
func (h *Hazard) Grave() bool {
	return h.Marks.Listed != nil || Graver(Graver(h.Class, h.Called), h.Formerly).Rank() >= KeyCase.Rank()
}

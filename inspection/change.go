package inspection

import (
	"slices"
	"time"
)

// change runs one command on a hazard: once a mutation, by the table, with a line of history. work edits a copy.
func change(h Hazard, c Command, note string, unknown Extra, by Cause, work func(*Hazard) error) (Hazard, error) {
	if by.Mutation != "" && inHistory(h.History, by.Mutation) {
		return h, nil
	}
	to, err := move(&h, c)
	if err != nil {
		return Hazard{}, err
	}
	from := h.Status
	h.Status = to
	if err := work(&h); err != nil {
		return Hazard{}, err
	}
	h.History = append(slices.Clip(h.History), by.event(c, from, to, note, unknown))
	return h, nil
}

// Confirm is "hazard.confirm": a person has seen it. It may raise the class; a lower one is ErrSupervisorOnly.
func Confirm(h Hazard, a ConfirmArgs, by Cause) (Hazard, error) {
	return change(h, CmdConfirm, a.Note, a.Extra, by, func(h *Hazard) error {
		if a.Class != "" && a.Class.Rank() < h.Class.Rank() {
			return ErrSupervisorOnly.At("/class")
		}
		h.Class, h.Suspected, h.ConfirmedAt = Graver(h.Class, a.Class), false, ms(by.ServerTime)
		return nil
	})
}

// Withdraw is "hazard.withdraw": found to be false, by a supervisor, with the reason.
func Withdraw(h Hazard, a WithdrawArgs, by Cause) (Hazard, error) {
	return change(h, CmdWithdraw, a.Reason, a.Extra, by, func(h *Hazard) error {
		h.WithdrawnAt = ms(by.ServerTime)
		return lowering(a.Reason, by)
	})
}

func lowering(reason string, by Cause) error {
	if by.As != Supervisor {
		return ErrSupervisorOnly
	}
	return needReason(reason)
}

func needReason(s string) error {
	if blank(s) {
		return ErrReason.At("/reason")
	}
	return nil
}

// Plan is "hazard.plan": all five fixings (ErrFixings). A deadline that stands moves only by Extend (ErrDeadline).
func Plan(h Hazard, a PlanArgs, by Cause) (Hazard, error) {
	return change(h, CmdPlan, a.Note, a.Extra, by, func(h *Hazard) error {
		if !a.Fixings.Complete() {
			return ErrFixings.At("/fixings")
		}
		if h.Fixings != nil && !h.Fixings.Deadline.IsZero() && !h.Fixings.Deadline.Equal(a.Fixings.Deadline) {
			return ErrDeadline.At("/fixings/deadline")
		}
		f := a.Fixings
		h.Fixings = &f
		return nil
	})
}

// Rectify is "hazard.rectify": the enterprise says what it did. Straight from confirmed it is 能立即整改的 and needs
// photos of before and after (ErrPhotos).
func Rectify(h Hazard, a RectifyArgs, by Cause) (Hazard, error) {
	at := h.Status
	return change(h, CmdRectify, a.Note, a.Extra, by, func(h *Hazard) error {
		if at == Confirmed {
			if len(a.Before) == 0 || len(a.After) == 0 {
				return ErrPhotos.At("/after")
			}
			h.Immediate = true
		}
		h.RectifiedAt = ms(by.ServerTime)
		h.Rectifies = append(slices.Clip(h.Rectifies), Rectification{
			At: ms(by.ServerTime), DeviceTime: ms(by.DeviceTime), By: by.User, Note: a.Note, Before: a.Before, After: a.After,
		})
		return nil
	})
}

// Accept is "hazard.accept". The enterprise does not accept its own work (ErrSelfAccept); a listed hazard is accepted
// by the authority that listed it (ErrListedElsewhere).
func Accept(h Hazard, a AcceptArgs, by Cause) (Hazard, error) {
	return change(h, CmdAccept, a.Note, a.Extra, by, func(h *Hazard) error {
		if by.As == Enterprise {
			return ErrSelfAccept
		}
		if l := h.Marks.Listed; l != nil && l.Authority != a.Authority {
			return ErrListedElsewhere.At("/authority")
		}
		h.AcceptedAt = ms(by.ServerTime)
		review(h, func(r *Rectification, v *Review) { r.Accepted = v }, a.Note, a.Photos, by)
		return nil
	})
}

// Reject is "hazard.reject": back to rectifying, with the reason.
func Reject(h Hazard, a RejectArgs, by Cause) (Hazard, error) {
	return change(h, CmdReject, a.Reason, a.Extra, by, func(h *Hazard) error {
		h.RectifiedAt, h.Immediate = time.Time{}, false
		review(h, func(r *Rectification, v *Review) { r.Rejected = v }, a.Reason, a.Photos, by)
		return needReason(a.Reason)
	})
}

func review(h *Hazard, set func(*Rectification, *Review), note string, photos []Hash, by Cause) {
	if n := len(h.Rectifies); n > 0 {
		h.Rectifies = slices.Clone(h.Rectifies)
		set(&h.Rectifies[n-1], &Review{At: ms(by.ServerTime), By: by.User, Note: note, Photos: photos})
	}
}

// Reopen is "hazard.reopen": a withdrawn hazard is reported again, 疑似 until confirmed.
func Reopen(h Hazard, a ReopenArgs, by Cause) (Hazard, error) {
	return change(h, CmdReopen, a.Reason, a.Extra, by, func(h *Hazard) error {
		h.Suspected, h.WithdrawnAt, h.ConfirmedAt = true, time.Time{}, time.Time{}
		return needReason(a.Reason)
	})
}

// Regrade is "hazard.regrade": another class, with the reason; a lower one by a supervisor alone.
func Regrade(h Hazard, a RegradeArgs, by Cause) (Hazard, error) {
	return change(h, CmdRegrade, a.Reason, a.Extra, by, func(h *Hazard) error {
		if a.Class.Rank() == 0 {
			return ErrBadValue.At("/class")
		}
		if a.Class.Rank() < h.Class.Rank() {
			if err := lowering(a.Reason, by); err != nil {
				return err
			}
		}
		h.Marks.Raised = h.Marks.Raised || a.Class.Rank() > h.Class.Rank()
		h.Class = a.Class
		return needReason(a.Reason)
	})
}

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
			h.Formerly = Graver(h.Formerly, h.Class)
		}
		h.Marks.Raised = h.Marks.Raised || a.Class.Rank() > h.Class.Rank()
		h.Class = a.Class
		return needReason(a.Reason)
	})
}

// Extend is "hazard.extend": a later deadline, with the reason, beside the one it replaces. The deadline of a listed
// hazard is moved by the authority that listed it (ErrListedElsewhere); an earlier one, or none to move, is ErrDeadline.
func Extend(h Hazard, a ExtendArgs, by Cause) (Hazard, error) {
	return change(h, CmdExtend, a.Reason, a.Extra, by, func(h *Hazard) error {
		if by.As == Enterprise {
			return ErrSupervisorOnly.Saying("只有监管人员才能批准延期")
		}
		to, from := ms(a.Deadline), h.Deadline()
		switch {
		case from.IsZero():
			return ErrDeadline.At("/deadline").Saying("还没有整改期限，请先制定整改方案")
		case !to.After(from):
			return ErrDeadline.At("/deadline").Saying("延期后的期限必须晚于现在的期限")
		}
		switch l := h.Marks.Listed; {
		case l != nil && l.Authority != a.Authority:
			return ErrListedElsewhere.At("/authority").Saying("挂牌督办的隐患须由挂牌单位批准延期")
		case l != nil:
			moved := *l
			moved.Deadline = to
			h.Marks.Listed = &moved
		default:
			moved := *h.Fixings
			moved.Deadline = to
			h.Fixings = &moved
		}
		h.Marks.Extended = append(slices.Clip(h.Marks.Extended), Extension{
			From: from, To: to, Reason: a.Reason, By: by.User, At: ms(by.ServerTime),
		})
		return needReason(a.Reason)
	})
}

// List is "hazard.list", 挂牌督办: an authority watches the rectification, sets its deadline and accepts it itself. A
// second listing (by a higher authority, as a rule) stands before the first, which stays in it.
func List(h Hazard, a ListArgs, by Cause) (Hazard, error) {
	return change(h, CmdList, a.Number, a.Extra, by, func(h *Hazard) error {
		if by.As != Supervisor {
			return ErrSupervisorOnly.Saying("只有监管人员才能挂牌督办")
		}
		if err := a.check(); err != nil {
			return err
		}
		h.Marks.Listed = &Listing{
			Level: a.Level, Number: a.Number, Authority: a.Authority, Deadline: ms(a.Deadline), At: ms(by.ServerTime),
			Before: h.Marks.Listed,
		}
		return nil
	})
}

// TransferTo is "hazard.transfer" (移交): another owner counts it from now on, and whoever sees that owner's region sees
// it too. The place where it is does not change.
func TransferTo(h Hazard, a TransferArgs, by Cause) (Hazard, error) {
	return change(h, CmdTransfer, a.Reason, a.Extra, by, func(h *Hazard) error {
		switch {
		case by.As != Supervisor:
			return ErrSupervisorOnly.Saying("只有监管人员才能移交隐患")
		case a.To.Region == "":
			return ErrMissing.At("/to/region")
		case a.To == h.Owner:
			return ErrBadValue.At("/to").Saying("接收单位与现在的负责单位相同")
		}
		h.Marks.Transferred = append(slices.Clip(h.Marks.Transferred), Transfer{
			From: h.Owner, To: a.To, Reason: a.Reason, By: by.User, At: ms(by.ServerTime),
		})
		h.Owner = a.To
		return needReason(a.Reason)
	})
}

// Exempt is "hazard.exempt", 依法不予处罚, or taking that back: a supervisor's decision, with the reason. Only what the
// enterprise itself reported can be exempt; PenaltyExempt tells whether the rest of the condition is met.
func Exempt(h Hazard, a ExemptArgs, by Cause) (Hazard, error) {
	return change(h, CmdExempt, a.Reason, a.Extra, by, func(h *Hazard) error {
		if by.As != Supervisor {
			return ErrSupervisorOnly.Saying("只有监管人员才能认定是否处罚")
		}
		if a.Exempt && h.Source != FromEnterprise {
			return ErrBadValue.At("/exempt").Saying("不是企业自查自报的隐患，不能认定不予处罚")
		}
		h.Marks.PenaltyExempt = a.Exempt
		return needReason(a.Reason)
	})
}

// NoteHazard is "hazard.remark": an internal note of a supervisor, seen by supervisors only.
func NoteHazard(h Hazard, a RemarkArgs, by Cause) (Hazard, error) {
	if err := a.check(); err != nil {
		return Hazard{}, err
	}
	if _, err := move(&h, CmdHazardRemark); err != nil {
		return Hazard{}, err
	}
	h.Remarks = remark(h.Remarks, a, by)
	return h, nil
}

// Report is "hazard.report": a hazard that no inspection of ours raised - the enterprise's own finding, a tip, what a
// department saw. old is the hazard of that id if there is one: the same mutation gives it back, another is ErrNoMove.
// It is 疑似 and General unless it says more, and counts for its region unless it names another owner.
func Report(old *Hazard, id HazardID, a ReportArgs, by Cause) (Hazard, error) {
	if err := a.check(); err != nil {
		return Hazard{}, err
	}
	var h Hazard
	if old != nil {
		h = *old
	} else {
		if by.As == Enterprise && a.Source != FromEnterprise {
			return Hazard{}, ErrBadValue.At("/source").Saying("企业只能以企业自查上报")
		}
		h = Hazard{
			ID: id, Unit: a.Unit, Region: a.Region, Sectors: a.Sectors, Class: Graver(General, a.Class), Suspected: true,
			Source: a.Source, Title: a.Title, Explanation: a.Explanation, Citations: a.Citations, Photos: a.Photos,
			Owner: a.Owner, Departments: a.Departments, OccurredAt: ms(a.OccurredAt), ReceivedAt: ms(by.ServerTime),
		}
		if by.User != "" {
			h.Team = []UserID{by.User}
		}
		if h.Owner.Region == "" {
			h.Owner.Region = a.Region
		}
		if h.OccurredAt.IsZero() {
			h.OccurredAt = h.ReceivedAt
		}
	}
	return change(h, CmdReport, "", a.Extra, by, func(*Hazard) error { return nil })
}

package inspection

import "slices"

// The forms of the hazard commands' arguments; what depends on the hazard's state is the command's.

func reasoned(s string) error {
	c := checker{}
	c.reason(s, "/reason")
	return c.err
}

func noted(s string) error {
	c := checker{}
	c.length(s, "/note", -1, "")
	return c.err
}

func (a ConfirmArgs) check() error {
	if a.Class != "" && a.Class.Rank() == 0 {
		return ErrBadValue.At("/class")
	}
	return noted(a.Note)
}

func (a WithdrawArgs) check() error { return reasoned(a.Reason) }
func (a RejectArgs) check() error   { return reasoned(a.Reason) }
func (a ReopenArgs) check() error   { return reasoned(a.Reason) }
func (a AcceptArgs) check() error   { return noted(a.Note) }

func (a PlanArgs) check() error {
	if !a.Fixings.Complete() {
		return ErrFixings.At("/fixings")
	}
	return noted(a.Note)
}

func (a RectifyArgs) check() error {
	c := checker{}
	c.required(a.Note, "/note")
	return c.err
}

func (a RegradeArgs) check() error {
	if a.Class.Rank() == 0 {
		return ErrBadValue.At("/class")
	}
	return reasoned(a.Reason)
}

func (a ExtendArgs) check() error {
	if a.Deadline.IsZero() {
		return ErrMissing.At("/deadline")
	}
	return reasoned(a.Reason)
}

var listingLevels = []string{"nation", "province", "prefecture", "county"}

func (a ListArgs) check() error {
	c := checker{}
	if !slices.Contains(listingLevels, a.Level) {
		c.fail(ErrBadValue, "/level", -1, "")
	}
	c.name(a.Number, true, "/number", -1, "")
	c.name(a.Authority, true, "/authority", -1, "")
	if a.Deadline.IsZero() {
		c.fail(ErrMissing, "/deadline", -1, "")
	}
	return c.err
}

func (a TransferArgs) check() error {
	c := checker{}
	c.name(string(a.To.Region), true, "/to/region", -1, "")
	c.name(string(a.To.Department), false, "/to/department", -1, "")
	if c.err != nil {
		return c.err
	}
	return reasoned(a.Reason)
}

func (a ExemptArgs) check() error { return reasoned(a.Reason) }

func (a ReportArgs) check() error {
	c := checker{}
	c.name(string(a.Unit.ID), true, "/unit/id", -1, "")
	c.name(string(a.Region), true, "/region", -1, "")
	if len(a.Sectors) == 0 {
		c.fail(ErrMissing, "/sectors", -1, "")
	}
	c.atMost(len(a.Sectors), MaxTeam, "/sectors")
	c.atMost(len(a.Departments), MaxTeam, "/departments")
	c.atMost(len(a.Citations), MaxTeam, "/citations")
	c.atMost(len(a.Photos), MaxPhotos, "/photos")
	if c.err != nil {
		return c.err
	}
	for i := range a.Sectors {
		c.name(string(a.Sectors[i]), true, "/sectors", i, "")
	}
	if a.Class != "" && a.Class.Rank() == 0 {
		c.fail(ErrBadValue, "/class", -1, "")
	}
	switch a.Source {
	case FromEnterprise, FromDepartment, FromSupervision, FromTip:
	default:
		c.fail(ErrBadValue, "/source", -1, "")
	}
	c.length(a.Title, "/title", -1, "")
	c.required(a.Explanation, "/explanation")
	c.name(string(a.Owner.Region), false, "/owner/region", -1, "")
	return c.err
}

package inspection

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

package sync

import (
	"slices"

	"paicha/inspection"
	"paicha/internal/auth"
	"paicha/internal/directory"
	"paicha/internal/store"
)

// command is one named command: the kind it is for and the function that does it.
type command struct {
	kind  store.Kind
	apply func(a *act) error
}

// commands are all commands that may be pushed, by name. Each has a row in the policy table; a test says so.
var commands = map[string]command{
	"inspection.save":    {inspection.Kind, saveInspection},
	"inspection.submit":  {inspection.Kind, submitInspection},
	"inspection.amend":   {inspection.Kind, amendInspection},
	"inspection.settle":  {inspection.Kind, settleInspection},
	"inspection.remark":  {inspection.Kind, remarkInspection},
	"inspection.sign":    {inspection.Kind, onInspection(inspection.Sign)},
	"inspection.decline": {inspection.Kind, onInspection(inspection.Decline)},

	"hazard.confirm":  {inspection.KindHazard, onHazard(inspection.Confirm)},
	"hazard.withdraw": {inspection.KindHazard, onHazard(inspection.Withdraw)},
	"hazard.plan":     {inspection.KindHazard, onHazard(inspection.Plan)},
	"hazard.rectify":  {inspection.KindHazard, onHazard(inspection.Rectify)},
	"hazard.accept":   {inspection.KindHazard, onHazard(inspection.Accept)},
	"hazard.reject":   {inspection.KindHazard, onHazard(inspection.Reject)},
	"hazard.reopen":   {inspection.KindHazard, onHazard(inspection.Reopen)},
	"hazard.regrade":  {inspection.KindHazard, onHazard(inspection.Regrade)},

	"evidence.review":  {KindEvidence, reviewEvidence},
	"evidence.hold":    {KindEvidence, holdEvidence},
	"evidence.release": {KindEvidence, releaseEvidence},

	"quarantine.release": {KindQuarantine, releaseQuarantine},
	"quarantine.dismiss": {KindQuarantine, dismissQuarantine},
}

// Commands returns the names of all commands that may be pushed, sorted.
func Commands() []string {
	out := make([]string, 0, len(commands))
	for name := range commands {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func actionOf(name string) auth.Action { return auth.Action(name) }

func allowedAs(u directory.User, name string, tokens []store.Token, p *push) bool {
	return auth.Allow(u, actionOf(name), tokens, p.now) == nil
}

// act is one mutation being applied to one document.
type act struct {
	p *push
	m *mutation
	w *working
}

func (a *act) cause() inspection.Cause { return a.p.cause(a.m, a.w) }

// base is the rev that the author had seen; one of another history says nothing.
func (a *act) base() store.Rev {
	if !a.p.sameEpoch {
		return 0
	}
	return a.m.BaseRev
}

func (a *act) rev() store.Rev { return a.w.old.Rev + 1 }

func saveInspection(a *act) error {
	args, err := inspection.DecodeArgs[inspection.SaveArgs](a.m.Args)
	if err != nil {
		return err
	}
	id, err := inspection.ParseID(a.m.Doc.ID)
	if err != nil {
		return err
	}
	in, err := inspection.Save(a.w.inspection, id, args, a.base(), a.rev(), a.cause())
	if err != nil {
		return err
	}
	if len(args.Findings) > 0 {
		// What the inspector already sees must not wait for the submission; the rest is judged then.
		if err := a.p.judge(&in, a.rev(), a.cause()); err != nil {
			return err
		}
	}
	a.w.become(&in)
	return nil
}

func submitInspection(a *act) error {
	args, err := inspection.DecodeArgs[inspection.SubmitArgs](a.m.Args)
	if err != nil {
		return err
	}
	in, err := inspection.Submit(*a.w.inspection, args, a.base(), a.rev(), a.cause())
	if err != nil {
		return err
	}
	if err := a.p.judge(&in, a.rev(), a.cause()); err != nil {
		return err
	}
	a.w.become(&in)
	return nil
}

func amendInspection(a *act) error {
	args, err := inspection.DecodeArgs[inspection.AmendArgs](a.m.Args)
	if err != nil {
		return err
	}
	in, err := inspection.Amend(*a.w.inspection, args, a.base(), a.rev(), a.cause())
	if err != nil {
		return err
	}
	if err := a.p.judge(&in, a.rev(), a.cause()); err != nil {
		return err
	}
	a.w.become(&in)
	return nil
}

func settleInspection(a *act) error {
	args, err := inspection.DecodeArgs[inspection.SettleArgs](a.m.Args)
	if err != nil {
		return err
	}
	in, err := inspection.Settle(*a.w.inspection, args, a.rev(), a.cause())
	if err != nil {
		return err
	}
	if in.Status == inspection.Submitted {
		if err := a.p.judge(&in, a.rev(), a.cause()); err != nil {
			return err
		}
	}
	a.w.become(&in)
	return nil
}

func remarkInspection(a *act) error {
	args, err := inspection.DecodeArgs[inspection.RemarkArgs](a.m.Args)
	if err != nil {
		return err
	}
	in, err := inspection.Note(*a.w.inspection, args, a.cause())
	if err != nil {
		return err
	}
	a.w.become(&in)
	return nil
}

// onInspection makes a command of a pure function over a record that judging does not look at.
func onInspection[A inspection.Args](f func(inspection.Inspection, A, inspection.Cause) (inspection.Inspection, error)) func(*act) error {
	return func(a *act) error {
		args, err := inspection.DecodeArgs[A](a.m.Args)
		if err != nil {
			return err
		}
		in, err := f(*a.w.inspection, args, a.cause())
		if err != nil {
			return err
		}
		a.w.become(&in)
		return nil
	}
}

// onHazard makes a command of a pure function over a hazard.
func onHazard[A inspection.Args](f func(inspection.Hazard, A, inspection.Cause) (inspection.Hazard, error)) func(*act) error {
	return func(a *act) error {
		args, err := inspection.DecodeArgs[A](a.m.Args)
		if err != nil {
			return err
		}
		h, err := f(*a.w.hazard, args, a.cause())
		if err != nil {
			return err
		}
		a.w.hazard, a.w.rewritten = &h, true
		return nil
	}
}

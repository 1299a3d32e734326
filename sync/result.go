package sync

import (
	"paicha/internal/fault"
)

// nextOf is what a device does with a mutation of this end.
func nextOf(s Status, code string) Next {
	switch s {
	case Blocked, Retry:
		return Keep
	case Rejected:
		return AskPerson
	case Conflict:
		if code == ErrProposal.Code {
			return Remove // nothing for the author to decide: it waits for the team
		}
		return AskPerson
	default:
		return Remove
	}
}

func problemOf(f *fault.Error) *Problem {
	return &Problem{Code: f.Code, Detail: f.Message, Field: f.Field}
}

// rejection is the result of a mutation that has no effect.
func rejection(id MutationID, f *fault.Error) Result {
	return Result{ID: id, Status: Rejected, Problem: problemOf(f), Next: AskPerson}
}

// waiting is the result of a mutation that the device keeps and sends again.
func waiting(id MutationID, s Status, f *fault.Error) Result {
	return Result{ID: id, Status: s, Problem: problemOf(f), Next: Keep}
}

// transient reports whether a fault is of the moment and not of the mutation.
func transient(err error) bool {
	k := fault.Of(err).Kind
	return k == fault.Unavailable || k == fault.Internal
}

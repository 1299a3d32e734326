package sync

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"paicha/internal/directory"
)

// Hold is a legal hold on the evidence of one inspection or hazard: as long as it is not released, nothing of it may be
// removed by whatever rule. It stays on record when it is released.
type Hold struct {
	Reason   string           `json:"reason"`
	By       directory.UserID `json:"by"`
	At       time.Time        `json:"at"` // server time
	Released *Release         `json:"released,omitempty"`
}

// Release ends a Hold.
type Release struct {
	Reason string           `json:"reason"`
	By     directory.UserID `json:"by"`
	At     time.Time        `json:"at"` // server time
}

// holdArgs is "evidence.hold" and "evidence.release": why, for the record.
type holdArgs struct {
	Reason string `json:"reason"`
}

// maxHoldReason bounds a reason, in bytes.
const maxHoldReason = 4000

func holdReason(a *act) (string, error) {
	var r holdArgs
	if err := json.Unmarshal(a.m.Args, &r); err != nil {
		return "", ErrMutation.Because(err).At("/args")
	}
	if strings.TrimSpace(r.Reason) == "" || len(r.Reason) > maxHoldReason {
		return "", ErrHoldReason.At("/args/reason")
	}
	return r.Reason, nil
}

// held tells where the open hold is; -1 if there is none.
func (n evidenceNotes) held() int {
	return slices.IndexFunc(n.Holds, func(h Hold) bool { return h.Released == nil })
}

// holdEvidence is "evidence.hold": a supervisor's legal hold, with the reason. There is one at a time.
func holdEvidence(a *act) error {
	reason, err := holdReason(a)
	if err != nil {
		return err
	}
	e := *a.w.evidence
	if e.notes.held() >= 0 {
		return ErrHeld
	}
	e.notes.Holds = append(slices.Clone(e.notes.Holds), Hold{
		Reason: reason, By: a.p.sess.User.ID, At: a.p.now.UTC().Truncate(time.Millisecond),
	})
	a.w.evidence, a.w.rewritten = &e, true
	return nil
}

// releaseEvidence is "evidence.release": it ends the legal hold, with the reason.
func releaseEvidence(a *act) error {
	reason, err := holdReason(a)
	if err != nil {
		return err
	}
	e := *a.w.evidence
	i := e.notes.held()
	if i < 0 {
		return ErrNotHeld
	}
	e.notes.Holds = slices.Clone(e.notes.Holds)
	e.notes.Holds[i].Released = &Release{Reason: reason, By: a.p.sess.User.ID, At: a.p.now.UTC().Truncate(time.Millisecond)}
	a.w.evidence, a.w.rewritten = &e, true
	return nil
}

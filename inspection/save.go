package inspection

import (
	"slices"
	"time"

	"paicha/inspection/attest"
	"paicha/internal/store"
)

// SaveArgs is "inspection.save": what one tablet adds. It carries only what changed; an answer that is not here is
// left as it is. Header and Team are needed on the first save.
type SaveArgs struct {
	Header   *Header   `json:"header,omitzero"`
	Team     []UserID  `json:"team,omitempty"` // added, never removed
	Answers  []Answer  `json:"answers,omitempty"`
	Facts    []Fact    `json:"facts,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	Photos   []Photo   `json:"photos,omitempty"`
	Extra    Extra     `json:",embed"`
}

// SubmitArgs is "inspection.submit": the last answers and the signatures under the record.
type SubmitArgs struct {
	SaveArgs
	At         time.Time   `json:"at,omitzero"` // device time of signing
	Opinion    string      `json:"opinion,omitzero"`
	Signatures []Signature `json:"signatures"`
	// Signed is the record's content (Prepare) with the signature of the submitting device. Older apps send none.
	Signed *attest.Signed `json:"signed,omitzero"`
}

// AmendArgs is "inspection.amend": the only change of answers after submission. It never deletes or lowers a hazard.
type AmendArgs struct {
	SaveArgs
	Reason     string       `json:"reason"`
	Adopts     []MutationID `json:"adopts,omitempty"` // proposals that this amendment takes over
	At         time.Time    `json:"at,omitzero"`      // device time of signing
	Signatures []Signature  `json:"signatures,omitempty"`
	// Signed is the amendment's content (PrepareAmendment) with the signature of the amending device.
	Signed *attest.Signed `json:"signed,omitzero"`
}

// SettleArgs is "inspection.settle": a person decides a conflict (named by the mutation that offered the losing value
// and what it was about) or declines a proposal (named by its mutation alone).
type SettleArgs struct {
	Mutation MutationID `json:"mutation"`
	Item     ItemID     `json:"item,omitzero"`
	Fact     string     `json:"fact,omitzero"`
	Rule     RuleID     `json:"rule,omitzero"`
	Finding  FindingID  `json:"finding,omitzero"`
	Instance Instance   `json:"instance,omitzero"`
	Header   bool       `json:"header,omitzero"`
	Take     Take       `json:"take"`
	Note     string     `json:"note,omitzero"`
	Extra    Extra      `json:",embed"`
}

// RemarkArgs is "inspection.remark" and "hazard.remark": a supervisor's internal note.
type RemarkArgs struct {
	Text  string `json:"text"`
	Extra Extra  `json:",embed"`
}

// Save is "inspection.save": it begins the record (old is nil) or adds to it. base is what the author's device had
// pulled, 0 if that is nothing or of another epoch; rev is the revision that the result will have.
//
// What comes from somebody outside the team, or after submission, is kept whole as a proposal and changes nothing.
// It returns ErrNotBegun for a first save without its header, and faults of form. The result is not judged yet.
func Save(old *Inspection, id ID, a SaveArgs, base, rev store.Rev, by Cause) (Inspection, error) {
	if err := a.check(); err != nil {
		return Inspection{}, err
	}
	if old == nil {
		return begin(id, &a, rev, by)
	}
	in := *old
	if in.knows(by.Mutation) {
		return in, nil
	}
	to, err := moveInspection(&in, CmdSave)
	if err != nil {
		return Inspection{}, err
	}
	in.observe(&a, by)
	if in.Status == Submitted || !in.Member(by.User) {
		in.propose(Proposal{Args: a}, base, by)
	} else {
		m := merger{in: &in, base: base, rev: rev, by: by}
		m.save(&a)
	}
	in.log(by.event(CmdSave, old.Status, to, "", a.Extra))
	return in, nil
}

// begin makes the record of a first save. Whoever makes it is on the team.
func begin(id ID, a *SaveArgs, rev store.Rev, by Cause) (Inspection, error) {
	h := a.Header
	switch {
	case h == nil:
		return Inspection{}, ErrNotBegun.At("/header")
	case h.Unit.ID == "":
		return Inspection{}, ErrNotBegun.At("/header/unit/id")
	case h.Region == "":
		return Inspection{}, ErrNotBegun.At("/header/region")
	case len(h.Sectors) == 0:
		return Inspection{}, ErrNotBegun.At("/header/sectors")
	case h.Mode == "":
		return Inspection{}, ErrNotBegun.At("/header/mode")
	case h.Pack.ID == "":
		return Inspection{}, ErrNotBegun.At("/header/pack/id")
	}
	in := Inspection{ID: id, Status: Draft}
	in.observe(a, by)
	m := merger{in: &in, rev: rev, by: by}
	m.team([]UserID{by.User})
	m.save(a)
	in.log(by.event(CmdSave, "", Draft, "", a.Extra))
	return in, nil
}

// Submit is "inspection.submit": the last answers, the signatures, and the end of the draft. An inspector's signature
// is required (ErrUnsigned), as is being on the team (ErrNotTeam). A signed content must be canonical, of this record,
// and signed by the device (attest.ErrNotCanonical, ErrOtherContent, attest.ErrSignature); where it differs from the
// record, both are kept. A second submission, by a colleague who was offline, is a proposal.
func Submit(old Inspection, a SubmitArgs, base, rev store.Rev, by Cause) (Inspection, error) {
	if err := a.check(); err != nil {
		return Inspection{}, err
	}
	in := old
	if in.knows(by.Mutation) {
		return in, nil
	}
	to, err := moveInspection(&in, CmdSubmit)
	if err != nil {
		return Inspection{}, err
	}
	if !in.Member(by.User) {
		return Inspection{}, ErrNotTeam
	}
	content, err := open(a.Signed, in.ID, attest.TypeRecord, by)
	if err != nil {
		return Inspection{}, err
	}
	in.observe(&a.SaveArgs, by)
	in.observeTime(a.At, by)
	if in.Status == Submitted {
		in.propose(Proposal{Args: a.SaveArgs, Opinion: a.Opinion, Signatures: a.Signatures, Signed: a.Signed}, base, by)
	} else {
		m := merger{in: &in, base: base, rev: rev, by: by}
		m.save(&a.SaveArgs)
		in.Status = to
		in.Submitted = &Submission{
			By: by.User, Device: by.Device, At: ms(a.At), ReceivedAt: ms(by.ServerTime), Rev: rev,
			Opinion: a.Opinion, Signatures: a.Signatures,
		}
		in.sealRecord(a.Signed, content, rev, by)
	}
	in.log(by.event(CmdSubmit, old.Status, to, "", a.Extra))
	return in, nil
}

// Amend is "inspection.amend": a signed change after submission, by the team or a supervisor. What it replaces stays
// in the record, and the hazards behind it are never deleted or lowered by it. It returns ErrReason without a reason.
func Amend(old Inspection, a AmendArgs, base, rev store.Rev, by Cause) (Inspection, error) {
	if err := a.check(); err != nil {
		return Inspection{}, err
	}
	in := old
	if in.knows(by.Mutation) {
		return in, nil
	}
	to, err := moveInspection(&in, CmdAmend)
	if err != nil {
		return Inspection{}, err
	}
	if !in.Member(by.User) && by.As != Supervisor {
		return Inspection{}, ErrNotTeam
	}
	content, err := open(a.Signed, in.ID, attest.TypeAmendment, by)
	if err == nil && content != nil {
		err = in.chains(content)
	}
	if err != nil {
		return Inspection{}, err
	}
	in.observe(&a.SaveArgs, by)
	var before []Side
	for i, id := range a.Adopts {
		if slices.Contains(a.Adopts[:i], id) {
			return Inspection{}, ErrTwice.At(pointer("/adopts", i, "")).Saying("同一条补充内容被采纳了两次")
		}
		at := slices.IndexFunc(in.Proposals, func(p Proposal) bool { return p.Mutation == id && p.Settled == nil })
		if at < 0 {
			return Inspection{}, ErrUnsettled.At(pointer("/adopts", i, ""))
		}
		in.Proposals = slices.Clone(in.Proposals)
		p := &in.Proposals[at]
		p.Settled = &Settled{By: by.User, At: ms(by.ServerTime), Take: TakeOffered, Note: a.Reason}
		author := by // who looked and answered stays responsible for the answer
		author.User, author.Device, author.N, author.Mutation = p.By, p.Device, p.N, p.Mutation
		m := merger{in: &in, base: base, rev: rev, by: author, before: &before}
		m.save(&p.Args)
	}
	m := merger{in: &in, base: base, rev: rev, by: by, before: &before, adopts: len(a.Adopts) > 0}
	m.save(&a.SaveArgs)
	in.amended(Amendment{Reason: a.Reason, Before: before, Signatures: a.Signatures}, rev, by)
	in.sealAmendment(a, content, rev, by)
	in.log(by.event(CmdAmend, old.Status, to, a.Reason, a.Extra))
	return in, nil
}

// Settle is "inspection.settle": a person on the team, or a supervisor, decides what the machine would not. Taking the
// offered value of a submitted record changes it, so it is entered as an amendment and needs a note.
// It returns ErrUnsettled if there is no such open conflict or proposal.
func Settle(old Inspection, a SettleArgs, rev store.Rev, by Cause) (Inspection, error) {
	if err := a.check(); err != nil {
		return Inspection{}, err
	}
	in := old
	if in.knows(by.Mutation) {
		return in, nil
	}
	to, err := moveInspection(&in, CmdSettle)
	if err != nil {
		return Inspection{}, err
	}
	if !in.Member(by.User) && by.As != Supervisor {
		return Inspection{}, ErrNotTeam
	}
	done := &Settled{By: by.User, At: ms(by.ServerTime), Take: a.Take, Note: a.Note}
	if err := in.settle(a, done, rev, by); err != nil {
		return Inspection{}, err
	}
	in.log(by.event(CmdSettle, old.Status, to, a.Note, a.Extra))
	return in, nil
}

// settle marks what a names as decided and, for a conflict's offered value, puts it in place.
func (in *Inspection) settle(a SettleArgs, done *Settled, rev store.Rev, by Cause) error {
	if a.wholeProposal() {
		at := slices.IndexFunc(in.Proposals, func(p Proposal) bool { return p.Mutation == a.Mutation && p.Settled == nil })
		if at < 0 {
			return ErrUnsettled.At("/mutation")
		}
		if a.Take == TakeOffered { // adopting is an amendment's work, with its reason and signature
			return ErrBadValue.At("/take").Saying("采纳补充内容须通过更正办理")
		}
		in.Proposals = slices.Clone(in.Proposals)
		in.Proposals[at].Settled = done
		return nil
	}
	at := slices.IndexFunc(in.Conflicts, func(c Conflict) bool {
		return c.Mutation == a.Mutation && c.Settled == nil && a.names(c.Offered)
	})
	if at < 0 {
		return ErrUnsettled.At("/mutation")
	}
	if a.Take == TakeOffered && in.Status == Submitted && a.Note == "" {
		return ErrReason.At("/note")
	}
	in.Conflicts = slices.Clone(in.Conflicts)
	in.Conflicts[at].Settled = done
	if a.Take != TakeOffered {
		return nil
	}
	var before []Side
	o := in.Conflicts[at].Offered
	decided := by
	decided.N = 0 // a decision is not a link of a tablet's chain: only who has pulled it has seen it
	m := merger{in: in, base: rev, rev: rev, by: decided, before: &before}
	switch {
	case o.Answer != nil:
		in.Answers = merge(&m, answers, in.Answers, []Answer{*o.Answer})
	case o.Fact != nil:
		in.Facts = merge(&m, facts, in.Facts, []Fact{*o.Fact})
	case o.Finding != nil:
		in.Findings = merge(&m, findings, in.Findings, []Finding{*o.Finding})
	case o.Header != nil:
		m.header(o.Header)
	}
	if in.Status == Submitted {
		in.amended(Amendment{Reason: a.Note, Before: before}, rev, by)
		in.Mark(MarkUnsigned)
	}
	return nil
}

// Note is "inspection.remark": an internal note of a supervisor, seen by supervisors only.
func Note(old Inspection, a RemarkArgs, by Cause) (Inspection, error) {
	if err := a.check(); err != nil {
		return Inspection{}, err
	}
	if _, err := moveInspection(&old, CmdRemark); err != nil {
		return Inspection{}, err
	}
	in := old
	in.Remarks = remark(in.Remarks, a, by)
	return in, nil
}

// remark adds a note once. Remarks leave no line in the history: its readers would learn that there is one.
func remark(rs []Remark, a RemarkArgs, by Cause) []Remark {
	if by.Mutation != "" && slices.ContainsFunc(rs, func(r Remark) bool { return r.Mutation == by.Mutation }) {
		return rs
	}
	return append(slices.Clip(rs), Remark{
		At: ms(by.ServerTime), By: by.User, Mutation: by.Mutation, Text: a.Text, Extra: a.Extra,
	})
}

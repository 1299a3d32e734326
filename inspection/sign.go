package inspection

import (
	"errors"
	"slices"

	"paicha/inspection/attest"
	"paicha/internal/fault"
	"paicha/internal/store"
)

// SignArgs is "inspection.sign": one more signature of a content that is under the record.
type SignArgs struct {
	Hash      attest.Hash      `json:"hash"`
	Signature attest.Signature `json:"signature"`
	Extra     Extra            `json:",embed"`
}

// DeclineArgs is "inspection.decline": a refusal to sign, with the reason. Without a hash it is about the last content.
// Signature is of attest.DeclineMessage, and may be missing.
type DeclineArgs struct {
	Hash      attest.Hash       `json:"hash,omitzero"`
	Reason    string            `json:"reason"`
	Signature *attest.Signature `json:"signature,omitzero"`
	Extra     Extra             `json:",embed"`
}

func (a SignArgs) check() error {
	c := checker{}
	c.name(string(a.Hash), true, "/hash", -1, "")
	return c.err
}

func (a DeclineArgs) check() error {
	c := checker{}
	c.name(string(a.Hash), false, "/hash", -1, "")
	c.reason(a.Reason, "/reason")
	return c.err
}

// Sign is "inspection.sign": a colleague of the team, or the enterprise's representative, signs the same content as the
// leader, by the hash. The same person with the same key again changes nothing. It returns ErrOtherContent for a hash
// that is not the record's, attest.ErrSignature, and ErrNotTeam for somebody whose name is not asked for.
func Sign(old Inspection, a SignArgs, by Cause) (Inspection, error) {
	in, at, err := old.under(CmdSign, a.check(), a.Hash, by)
	if err != nil || at < 0 {
		return in, err
	}
	s := &in.Attestations[at]
	key, err := a.Signature.Check(by.Key, attest.Message(s.Hash))
	if err != nil {
		return Inspection{}, pointed(err, "/signature")
	}
	again := slices.ContainsFunc(s.Signatures, func(x attest.Seal) bool { return x.User == by.User && x.Key == key })
	if again {
		return old, nil
	}
	if len(s.Signatures) >= 2*MaxTeam {
		return Inspection{}, ErrTooMany.At("/signature")
	}
	s.Signatures = append(slices.Clip(s.Signatures), in.seal(key, a.Signature, by))
	s.Waiting = in.waiting(s)
	in.log(by.event(CmdSign, old.Status, in.Status, "", a.Extra))
	return in, nil
}

// Decline is "inspection.decline": a colleague or the enterprise's representative will not sign, and says why. It takes
// no signature back. It returns ErrReason, ErrOtherContent, ErrNotTeam, and attest.ErrSignature for a signature that is
// there and wrong.
func Decline(old Inspection, a DeclineArgs, by Cause) (Inspection, error) {
	if a.Hash == "" {
		a.Hash = old.lastContent()
	}
	in, at, err := old.under(CmdDecline, a.check(), a.Hash, by)
	if err != nil || at < 0 {
		return in, err
	}
	s := &in.Attestations[at]
	d := attest.Decline{
		User: by.User, As: in.part(by), Device: by.Device, Reason: a.Reason, Signature: a.Signature,
		At: ms(by.DeviceTime), ReceivedAt: ms(by.ServerTime), Mutation: string(by.Mutation),
	}
	if a.Signature != nil {
		if d.Key, err = a.Signature.Check(by.Key, attest.DeclineMessage(s.Hash, a.Reason)); err != nil {
			return Inspection{}, pointed(err, "/signature")
		}
	}
	if slices.ContainsFunc(s.Declined, func(x attest.Decline) bool { return x.User == by.User && x.Reason == a.Reason }) {
		return old, nil
	}
	if len(s.Declined) >= 2*MaxTeam {
		return Inspection{}, ErrTooMany.At("/reason")
	}
	s.Declined = append(slices.Clip(s.Declined), d)
	in.log(by.event(CmdDecline, old.Status, in.Status, a.Reason, a.Extra))
	return in, nil
}

// under finds the content that a person signs or declines, in a copy of the record that may be changed. at is negative
// where the mutation was here before.
func (in Inspection) under(c Command, form error, h attest.Hash, by Cause) (_ Inspection, at int, err error) {
	if form != nil {
		return Inspection{}, -1, form
	}
	if in.knows(by.Mutation) {
		return in, -1, nil
	}
	if _, err := moveInspection(&in, c); err != nil {
		return Inspection{}, -1, err
	}
	if in.part(by) == "" {
		return Inspection{}, -1, ErrNotTeam.Saying("您不是本次检查的检查人员，也不是被检查企业的代表，不需要签名")
	}
	in.Attestations = slices.Clone(in.Attestations)
	at = slices.IndexFunc(in.Attestations, func(s attest.Sealed) bool { return s.Hash == h })
	if at < 0 {
		return Inspection{}, -1, ErrOtherContent.At("/hash")
	}
	return in, at, nil
}

// part is the part in which somebody signs; empty for who is not asked to.
func (in *Inspection) part(by Cause) string {
	switch {
	case in.Member(by.User):
		return attest.AsTeam
	case by.As == Enterprise:
		return attest.AsEnterprise
	}
	return ""
}

// open checks what a device signed before anything is made of it; nil for an app that does not sign.
func open(s *attest.Signed, id ID, kind string, by Cause) (*attest.Content, error) {
	if s == nil {
		return nil, nil //nolint:nilnil // absent is no fault: older apps do not sign
	}
	c, err := attest.ReadContent(s.Content)
	if err != nil {
		return nil, pointed(err, "/signed/content")
	}
	if c.Type != kind || c.Inspection != string(id) {
		return nil, ErrOtherContent.At("/signed/content")
	}
	if _, err := s.Signature.Check(by.Key, attest.Message(attest.Sum(s.Content))); err != nil {
		return nil, pointed(err, "/signed/signature")
	}
	return &c, nil
}

// pointed says where in the arguments a fault is.
func pointed(err error, field string) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.At(field)
	}
	return err
}

// chains checks that an amendment amends something that was signed of this record.
func (in *Inspection) chains(c *attest.Content) error {
	known := c.Amends == "" && len(in.Attestations) == 0 ||
		slices.ContainsFunc(in.Attestations, func(s attest.Sealed) bool { return s.Hash == c.Amends })
	if !known {
		return ErrOtherContent.At("/signed/content")
	}
	return nil
}

// lastContent is the hash of what was signed last; empty if nothing was.
func (in *Inspection) lastContent() attest.Hash {
	if n := len(in.Attestations); n > 0 {
		return in.Attestations[n-1].Hash
	}
	return ""
}

// sealRecord keeps what was signed of a submission, byte for byte, and says where it differs from the record.
func (in *Inspection) sealRecord(s *attest.Signed, c *attest.Content, rev store.Rev, by Cause) {
	if s == nil {
		in.Mark(MarkUnsigned)
		return
	}
	in.Submitted.Representative = c.Representative
	own, err := Content(in)
	in.Submitted.Content = in.keep(s, own, err, rev, by)
}

// sealAmendment does the same for an amendment, which is the last one of the record.
func (in *Inspection) sealAmendment(a AmendArgs, c *attest.Content, rev store.Rev, by Cause) {
	if c == nil {
		in.Mark(MarkUnsigned)
		return
	}
	own, err := contentOfAmendment(in, &a, in.lastContent())
	in.Amendments[len(in.Amendments)-1].Content = in.keep(a.Signed, own, err, rev, by)
}

// keep enters a signed content. own is the one that the record would have, or the reason why it has none.
func (in *Inspection) keep(s *attest.Signed, own string, err error, rev store.Rev, by Cause) attest.Hash {
	k := attest.Sealed{Hash: attest.Sum(s.Content), Content: s.Content, Rev: uint64(rev), Mutation: string(by.Mutation)}
	if err == nil && own != s.Content {
		k.Differs, err = attest.Diff(s.Content, own)
	}
	if err != nil { // the record has no canonical form: all of it differs
		k.Differs = []attest.Difference{{Pointer: ""}}
	}
	if len(k.Differs) > 0 {
		in.Mark(MarkDiffers)
	}
	in.Attestations = slices.Clone(in.Attestations)
	at := slices.IndexFunc(in.Attestations, func(x attest.Sealed) bool { return x.Hash == k.Hash })
	if at < 0 { // two may have amended the same with the same words
		at = len(in.Attestations)
		in.Attestations = append(in.Attestations, k)
	}
	kept := &in.Attestations[at]
	if key, err := by.Key.Fingerprint(); err == nil { // it verified a moment ago
		kept.Signatures = append(slices.Clip(kept.Signatures), in.seal(key, s.Signature, by))
	}
	kept.Waiting = in.waiting(kept)
	return k.Hash
}

func (in *Inspection) seal(key string, s attest.Signature, by Cause) attest.Seal {
	as := in.part(by)
	if as == "" {
		as = attest.AsSupervisor // who amends without being on the team
	}
	return attest.Seal{
		User: by.User, As: as, Device: by.Device, Key: key, Signature: s,
		At: ms(by.DeviceTime), ReceivedAt: ms(by.ServerTime), Mutation: string(by.Mutation),
	}
}

// waiting are those of the team who have not signed a content.
func (in *Inspection) waiting(s *attest.Sealed) []UserID {
	var out []UserID
	for _, u := range in.Team {
		if !s.HasSigned(u) {
			out = append(out, u)
		}
	}
	return out
}

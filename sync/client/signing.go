package client

import (
	"cmp"
	"math"
	"slices"

	"paicha/inspection"
	"paicha/inspection/attest"
	"paicha/internal/directory"
	fieldsync "paicha/sync"

	"github.com/go-json-experiment/json"
)

// Submit signs the record with the device key and queues its submission. What is signed is the record as this tablet
// has it: what was pulled, its own saves that wait, and args. r is the enterprise's side as the inspectors recorded it;
// nil for none. It works without a network. ErrNoRecord if the tablet has nothing of this inspection.
func (t *Tablet) Submit(id string, args inspection.SubmitArgs, r *inspection.Representative) (fieldsync.MutationID, error) {
	in, held, err := t.record(id)
	if err != nil {
		return "", err
	}
	if args.At.IsZero() {
		args.At = t.Now()
	}
	content, err := inspection.Prepare(in, args, r, held.Rev, t.cause(in, math.MaxUint64))
	if err != nil {
		return "", err
	}
	if args.Signed, err = t.seal(content); err != nil {
		return "", err
	}
	return t.Save(string(inspection.CmdSubmit), recordRef(id), args)
}

// Amend signs an amendment with the device key and queues it; it amends the last signed content that was pulled. Faults
// are those of inspection.Amend, and ErrNoRecord.
func (t *Tablet) Amend(id string, args inspection.AmendArgs) (fieldsync.MutationID, error) {
	in, held, err := t.record(id)
	if err != nil {
		return "", err
	}
	if args.At.IsZero() {
		args.At = t.Now()
	}
	content, err := inspection.PrepareAmendment(in, args, held.Rev, t.cause(in, math.MaxUint64))
	if err != nil {
		return "", err
	}
	if args.Signed, err = t.seal(content); err != nil {
		return "", err
	}
	return t.Save(string(inspection.CmdAmend), recordRef(id), args)
}

// Sign signs every content of a pulled record that this person has not signed yet, as a colleague or as the enterprise's
// representative: the record and its amendments. It returns what it queued, in that order. The hashes are computed from
// the contents, never taken from the server. ErrNoRecord if nothing is signed of it here.
func (t *Tablet) Sign(id string) ([]fieldsync.MutationID, error) {
	contents, err := t.contents(id)
	if err != nil {
		return nil, err
	}
	user, _ := t.Session()
	var out []fieldsync.MutationID
	for i := range contents {
		if contents[i].HasSigned(directory.UserID(user)) {
			continue
		}
		s, err := t.seal(contents[i].Content)
		if err != nil {
			return out, err
		}
		m, err := t.Save(string(inspection.CmdSign), recordRef(id), inspection.SignArgs{
			Hash: attest.Sum(s.Content), Signature: s.Signature,
		})
		if err != nil {
			return out, err
		}
		out = append(out, m)
	}
	return out, nil
}

// Decline refuses to sign the last content, with the reason, and signs the refusal. ErrNoRecord as Sign.
func (t *Tablet) Decline(id, reason string) (fieldsync.MutationID, error) {
	contents, err := t.contents(id)
	if err != nil {
		return "", err
	}
	hash := attest.Sum(contents[len(contents)-1].Content)
	value, err := t.sign(string(attest.DeclineMessage(hash, reason)))
	if err != nil {
		return "", err
	}
	return t.Save(string(inspection.CmdDecline), recordRef(id), inspection.DeclineArgs{
		Hash: hash, Reason: reason, Signature: &attest.Signature{Alg: attest.ES256, Value: value},
	})
}

func recordRef(id string) fieldsync.DocRef { return fieldsync.DocRef{Kind: inspection.Kind, ID: id} }

// contents are what was signed of a record, at least one. Each is of that inspection: nobody signs what is shown as
// something else.
func (t *Tablet) contents(id string) ([]attest.Sealed, error) {
	in, _, err := t.record(id)
	if err != nil {
		return nil, err
	}
	if len(in.Attestations) == 0 {
		return nil, ErrNoRecord
	}
	for i := range in.Attestations {
		c, err := attest.ReadContent(in.Attestations[i].Content)
		if err != nil {
			return nil, err
		}
		if c.Inspection != id {
			return nil, inspection.ErrOtherContent
		}
	}
	return in.Attestations, nil
}

// seal signs a content with the device key.
func (t *Tablet) seal(content string) (*attest.Signed, error) {
	value, err := t.sign(string(attest.Message(attest.Sum(content))))
	if err != nil {
		return nil, err
	}
	return &attest.Signed{Content: content, Signature: attest.Signature{Alg: attest.ES256, Value: value}}, nil
}

// record is an inspection as this tablet knows it: as it was pulled, with the saves of its own that have not come back.
func (t *Tablet) record(id string) (inspection.Inspection, Doc, error) {
	if t.replica == nil || t.outbox == nil {
		return inspection.Inspection{}, Doc{}, ErrClosed
	}
	ref := recordRef(id)
	held, ok := t.replica.Get(ref)
	var in *inspection.Inspection
	if ok {
		pulled, err := inspection.Decode(held.Body, nil)
		if err != nil {
			return inspection.Inspection{}, held, ErrDamaged.Because(err)
		}
		in = &pulled
	}
	own := t.outbox.All()
	slices.SortFunc(own, func(a, b Queued) int { return cmp.Compare(a.N, b.N) })
	rev := held.Rev
	for _, q := range own {
		lost := q.Result != nil && (q.Result.Status == fieldsync.Rejected || q.Result.Status == fieldsync.Quarantined)
		if q.Doc != ref || q.Name != string(inspection.CmdSave) || lost {
			continue
		}
		var m fieldsync.Mutation
		if err := json.Unmarshal(q.Raw, &m); err != nil {
			return inspection.Inspection{}, held, ErrDamaged.Because(err)
		}
		args, err := inspection.DecodeArgs[inspection.SaveArgs](m.Args)
		if err != nil {
			continue // the server will say what is wrong with it
		}
		by := t.cause(inspection.Inspection{}, q.N)
		by.Mutation = inspection.MutationID(m.ID)
		next, err := inspection.Save(in, inspection.ID(id), args, m.BaseRev, rev+1, by)
		if err != nil {
			continue
		}
		rev++
		in = &next
	}
	if in == nil {
		return inspection.Inspection{}, held, ErrNoRecord
	}
	return *in, held, nil
}

// cause is this tablet's part in a change that is only tried out. n is the mutation's number, or beyond all of them.
func (t *Tablet) cause(in inspection.Inspection, n uint64) inspection.Cause {
	user, device := t.Session()
	by := inspection.Cause{
		User: directory.UserID(user), Device: directory.DeviceID(device), N: n, As: inspection.Inspector,
		DeviceTime: t.Now(), ServerTime: t.Now(),
	}
	if in.Status == inspection.Submitted && !in.Member(by.User) {
		by.As = inspection.Supervisor
	}
	return by
}

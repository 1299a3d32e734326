package sync

import (
	"context"
	"errors"
	"slices"

	"paicha/checklist"
	"paicha/inspection"
	"paicha/internal/directory"
	"paicha/internal/fault"
	"paicha/internal/store"
)

// working is a document being changed by the mutations of one unit.
type working struct {
	old        store.Doc
	memory     []byte
	tokens     []store.Token // those it has now, for deciding rights
	inspection *inspection.Inspection
	hazard     *inspection.Hazard
	evidence   *evidence
	quarantine *Quarantine
	rewritten  bool // the body changed, not only the memory
	changed    bool

	conflicts, proposals int // before a mutation, to see whether it made one
}

// decode reads the body when a command first needs it. A tombstone and an absent document have none.
func (w *working) decode() error {
	if w.old.Rev == 0 || w.inspection != nil || w.hazard != nil || w.evidence != nil || w.quarantine != nil {
		return nil
	}
	switch w.old.Kind {
	case inspection.Kind:
		in, err := inspection.Decode(w.old.Body, w.old.Restricted)
		if err != nil {
			return err
		}
		w.inspection = &in
	case inspection.KindHazard:
		h, err := inspection.DecodeHazard(w.old.Body, w.old.Restricted)
		if err != nil {
			return err
		}
		w.hazard = &h
	case KindEvidence:
		e, err := decodeEvidence(w.old)
		if err != nil {
			return err
		}
		w.evidence = &e
	case KindQuarantine:
		q, err := readQuarantine(w.old)
		if err != nil {
			return err
		}
		w.quarantine = &q.body
	}
	return nil
}

func (w *working) count() {
	if w.inspection != nil {
		w.conflicts, w.proposals = len(w.inspection.Conflicts), len(w.inspection.Proposals)
	}
}

// disputed tells whether the mutation just applied stands beside another value, and which way.
func (w *working) disputed() *fault.Error {
	switch {
	case w.inspection == nil:
		return nil
	case len(w.inspection.Proposals) > w.proposals:
		return ErrProposal
	case len(w.inspection.Conflicts) > w.conflicts:
		return ErrConflict
	}
	return nil
}

func (w *working) become(in *inspection.Inspection) {
	w.inspection, w.rewritten = in, true
	w.tokens = inspection.Tokens(in)
}

// write is the document as it is to be stored.
func (w *working) write() (store.Write, error) {
	n := w.old
	n.Memory = w.memory
	if w.rewritten {
		var err error
		switch {
		case w.inspection != nil:
			n.Tokens, n.Fields = inspection.Tokens(w.inspection), inspection.Fields(w.inspection)
			n.Body, n.Restricted, err = inspection.Encode(w.inspection)
		case w.hazard != nil:
			n.Tokens, n.Fields = inspection.HazardTokens(w.hazard), inspection.HazardFields(w.hazard)
			n.Body, n.Restricted, err = inspection.EncodeHazard(w.hazard)
		case w.evidence != nil:
			n.Tokens = w.tokens
			n.Fields = w.evidence.fields(w.old.Fields, w.tokens)
			n.Body, n.Restricted, err = encodeEvidence(w.evidence)
		case w.quarantine != nil:
			n.Body, n.Fields, err = w.quarantine.parts()
		}
		if err != nil {
			return store.Write{}, err
		}
	}
	return store.Write{Old: w.old, New: n}, nil
}

// cause says who, with which device, when and where, and in which part the policy table let them.
func (p *push) cause(m *mutation, w *working) inspection.Cause {
	by := inspection.Cause{
		User: p.sess.User.ID, Device: p.device, DeviceTime: m.At, ServerTime: p.now, N: m.N,
		Mutation: inspection.MutationID(m.ID), As: p.part(m, w.tokens), Place: m.place(), Correction: p.correction,
		Key: p.key,
	}
	if p.released != nil {
		by.ReleasedBy = p.released.by
	}
	return by
}

// part is the audience under which the user acts: the supervisor's grant before the inspector's.
func (p *push) part(m *mutation, tokens []store.Token) inspection.Audience {
	u := p.sess.User
	for _, r := range []directory.Role{directory.RoleSupervisor, directory.RoleInspector, directory.RoleEnterprise} {
		if !u.Has(r) {
			continue
		}
		one := u
		one.Roles = []directory.Role{r}
		if len(u.Roles) == 1 || allowedAs(one, m.Name, tokens, p) {
			return inspection.Audience(r)
		}
	}
	return inspection.Inspector
}

// judge recomputes the flags of an inspection with the pack that its inspectors saw.
func (s *Service) judge(in *inspection.Inspection, rev store.Rev, by inspection.Cause) error {
	pack, err := s.Packs.Get(checklist.PackRef(in.Header.Pack.ID))
	if err != nil && !errors.Is(err, checklist.ErrPackUnknown) {
		return err
	}
	v := inspection.JudgeBy(in, s.Packs)
	for _, h := range v.Human {
		if h.Failed && s.Meter != nil {
			s.Meter.RuleFailed(v.Pack, string(h.Rule))
		}
	}
	*in = inspection.Judged(*in, v, pack != nil, rev, by)
	if pack != nil && in.Header.Pack.Hash != "" && in.Header.Pack.Hash != string(pack.Hash()) {
		in.Mark(inspection.MarkPackHash)
	}
	return nil
}

// complete makes the hazards durable that an inspection calls for, and then says so in the inspection. It may be done
// by several at once and again after a crash: hazard ids follow from the findings, and an effect of an older rev does
// nothing.
func (s *Service) complete(ctx context.Context, id inspection.ID) error {
	ref := store.Ref{Kind: inspection.Kind, ID: string(id)}
	for range maxRounds {
		d, err := s.Store.One(ctx, ref)
		if err != nil {
			return err
		}
		in, err := inspection.Decode(d.Body, d.Restricted)
		if err != nil || in.PendingEffects == nil {
			return err
		}
		rev := in.PendingEffects.Rev
		s.reached(BeforeHazards)
		again, err := s.derive(ctx, &in)
		if err != nil {
			return err
		}
		if again {
			continue
		}
		s.reached(AfterHazards)
		done := inspection.Complete(in, rev)
		w := working{old: d, memory: d.Memory, rewritten: true}
		w.become(&done)
		one, err := w.write()
		if err != nil {
			return err
		}
		outs, err := s.Store.Commit(ctx, []store.Write{one})
		if err != nil {
			return err
		}
		if outs[0].Status == store.OK {
			return nil
		}
	}
	return ErrBusy
}

// derive writes the hazards that an inspection's pending effects call for; again tells that some were changed meanwhile.
func (s *Service) derive(ctx context.Context, in *inspection.Inspection) (again bool, err error) {
	refs := make([]store.Ref, len(in.PendingEffects.Hazards))
	for i, h := range in.PendingEffects.Hazards {
		refs[i] = store.Ref{Kind: inspection.KindHazard, ID: string(h)}
	}
	docs, err := s.Store.Get(ctx, refs...)
	if err != nil {
		return false, err
	}
	known := make(map[inspection.HazardID]inspection.Hazard, len(docs))
	old := make(map[inspection.HazardID]store.Doc, len(docs))
	for i, d := range docs {
		id := in.PendingEffects.Hazards[i]
		d.Ref = refs[i]
		old[id] = d
		if d.Rev > 0 {
			h, err := inspection.DecodeHazard(d.Body, d.Restricted)
			if err != nil {
				return false, err
			}
			known[id] = h
		}
	}
	var writes []store.Write
	for _, h := range inspection.Derive(in, known) {
		w := working{old: old[h.ID], memory: old[h.ID].Memory, hazard: &h, rewritten: true}
		one, err := w.write()
		if err != nil {
			return false, err
		}
		writes = append(writes, one)
	}
	outs, err := s.Store.Commit(ctx, writes)
	if err != nil {
		return false, err
	}
	if in.Submitted != nil && in.PendingEffects.Rev > in.Submitted.Rev { // those of a first submission never were in history
		if err := s.bringCompanions(ctx, refs); err != nil {
			return false, err
		}
	}
	return slices.ContainsFunc(outs, func(o store.Outcome) bool { return o.Status != store.OK }), nil
}

// Recover completes what a stop or crash left pending, and judges the inspections whose pack has come since; call it
// before serving. It returns how many inspections it changed.
func (s *Service) Recover(ctx context.Context) (int, error) {
	n := 0
	err := s.each(ctx, inspection.Kind, "unjudged", func(id string) error {
		judged, err := s.rejudge(ctx, inspection.ID(id))
		if judged {
			n++
		}
		return err
	})
	if err != nil {
		return n, err
	}
	err = s.each(ctx, inspection.Kind, "pendingEffects", func(id string) error {
		n++
		return s.complete(ctx, inspection.ID(id))
	})
	if err != nil {
		return n, err
	}
	return n, s.each(ctx, KindQuarantine, "releasing", func(id string) error {
		n++
		return s.completeRelease(ctx, id)
	})
}

// each calls f for every document of a kind with a flag.
func (s *Service) each(ctx context.Context, kind store.Kind, field string, f func(id string) error) error {
	var after store.PageKey
	for {
		page, err := s.Store.Find(ctx, store.Query{
			Kind: kind, Where: []store.Cond{store.Where(field, store.Eq, store.Num(1))}, After: after, Limit: 100,
		})
		if err != nil {
			return err
		}
		for _, d := range page.Docs {
			if err := f(d.ID); err != nil {
				return err
			}
		}
		if after = page.Next; after == (store.PageKey{}) {
			return nil
		}
	}
}

// rejudge judges a submitted inspection that had no pack when it came; false while the pack is still not here.
func (s *Service) rejudge(ctx context.Context, id inspection.ID) (bool, error) {
	ref := store.Ref{Kind: inspection.Kind, ID: string(id)}
	for range maxRounds {
		d, err := s.Store.One(ctx, ref)
		if err != nil {
			return false, err
		}
		in, err := inspection.Decode(d.Body, d.Restricted)
		if err != nil || !in.Unjudged {
			return false, err
		}
		by := inspection.Cause{ServerTime: s.Now()}
		if err := s.judge(&in, d.Rev+1, by); err != nil || in.Unjudged {
			return false, err
		}
		w := working{old: d, memory: d.Memory}
		w.become(&in)
		one, err := w.write()
		if err != nil {
			return false, err
		}
		outs, err := s.Store.Commit(ctx, []store.Write{one})
		if err != nil {
			return false, err
		}
		if outs[0].Status == store.OK {
			return true, s.complete(ctx, id)
		}
	}
	return false, ErrBusy
}

package inspection

import (
	"slices"

	"paicha/checklist"
	"paicha/internal/store"
)

// Judge recomputes every flag with the pack that the inspector saw; nil means that it is not here (yet), and then what
// the device raised stands alone. Values that wait in an open conflict are judged too, and the graver flags.
func Judge(in *Inspection, pack *checklist.Pack) Verdict {
	v := Verdict{Pack: in.Header.Pack.ID}
	for _, f := range in.Findings {
		f.ByDevice = true
		v.add(f)
	}
	if pack != nil {
		v.judge(in.Answers, in.Facts, pack)
		other, facts, open := in.otherValues()
		if open {
			v.judge(other, facts, pack)
		}
	}
	slices.Sort(v.Unknown)
	v.Unknown = slices.Compact(v.Unknown)
	for i := range v.Findings {
		switch v.Findings[i].Class {
		case Major:
			v.Major++
		case KeyCase:
			v.Key++
		default:
			v.General++
		}
	}
	return v
}

// otherValues are the answers and facts with the offered sides of open conflicts in place.
func (in *Inspection) otherValues() (as []Answer, fs []Fact, open bool) {
	as, fs = slices.Clone(in.Answers), slices.Clone(in.Facts)
	for i := range in.Conflicts {
		c := &in.Conflicts[i]
		if c.Settled != nil {
			continue
		}
		if o := c.Offered.Answer; o != nil {
			if at := slices.IndexFunc(as, func(a Answer) bool { return a.Key() == o.Key() }); at >= 0 {
				as[at], open = *o, true
			}
		}
		if o := c.Offered.Fact; o != nil {
			if at := slices.IndexFunc(fs, func(f Fact) bool { return f.Name == o.Name }); at >= 0 {
				fs[at], open = *o, true
			}
		}
	}
	return as, fs, open
}

func (v *Verdict) judge(as []Answer, fs []Fact, pack *checklist.Pack) {
	given := make([]checklist.Answer, len(as))
	for i := range as {
		a := &as[i]
		given[i] = checklist.Answer{
			Item: checklist.ItemCode(a.Item), Instance: string(a.Instance), Result: checklist.Result(a.Result),
			Number: a.Number, Unit: a.Unit, Count: a.Count, Choice: a.Choice, Text: a.Text, Date: checklist.Day(a.Date),
		}
	}
	known := make(checklist.Facts, len(fs))
	for i := range fs {
		switch f := &fs[i]; {
		case f.Yes != nil:
			known[checklist.FactCode(f.Name)] = checklist.FactBool(*f.Yes)
		case f.Number != nil:
			known[checklist.FactCode(f.Name)] = checklist.FactNumber(*f.Number)
		case f.Text != "":
			known[checklist.FactCode(f.Name)] = checklist.FactChoice(f.Text)
		}
	}
	out := pack.Judge(given, known)
	for _, f := range out.Findings {
		g := Finding{
			Rule: RuleID(f.Rule), Instance: Instance(f.Instance), Class: Class(f.Class), Explanation: f.Explanation,
			ByServer: true,
		}
		for _, it := range f.Items {
			g.Items = append(g.Items, ItemID(it))
		}
		for _, c := range f.Clauses {
			g.Citations = append(g.Citations, Citation{
				Standard: string(c.Standard), Clause: c.Clause, Title: c.Title, Verified: c.Verified && f.Settled(),
			})
		}
		v.add(g)
	}
	for _, q := range out.Open {
		for _, r := range q.Rules {
			v.Unknown = append(v.Unknown, RuleID(r))
		}
	}
}

// add keeps the graver of two flags of one thing, and everything else that either knows.
func (v *Verdict) add(f Finding) {
	if f.Class.Rank() == 0 {
		f.Class = General
	}
	at, found := slices.BinarySearchFunc(v.Findings, f, func(a, b Finding) int { return compareFindings(&a, &b) })
	if !found {
		v.Findings = slices.Insert(v.Findings, at, f)
		return
	}
	s := &v.Findings[at]
	liftFinding(s, &f)
	s.ByDevice, s.ByServer = s.ByDevice || f.ByDevice, s.ByServer || f.ByServer
	if len(s.Citations) == 0 {
		s.Citations = f.Citations
	}
	if s.Explanation == "" {
		s.Explanation = f.Explanation
	}
	if len(s.Items) == 0 {
		s.Items = f.Items
	}
}

// Judged enters a verdict in the record at revision rev and names the hazards that must follow. known tells whether the
// pack was here. A draft calls for its major hazards alone; a submitted record for all.
func Judged(in Inspection, v Verdict, known bool, rev store.Rev, by Cause) Inspection {
	v.Rev = rev
	in.Verdict, in.Unjudged = &v, !known
	if known {
		in.Unmark(MarkUnknownPack)
	} else {
		in.Mark(MarkUnknownPack)
	}
	for _, f := range in.called() {
		id := NewHazardID(in.ID, f)
		if at, ok := slices.BinarySearch(in.Hazards, id); !ok {
			in.Hazards = slices.Insert(slices.Clone(in.Hazards), at, id)
		}
	}
	if len(in.Hazards) > 0 {
		in.PendingEffects = &Pending{Rev: rev, Hazards: in.Hazards, Cause: by.event(CmdDerive, "", "", "", nil)}
	}
	return in
}

// called are the findings that hazards stand for.
func (in *Inspection) called() []Finding {
	if in.Verdict == nil {
		return nil
	}
	var out []Finding
	for _, f := range in.Verdict.Findings {
		if in.Status == Submitted || f.Class == Major {
			out = append(out, f)
		}
	}
	return out
}

// Derive returns the hazards that differ from what is known, complete and in the order of their ids: new, raised,
// marked or published, never lowered or deleted. The same record and known hazards give the same result, whoever asks.
func Derive(in *Inspection, known map[HazardID]Hazard) []Hazard {
	p := in.PendingEffects
	if p == nil {
		return nil
	}
	called := map[HazardID]Finding{}
	for _, f := range in.called() {
		called[NewHazardID(in.ID, f)] = f
	}
	var out []Hazard
	for _, id := range p.Hazards {
		f, wanted := called[id]
		h, exists := known[id]
		switch {
		case exists && h.InspectionRev >= p.Rev, !exists && !wanted:
			continue
		case !exists:
			h = in.newHazard(id, f)
		default:
			h = in.revise(h, f, wanted)
		}
		h.InspectionRev, h.Draft, h.Team = p.Rev, in.Status != Submitted, in.Team
		e := p.Cause
		e.To = h.Status
		h.History = append(slices.Clip(h.History), e)
		out = append(out, h)
	}
	return out
}

func (in *Inspection) newHazard(id HazardID, f Finding) Hazard {
	d := &in.Header
	h := Hazard{
		ID: id, Inspection: in.ID, Task: d.Task, Unit: d.Unit, Region: d.Region, Sectors: d.Sectors, Mode: d.Mode,
		Class: f.Class, Suspected: true, Source: FromDepartment, Status: Reported, Rule: f.Rule, Finding: f.ID,
		Instance: f.Instance, Items: f.Items, Citations: f.Citations, Title: f.Title, Explanation: f.Explanation,
		Photos: f.Photos, Owner: Owner{Region: d.Region, Department: d.Department}, Departments: d.Departments,
		OccurredAt: f.At, ReceivedAt: in.PendingEffects.Cause.At,
	}
	switch d.Mode {
	case SelfCheck:
		h.Source = FromEnterprise
	case Supervision:
		h.Source = FromSupervision
	}
	if h.OccurredAt.IsZero() {
		h.OccurredAt = ms(d.StartedAt)
	}
	return h
}

// revise brings a hazard up to the record. What it no longer supports is marked for a supervisor; what it calls graver
// is raised; a withdrawn one that an amendment calls for anew and graver is reopened.
func (in *Inspection) revise(h Hazard, f Finding, wanted bool) Hazard {
	h.Marks.Amended = h.Marks.Amended || len(in.Amendments) > 0
	h.Marks.Unsupported = !wanted
	if !wanted {
		return h
	}
	raised := f.Class.Rank() > h.Class.Rank()
	h.Marks.Raised = h.Marks.Raised || raised
	h.Class = Graver(h.Class, f.Class)
	h.Photos, _ = union(h.Photos, f.Photos)
	if to, ok := Next(h.Status, CmdReopen); ok && raised {
		h.Status, h.Suspected = to, true
	}
	return h
}

// Complete clears the pending effects of revision rev once all are durable; of another revision it changes nothing.
func Complete(in Inspection, rev store.Rev) Inspection {
	if in.PendingEffects != nil && in.PendingEffects.Rev == rev {
		in.PendingEffects = nil
	}
	return in
}

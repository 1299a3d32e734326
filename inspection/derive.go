package inspection

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"paicha/internal/store"
)

// Judged enters a verdict in the record at revision rev and names the hazards that must follow. known tells whether the
// pack was here. A draft calls for its major hazards alone; a submitted record for all. When the hazards already
// reflect all of it, none are named; what was pending stays pending.
func Judged(in Inspection, v Verdict, known bool, rev store.Rev, by Cause) Inspection {
	told := ""
	if in.Verdict != nil {
		told = in.Verdict.Told
	}
	v.Rev = rev
	in.Verdict, in.Unjudged = &v, !known
	in.markIf(MarkUnknownPack, !known)
	in.markIf(MarkNeedsHuman, len(v.Human) > 0)
	in.markIf(MarkOldStandard, v.Second != nil)
	called := in.called()
	for i := range called {
		id := NewHazardID(in.ID, called[i])
		if at, ok := slices.BinarySearch(in.Hazards, id); !ok {
			in.Hazards = slices.Insert(slices.Clone(in.Hazards), at, id)
		}
	}
	v.Told = in.tell(called)
	if len(in.Hazards) > 0 && v.Told != told {
		in.PendingEffects = &Pending{Rev: rev, Hazards: in.Hazards, Cause: by.event(CmdDerive, "", "", "", nil)}
	}
	return in
}

// tell is a digest of all that Derive reads from the record.
func (in *Inspection) tell(called []Finding) string {
	header := in.Header
	header.Stamp = Stamp{}
	findings := slices.Clone(called)
	for i := range findings {
		findings[i].Stamp = Stamp{}
	}
	b, err := json.Marshal(struct {
		Status   Status
		Amended  bool
		Team     []UserID
		Header   Header
		Findings []Finding
	}{in.Status, len(in.Amendments) > 0, in.Team, header, findings})
	if err != nil {
		return "" // equal to nothing told before: the hazards are told once more, which harms nobody
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
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

// Derive returns the hazards that the record at its pending revision has not reached yet, complete and in the order of
// their ids: new, raised, marked, recalled or published, never lowered or deleted. The same record and known hazards
// give the same result, whoever asks, and a hazard that already reflects a later revision is left alone.
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
		old, exists := known[id]
		var h Hazard
		switch {
		case exists && old.InspectionRev >= p.Rev, !exists && !wanted:
			continue
		case !exists:
			h = in.newHazard(id, f)
		default:
			h = in.revise(old, f, wanted)
		}
		h.Draft, h.Team = in.Status != Submitted, in.Team
		if !exists || !sameJSON((*plainHazard)(&old), (*plainHazard)(&h)) {
			e := p.Cause
			e.From, e.To = old.Status, h.Status
			h.History = append(slices.Clip(h.History), e)
		}
		h.InspectionRev = p.Rev // also where nothing else changed: an older effect must find it taken
		out = append(out, h)
	}
	return out
}

func (in *Inspection) newHazard(id HazardID, f Finding) Hazard {
	h := Hazard{
		ID: id, Inspection: in.ID, Class: f.Class, Called: f.Class, Suspected: true, Rule: f.Rule, Finding: f.ID,
		Instance: f.Instance, OccurredAt: f.At, ReceivedAt: in.PendingEffects.Cause.At,
	}
	h.Status, _ = Next("", CmdDerive)
	in.place(&h)
	h.learn(f)
	h.Marks.Amended = len(in.Amendments) > 0
	if h.OccurredAt.IsZero() {
		h.OccurredAt = ms(in.Header.StartedAt)
	}
	return h
}

// place copies what the hazard takes from the header.
func (in *Inspection) place(h *Hazard) {
	d := &in.Header
	h.Task, h.Unit, h.Region, h.Sectors, h.Mode, h.Departments = d.Task, d.Unit, d.Region, d.Sectors, d.Mode, d.Departments
	if len(h.Marks.Transferred) == 0 {
		h.Owner = Owner{Region: d.Region, Department: d.Department}
	}
	switch d.Mode {
	case SelfCheck:
		h.Source = FromEnterprise
	case Supervision:
		h.Source = FromSupervision
	default:
		h.Source = FromDepartment
	}
}

// learn adds what a finding knows and the hazard does not.
func (h *Hazard) learn(f Finding) {
	if len(h.Items) == 0 {
		h.Items = f.Items
	}
	if len(h.Citations) == 0 {
		h.Citations = f.Citations
	}
	if len(h.Annex1) == 0 {
		h.Annex1 = f.Annex1
	}
	h.Title = cmp.Or(h.Title, f.Title)
	h.Explanation = cmp.Or(h.Explanation, f.Explanation)
	h.Caveat = cmp.Or(h.Caveat, f.Caveat)
	h.Photos, _ = union(h.Photos, f.Photos)
}

// revise brings a hazard up to the record. What the record no longer supports is marked for a supervisor, never closed.
// What it calls graver than it did before is raised; what a person graded or closed stays so until the record calls it
// graver or anew, and then an accepted one that is raised, and a withdrawn one, is recalled.
func (in *Inspection) revise(h Hazard, f Finding, wanted bool) Hazard {
	// Header values stay as they were at the time, but a record that is not signed yet, or that was about another
	// place or enterprise than it first said, takes its hazards along.
	if h.Draft || h.Unit.ID != in.Header.Unit.ID || h.Region != in.Header.Region {
		in.place(&h)
	}
	h.Marks.Amended = h.Marks.Amended || len(in.Amendments) > 0
	unsupported := h.Marks.Unsupported
	h.Marks.Unsupported = !wanted
	if !wanted {
		return h
	}
	anew := unsupported || f.Class.Rank() > cmp.Or(h.Called, h.Class).Rank()
	raised := anew && f.Class.Rank() > h.Class.Rank()
	h.Called = f.Class
	h.learn(f)
	if raised {
		h.Class, h.Marks.Raised = f.Class, true
	}
	if raised || anew && !h.WithdrawnAt.IsZero() {
		h.recall()
	}
	return h
}

// recall brings a closed hazard back to the beginning, 疑似 until a person confirms it. What was planned and done stays
// beside it; the new round needs fixings of its own. An open one is left where it stands.
func (h *Hazard) recall() {
	to, ok := Next(h.Status, CmdDerive)
	if !ok {
		return
	}
	h.Status, h.Suspected, h.Immediate, h.Marks.Recalled = to, true, false, true
	h.ConfirmedAt, h.RectifiedAt, h.AcceptedAt, h.WithdrawnAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if h.Fixings != nil {
		h.FormerFixings = append(slices.Clip(h.FormerFixings), *h.Fixings)
		h.Fixings = nil
	}
}

// Complete clears the pending effects of revision rev once all are durable; of another revision it changes nothing.
func Complete(in Inspection, rev store.Rev) Inspection {
	if in.PendingEffects != nil && in.PendingEffects.Rev == rev {
		in.PendingEffects = nil
	}
	return in
}
